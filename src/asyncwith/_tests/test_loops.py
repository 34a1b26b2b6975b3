"""Loops are found by id, by variant, by factory and by entry point, and each really is what it says."""

import asyncio
import sys

import pytest
import trio

from asyncwith.errors import UsageError
from asyncwith.loops import builtin_loops, find_loop, load

LOOPS = [loop for loop in builtin_loops() if loop.absence() is None]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.id)
def test_a_loop_runs_a_coroutine_and_gives_its_result(loop):
    async def main(value):
        return [value]

    assert loop.run(main, 1) == [1]


@pytest.mark.parametrize("loop", [*LOOPS, find_loop("asyncio+debug")], ids=lambda loop: loop.id)
def test_it_is_that_loop_which_runs(loop):
    async def main():
        if loop.family == "trio":
            return trio.lowlevel.in_trio_run()
        running = asyncio.get_running_loop()
        eager = running.get_task_factory() is getattr(asyncio, "eager_task_factory", ...)
        return type(running).__module__.partition(".")[0], eager, running.get_debug()

    wanted = True if loop.family == "trio" else (loop.package or "asyncio", loop.eager, loop.debug)
    assert loop.run(main) == wanted


def test_a_factory_is_not_imported_before_the_loop_is_started():
    assert find_loop("mine=no_such_module:factory").id == "mine"


def test_a_factory_in_a_file_makes_the_loop(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import asyncio\nclass Mine(asyncio.SelectorEventLoop): pass\n")

    async def main():
        return type(asyncio.get_running_loop()).__name__

    assert find_loop(f"mine={path}:Mine").run(main) == "Mine"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_a_user_loop_has_variants_too():
    async def main():
        return asyncio.get_running_loop().get_task_factory() is asyncio.eager_task_factory

    loop = find_loop("mine+eager=asyncio:SelectorEventLoop")
    assert (loop.id, loop.run(main)) == ("mine+eager", True)


@pytest.mark.parametrize(
    "wrong", ["", "nobody", "trio+eager", "asyncio+lazy", "mine=", "mine=module", "=module:factory"]
)
def test_an_unknown_loop_is_refused_with_a_way_out(wrong):
    with pytest.raises(UsageError, match="--loop NAME=MODULE:FACTORY"):
        find_loop(wrong)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:name", "there is no module 'no_such_module'"),
        ("asyncio.nothing:name", "there is no module 'asyncio.nothing'"),
        ("asyncio:nothing", "asyncio has no nothing"),
        ("nowhere.py:name", "there is no file nowhere.py"),
    ],
)
def test_what_cannot_be_loaded_is_named(target, said):
    with pytest.raises(UsageError, match=said):
        load(target)


def test_a_module_that_misses_something_itself_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "asyncwith_needy.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        load("asyncwith_needy:factory")
