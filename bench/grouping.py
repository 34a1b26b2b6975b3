"""What do task groups and nurseries cost: the loop's own and anyio's, empty, with children, with one that fails?

Where an arm says `own`, it is `asyncio.TaskGroup` (of Python 3.11) on asyncio and its kin, and a nursery on trio.
"""

from __future__ import annotations

import asyncio
import sys

import anyio
import trio

from asyncwith import Question, Suspend

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

grouping = Question("grouping", "What do task groups and nurseries cost, by child?", holds=("task group",))

SIZES = (1, 10, 100)


async def child() -> None:
    pass


async def failing_child() -> None:
    raise ValueError


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@grouping.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@grouping.arm("a suspension", floor=True)
async def _(suspend: Suspend) -> None:
    await suspend()


if sys.version_info >= (3, 11):

    async def open_nursery() -> None:
        async with trio.open_nursery():
            pass

    @grouping.arm("own, empty", trio=open_nursery)
    async def _() -> None:
        async with asyncio.TaskGroup():
            pass

    async def open_nursery_for(n: int) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(n):
                nursery.start_soon(child)

    @grouping.arm("own, children", sizes=SIZES, trio=open_nursery_for)
    async def _(n: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(n):
                group.create_task(child())

    async def open_nursery_for_one_that_fails() -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(failing_child)
        except ExceptionGroup:
            pass

    @grouping.arm("own, a child fails", trio=open_nursery_for_one_that_fails)
    async def _() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing_child())
        except ExceptionGroup:
            pass


@grouping.arm("anyio, empty")
async def _() -> None:
    async with anyio.create_task_group():
        pass


@grouping.arm("anyio, children", sizes=SIZES)
async def _(n: int) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(n):
            group.start_soon(child)


@grouping.arm("anyio, a child fails")
async def _() -> None:
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(failing_child)
    except ExceptionGroup:
        pass


if __name__ == "__main__":
    grouping.main()
