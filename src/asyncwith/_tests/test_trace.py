"""Traces say the same on every loop and in every run, and leave out nothing that a fault would change."""

import asyncio
import sys

import anyio
import pytest
import trio

from asyncwith import Trace, chain, describe, is_cancellation
from asyncwith.trace import LONGEST_TRACE

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def raised(error: BaseException, *, cause: BaseException | None = None, context: BaseException | None = None):
    error.__cause__, error.__context__ = cause, context
    error.__suppress_context__ = cause is not None
    return error


def test_a_line_joins_its_parts():
    trace = Trace()
    trace("exit", "m", "with", ValueError("v"))
    assert trace.lines == ["exit m with ValueError('v')"]


def test_each_line_is_told_as_it_is_written():
    told = []
    trace = Trace(told.append)
    trace("a")
    assert told == ["a"]


def test_a_trace_without_end_ends():
    trace = Trace()
    for _ in range(LONGEST_TRACE + 5):
        trace("again")
    assert len(trace.lines) == LONGEST_TRACE


def test_cancellations_of_all_loops_look_alike():
    seen = []

    async def cancelled():
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                await anyio.lowlevel.checkpoint()
            except BaseException as error:
                seen.append(describe(error))
                raise

    for backend in ("asyncio", "trio"):
        anyio.run(cancelled, backend=backend)
    assert seen == ["Cancelled", "Cancelled"]


def test_a_subclass_of_a_cancellation_is_not_taken_for_one():
    class Mine(asyncio.CancelledError):
        pass

    assert not is_cancellation(Mine())
    assert describe(Mine("m")) == "Mine('m')"


def test_only_loops_cancellations_count():
    assert is_cancellation(asyncio.CancelledError())
    assert not is_cancellation(trio.TooSlowError())
    assert not is_cancellation(None)


def test_addresses_are_taken_out():
    assert describe(object()) == "<object object at 0x…>"


def test_line_ends_stay_on_the_line():
    assert describe(ValueError("a\nb")) == "ValueError('a\\nb')"


def test_groups_show_their_members():
    assert (
        describe(ExceptionGroup("two", [ValueError("v"), KeyError("k")]))
        == "ExceptionGroup[ValueError('v'), KeyError('k')]"
    )


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (None, "None"),
        (ValueError("v"), "ValueError('v')"),
        (raised(OSError("o"), context=ValueError("v")), "OSError('o') <- ValueError('v')"),
        (raised(OSError("o"), cause=KeyError("k")), "OSError('o') <= KeyError('k') [<- None]"),
        (
            raised(OSError("o"), cause=KeyError("k"), context=ValueError("v")),
            "OSError('o') <= KeyError('k') [<- ValueError('v')]",
        ),
    ],
)
def test_chains_tell_cause_from_context(error, shown):
    assert chain(error) == shown


def test_a_chain_shows_what_from_none_hides():
    error = raised(OSError("o"), context=ValueError("v"))
    error.__suppress_context__ = True
    assert chain(error) == "OSError('o') </ ValueError('v')"


def test_a_chain_that_bites_its_tail_ends():
    error = OSError("o")
    other = raised(ValueError("v"), context=error)
    error.__context__ = other
    assert chain(error) == "OSError('o') <- ValueError('v') <- … without end"


class Unshown(Exception):
    def __repr__(self):
        raise KeyError


class Classless(Exception):
    """One that says nothing of its class."""

    def __getattribute__(self, name):
        if name == "__class__":
            raise KeyError
        return super().__getattribute__(name)


class Endless:
    def __repr__(self):
        return repr(self)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Unshown("v"), "Unshown('v')"),
        (ValueError(Unshown()), "<ValueError: KeyError>"),
        (
            ExceptionGroup("g", [ValueError(Endless()), KeyError("k")]),
            "ExceptionGroup[<ValueError: RecursionError>, KeyError('k')]",
        ),
    ],
)
def test_what_cannot_be_shown_is_told_by_its_class(value, shown):
    assert describe(value) == shown


def test_what_lies_about_its_class_is_shown():
    assert describe(Classless("v")) == "Classless('v')"
