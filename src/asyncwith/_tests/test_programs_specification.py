"""The specification of random programs says what the language says: held against answers that were worked out by hand."""

from random import Random

import pytest
from hypothesis import given, settings

from asyncwith.programs.language import (
    Await,
    Break,
    Call,
    Get,
    Group,
    Injection,
    Log,
    Loop,
    Manager,
    Program,
    Raise,
    Return,
    See,
    Set,
    Shield,
    Timeout,
    Try,
    With,
    in_form,
    of_kind,
)
from asyncwith.programs.specification import specified
from asyncwith.programs.strategy import RECIPES, draw, programs

QUIET = Manager("Q")
SUPPRESSING = Manager("S", returns="True")
FAILING = Manager("F", leave=(Raise("k"),), caught=(Raise("k"),))
AGAIN = Manager("A", caught=(Raise("given"),))


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ((Log("x"), Return(7), Log("y")), ["x", "returned 7"]),
        ((With((QUIET,), (Log("body"),)),), ["enter Q", "body", "exit Q", "returned None"]),
        (
            (With((SUPPRESSING, FAILING), (Raise("v"),)), Log("after")),
            [
                *("enter S", "enter F", "exit F with ValueError('v')"),
                *("exit S with KeyError('k') <- ValueError('v')", "after", "returned None"),
            ],
        ),
        (
            (Loop(3, (With((FAILING,), (Break(),)),)),),
            ["enter F", "exit F", "raised KeyError('k')"],
        ),
        (
            (With((SUPPRESSING, FAILING), (Return(1),)), Return(2)),
            ["enter S", "enter F", "exit F", "exit S with KeyError('k')", "returned 2"],
        ),
        (
            (Try((Raise("v"),), "Exception", (With((QUIET,), (See(),)), Raise("k", "from None"))),),
            [
                *("caught ValueError('v')", "enter Q", "handling ValueError('v')", "exit Q"),
                "raised KeyError('k') </ ValueError('v')",
            ],
        ),
        (
            (Try((Try((Raise("v"),), "Exception", (Raise("k"),)),), "Exception", (Raise("v"),)),),
            [
                "caught ValueError('v')",
                "caught KeyError('k') <- ValueError('v')",
                "raised ValueError('v') <- KeyError('k')",
            ],
        ),
        (
            (Try((Raise("v"),), "Exception", (Raise("k", "from given"),), (See(),)),),
            [
                *("caught ValueError('v')", "handling KeyError('k')"),
                "raised KeyError('k') <= ValueError('v')",
            ],
        ),
        ((Call((Raise("s"),)),), ["raised RuntimeError('coroutine raised StopIteration') <= StopIteration('s')"]),
        ((Raise(),), ["raised RuntimeError('No active exception to reraise')"]),
        (
            (Timeout((Timeout((Await(),), fails=True), Log("not here"))), Log("after")),
            ["after", "returned None"],
        ),
        (
            (Timeout((Shield((Await(), Log("shielded"))), Await()), fails=True),),
            ["shielded", "raised TimeoutError() <- Cancelled"],
        ),
    ],
)
def test_known_answers(body, lines):
    assert specified(Program(body), "throw").lines == lines
    assert specified(Program(body), "send").lines == lines


def test_a_group_on_asyncio_hides_its_context_and_on_trio_has_none():
    body = (
        Try((Group((Raise("v"),), (Log("not here"),)),), "Exception", (Log("x"),)),
        Group((), (Set(1), Raise("b"))),
        Get(),
    )
    lines = {"throw": "ExceptionGroup[ValueError('v')] </ ValueError('v')", "send": "ExceptionGroup[ValueError('v')]"}
    for delivery, caught in lines.items():
        assert specified(Program(body), delivery).lines == [
            *(f"caught {caught}", "x", "raised BaseExceptionGroup[BaseException('b')]")
        ]


def test_a_child_sees_the_context_from_before_the_body_and_changes_its_own():
    body = (Set(1), Group((Set(2),), (Get(), Set(3))), Get())
    assert specified(Program(body), "throw").lines == ["variable 1", "variable 2", "returned None"]


def test_what_is_sent_in_is_raised_where_it_is_handled_and_what_is_thrown_in_where_it_passes():
    """Inside an exit, the cancellation that trio sends has the body's error as context; asyncio's gets it on leaving."""
    exit_ = Manager("M", caught=(Try((Await(),), "BaseException", (Raise(),)),))
    program = Program((With((exit_,), (Raise("v"),)),), Injection("edge", 0))
    inside = {"send": "caught Cancelled <- ValueError('v')", "throw": "caught Cancelled"}
    for delivery, caught in inside.items():
        assert specified(program, delivery).lines == [
            *("enter M", "exit M with ValueError('v')", caught),
            "raised Cancelled <- ValueError('v')",
        ]


def test_each_coroutine_is_closed_by_an_exit_of_its_own():
    program = Program((Call((With((QUIET,), (Await(),)),)), Log("not here")), Injection("close", 0))
    assert specified(program, "throw").lines == ["enter Q", "exit Q with GeneratorExit()", "closed"]


def test_a_cancelled_scope_cancels_again_and_an_edge_does_not():
    body = (With((Manager("M", caught=(Await(), Log("awaited"))),), (Await(),)),)
    cancelled = ["enter M", "exit M with Cancelled"]
    assert specified(Program(body, Injection("level", 0)), "throw").lines == [
        *cancelled,
        "raised Cancelled <- Cancelled",
    ]
    assert specified(Program(body, Injection("edge", 0)), "throw").lines == [*cancelled, "awaited", "raised Cancelled"]


def test_contextlib_departs_where_an_exit_raises_what_it_was_given():
    program = Program((With((AGAIN, FAILING), (Raise("v"),), "stack"),))
    assert specified(program, "throw").lines[-1] == "raised KeyError('k') <- ValueError('v')"
    assert specified(program, "throw", stacks="contextlib").lines[-1] == "raised KeyError('k') <- … without end"


def test_contextlib_never_ends_where_a_second_stack_follows_that_ring():
    inner = With((AGAIN, FAILING), (Raise("given"),), "stack")
    program = Program((With((Manager("O", caught=(inner,)),), (Raise("v"),), "stack"),))
    assert specified(program, "throw").lines[-1] == "raised KeyError('k') <- ValueError('v')"
    assert specified(program, "throw", stacks="contextlib").lines[-1] == "never ends"


@settings(max_examples=200, deadline=None, database=None)
@given(programs(RECIPES["forms"]))
def test_forms_and_kinds_of_managers_mean_nothing(body):
    lines = specified(Program(body), "throw").lines
    for form in ("nested", "combined", "stack"):
        for kind in ("class", "generator", "pushed"):
            assert specified(Program(of_kind(in_form(body, form), kind)), "throw").lines == lines


def test_the_same_seed_draws_the_same_program():
    assert all(draw(Random(1), recipe) == draw(Random(1), recipe) for recipe in RECIPES.values())
    assert draw(Random(1), RECIPES["stacks"]) != draw(Random(2), RECIPES["stacks"])
