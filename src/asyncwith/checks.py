"""One check, performed in this process: a clause on a loop with a library, from a new loop to a verdict."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter  # by name: a stranger may change the module later

from asyncwith.clauses import Clause
from asyncwith.leaks import Leak, LeakWatch, beyond
from asyncwith.libraries import Library, MissingName, Names
from asyncwith.loops import Loop
from asyncwith.outdated import lacking
from asyncwith.trace import Trace, chain, describe, printable
from asyncwith.verdicts import Outcome, Verdict, judge

__all__ = ["Performed", "habit_of", "perform"]

LONGEST_DETAILS = 20_000  # characters of a traceback
MOST_TRACEBACKS = 100  # of one error and what it carries; a hundred thousand take longer than the check may


@dataclass(frozen=True)
class Performed:
    """A verdict, and whether the process is still fit for another check."""

    verdict: Verdict
    dirty: bool


def habit_of(loop: Loop) -> list[Leak]:
    """Return what `loop` leaves behind after running nothing at all.

    It is run once before that, so that what a loop sets up for the whole process is not taken for a habit.
    Whatever the loop raises passes through; `RuntimeError` if it loses the result.
    """

    async def nothing() -> str:
        return "ran"

    for _ in range(2):
        with LeakWatch() as watch:
            if loop.run(nothing) != "ran":
                raise RuntimeError("the loop did not give back the result of its main coroutine")
    return watch.leaks


def perform(
    clause: Clause,
    loop: Loop | None,
    library: Library,
    *,
    tell: Callable[[str], object] | None = None,
    habit: Sequence[Leak] = (),
) -> Performed:
    """Run the scenario of `clause` and judge it; `tell` hears each line of its trace, `habit` is the loop's (see `habit_of`).

    What is compared was written by the scenario, but the comparison is made here, outside the loop: a loop that loses or
    swallows exceptions cannot lose a failed comparison.
    """
    reason = clause.inapplicable(loop)
    if reason is not None:
        return Performed(Verdict(Outcome.NOT_RUN, reason), dirty=False)
    trace, names, details = Trace(tell), library.load(), ""
    lack: str | None = None
    started = perf_counter()
    with LeakWatch() as watch:
        try:
            _run(clause, loop, trace, names, watch)
        except BaseException as error:  # noqa: BLE001 - a loop may let anything through, SystemExit and KeyboardInterrupt too
            lack = lacking(error)
            if not isinstance(error, MissingName):
                trace("escaped:", chain(error))
                details = printable(_details(error), LONGEST_DETAILS)
            del error
    seconds = perf_counter() - started
    leaks = beyond(watch.leaks, habit)
    dirty = any(leak.spoils for leak in leaks)
    if names.missing is not None:
        lack = f"{library.id} has no {names.missing}"
    if lack is not None:
        return Performed(Verdict(Outcome.NOT_RUN, lack), dirty)
    blamed = [leak.what for leak in leaks if leak.kind not in clause.leaves]
    return Performed(judge(clause.expected(loop), trace.lines, leaks=blamed, details=details, seconds=seconds), dirty)


def _details(error: BaseException) -> str:
    """Return the traceback of `error` with those of all that it carries, unless these are too many to be read."""
    carried, seen = [error], set[int]()
    while carried and len(seen) < MOST_TRACEBACKS:
        one = carried.pop()
        if id(one) not in seen:
            seen.add(id(one))
            carried += filter(None, (one.__cause__, one.__context__, *getattr(one, "exceptions", ())))
    if carried:
        return "".join(traceback.format_tb(error.__traceback__)) + describe(error)
    return "".join(traceback.format_exception(error))


def _run(clause: Clause, loop: Loop | None, trace: Trace, names: Names, watch: LeakWatch) -> None:
    given = {"trace": trace, "library": names, "loop": loop}
    arguments = {name: given[name] for name in clause.wants}
    if not clause.in_loop:
        clause.scenario(**arguments)
        return
    assert loop is not None  # noqa: S101 - see Clause.per_loop
    done = object()

    async def main() -> object:
        await clause.scenario(**arguments)  # type: ignore[misc] # in_loop says that it is a coroutine function
        if loop.family == "asyncio":
            watch.tasks()
        return done

    if loop.run(main) is not done:
        trace("the loop did not give back the result of its main coroutine")
