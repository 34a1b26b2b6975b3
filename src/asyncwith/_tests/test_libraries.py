"""Libraries are found by id, module or file, keep their own words, and each one costs its own checks only."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from asyncwith.errors import UsageError
from asyncwith.hosts import Check, Hosts
from asyncwith.libraries import Library, MissingName, Names, builtin_libraries, find_library, libraries_to_time
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome, Verdict

ENTER = "ACM-02"  # takes asynccontextmanager
CLOSE = "UTIL-01"  # takes aclosing
STACK = "STACK-02"  # takes AsyncExitStack, of which it calls enter_async_context

LIBRARIES = {  # each one a file, and what is wrong with it
    "whole": "from contextlib import *",
    "empty": "",
    "raises": "raise OSError('no such device')",
    "needs": "import no_such_module_at_all",
    "hangs": "while True: pass",
    "exits": "import os; os._exit(0)",
    "complains": "import os; print('needs Windows', file=__import__('sys').stderr, flush=True); os._exit(3)",
    "patches": "from contextlib import *; import asyncio; asyncio.Runner.run = asyncio.run = print; print('patched')",
    "floods": "import os\nwhile True: os.write(1, bytes(2**20))",
    "leaves": "raise SystemExit(0)",
    "partial": "from contextlib import aclosing",
    "wrong": "from contextlib import aclosing; asynccontextmanager = 5",
    "stack": "class AsyncExitStack:\n async def __aenter__(self): return self\n async def __aexit__(self, *_): pass",
}

ASKED = [
    ("whole", ENTER, Outcome.PASSED, ""),
    ("empty", ENTER, Outcome.NOT_RUN, "empty has no asynccontextmanager"),
    ("raises", ENTER, Outcome.FAILED, "the library raises cannot be imported: OSError('no such device')"),
    ("needs", ENTER, Outcome.FAILED, "No module named 'no_such_module_at_all'"),
    ("hangs", ENTER, Outcome.TIMED_OUT, "the library hangs cannot be imported: no end after 1 s"),
    ("exits", ENTER, Outcome.CRASHED, "the library exits cannot be imported: the process exited with code 0"),
    ("leaves", ENTER, Outcome.FAILED, "the library leaves cannot be imported: SystemExit(0)"),
    ("complains", ENTER, Outcome.CRASHED, "cannot be imported: the process exited with code 3: needs Windows"),
    ("patches", ENTER, Outcome.FAILED, ""),
    ("floods", ENTER, Outcome.FAILED, "File too large"),
    ("partial", ENTER, Outcome.NOT_RUN, "partial has no asynccontextmanager"),
    ("partial", CLOSE, Outcome.PASSED, ""),
    ("wrong", ENTER, Outcome.FAILED, "object is not callable"),
    ("wrong", CLOSE, Outcome.PASSED, ""),
    ("stack", STACK, Outcome.NOT_RUN, "stack has no AsyncExitStack.enter_async_context"),
    ("stack", CLOSE, Outcome.NOT_RUN, "stack has no aclosing"),
]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Verdict]:
    """The verdicts of all that is asked below, in one run, with contextlib judged before and after."""
    folder = tmp_path_factory.mktemp("libraries")
    for name, text in LIBRARIES.items():
        (folder / f"{name}.py").write_text(text)
    specs = {name: f"{name}={folder / name}.py" for name in LIBRARIES}
    with pytest.MonkeyPatch.context() as patch, Hosts(room("conformance"), specs, jobs=2, limit=1) as hosts:
        patch.setattr("asyncwith.hosts.IMPORT_LIMIT", 1.0)
        before = hosts.submit(Check(ENTER, "asyncio", "contextlib"))
        futures = {
            (name, clause): hosts.submit(Check(clause, "asyncio", name))
            for name, clause in sorted((name, clause) for name, clause, *_ in ASKED)
        }
        after = hosts.submit(Check(ENTER, "asyncio", "contextlib"))
        found = {key: future.result(timeout=60) for key, future in futures.items()}
        assert {each.result(timeout=60).outcome for each in (before, after)} == {Outcome.PASSED}, (
            "contextlib paid for them"
        )
    return found


@pytest.mark.parametrize(("name", "clause", "outcome", "reason"), ASKED)
def test_a_library_costs_its_own_checks(
    name: str, clause: str, outcome: Outcome, reason: str, verdicts: dict[tuple[str, str], Verdict]
) -> None:
    """Whatever is wrong with a library is said of the checks that meet it, and of no other."""
    verdict = verdicts[name, clause]
    assert verdict.outcome is outcome
    assert reason in verdict.reason


class Stack:
    """A stack as a library might have it, with one method by its own name and one by contextlib's name for another."""

    def __init__(self) -> None:
        self.entered: list[object] = []

    async def enter(self, manager: object) -> None:
        self.entered.append(manager)

    def push(self, exit_: object) -> None:
        """Take an exit, which may be asynchronous."""

    def aclose(self) -> None:
        """Keep contextlib's name."""


class Module:
    """What stands for an imported library."""

    Pile = Stack
    closing = object()


SPELT = {
    "aclosing": "closing",
    "AsyncExitStack": "Pile",
    "AsyncExitStack.enter_async_context": "Pile.enter",
    "AsyncExitStack.push_async_exit": "Pile.push",
}


@pytest.fixture
def names() -> Names:
    """The names of a library that has its own words."""
    return Names(Library("mine", "nowhere", spelt=SPELT), Module)


def test_a_name_of_its_own_is_contextlib_s(names: Names) -> None:
    """What the library spells differently is found by contextlib's name."""
    assert names.aclosing is Module.closing


def test_a_word_that_means_something_else_is_missing(names: Names) -> None:
    """A scenario that asks for `closing` does not get what stands for `aclosing`, and learns why."""
    with pytest.raises(MissingName):
        _ = names.closing
    assert names.missing == "closing (what it calls so is aclosing)"


def test_methods_are_mapped_as_names_are(names: Names) -> None:
    """A stack's method answers to contextlib's name, and its own name to nothing that contextlib means otherwise."""
    stack = names.AsyncExitStack()
    assert stack.enter_async_context.__func__ is Stack.enter
    assert stack.push_async_exit.__func__ is Stack.push
    assert stack.aclose.__func__ is Stack.aclose
    with pytest.raises(MissingName):
        _ = stack.push
    assert names.missing == "AsyncExitStack.push (what it calls so is AsyncExitStack.push_async_exit)"


def test_a_method_is_missing_wherever_it_is_asked_for(names: Names) -> None:
    """Of the class, of an object or by hasattr: the scenario ends, because it cannot go on as it would with contextlib."""
    for ask in (names.AsyncExitStack, names.AsyncExitStack()):
        names.missing = None
        with pytest.raises(MissingName):
            hasattr(ask, "pop_all")
        assert names.missing == "AsyncExitStack.pop_all"


def test_a_class_with_other_methods_is_one_class(names: Names) -> None:
    """Identity, inheritance and name are what a scenario may rely on."""
    assert names.AsyncExitStack is names.AsyncExitStack
    assert issubclass(names.AsyncExitStack, Stack)
    assert names.AsyncExitStack.__name__ == "Stack"

    class Mine(names.AsyncExitStack):  # type: ignore[misc,name-defined] # a class that mypy cannot see
        pass

    assert type(Mine()) is Mine
    assert Mine().enter_async_context.__func__ is Stack.enter


def test_a_class_with_all_methods_is_untouched() -> None:
    """Nothing stands between a scenario and a library that needs no translation."""
    import contextlib  # noqa: PLC0415 - what the fixture of this test is

    names = find_library("contextlib").load()
    for name in contextlib.__all__:
        assert getattr(names, name) is getattr(contextlib, name)


@pytest.mark.parametrize(
    ("spec", "id_", "target"),
    [
        ("contextlib", "contextlib", "contextlib"),
        ("json", "json", "json"),
        ("xml.dom", "xml.dom", "xml.dom"),
        ("mine=json", "mine", "json"),
        ("some/file.py", "some/file.py", "some/file.py"),
        ("mine=some/my-file.py", "mine", "some/my-file.py"),
    ],
)
def test_a_library_is_named_in_one_of_these_ways(spec: str, id_: str, target: str) -> None:
    """An id, a module or a file, with a name before it or not; nothing is imported to find out."""
    library = find_library(spec)
    assert (library.id, library.target) == (id_, target)


@pytest.mark.parametrize("spec", ["", "=", "mine=", "=json", ".json", "json.", "a b", "some/file", "json:loads"])
def test_a_word_that_names_no_library_is_refused(spec: str) -> None:
    """What is neither a module nor a file is told at once."""
    with pytest.raises(UsageError, match="names nothing"):
        find_library(spec)


def test_an_absent_library_is_not_run(tmp_path: Path) -> None:
    """Where a known library is not installed, all of its checks say so, and a run of nothing else judged nothing."""
    absent = "import asyncwith.libraries as l; from dataclasses import replace; "
    absent += "l.register_library(replace(l.find_library('contextlib2'), package='no-such-package-at-all')); "
    absent += "from asyncwith.__main__ import main; main()"
    words = ("conform", "-k", "UTIL-01", "--loop", "asyncio", "--library", "contextlib2", "-o", "run")
    done = subprocess.run(
        [sys.executable, "-c", absent, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    _, verdict, _ = (json.loads(line) for line in (tmp_path / "run" / "outcomes.jsonl").read_text().splitlines())
    assert verdict["outcome"] == "not run"
    assert verdict["reason"] == "no-such-package-at-all is not installed: pip install no-such-package-at-all"


def test_a_file_is_judged_by_the_command(tmp_path: Path) -> None:
    """By the public door, in the caller's folder, beside contextlib."""
    (tmp_path / "mine.py").write_text("from contextlib import aclosing")
    words = (
        "conform",
        "-k",
        "UTIL-01 or UTIL-07",
        "--loop",
        "asyncio",
        "--library",
        "mine.py",
        "--library",
        "mine2=mine",
    )
    done = subprocess.run(
        [sys.executable, "-m", "asyncwith", *words, "-o", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "run" / "outcomes.jsonl").read_text().splitlines()
    found = {(each["library"], each["clause"]): each["reason"] for each in map(json.loads, lines[1:-1])}
    assert found == {
        (library, clause): reason
        for library in ("mine.py", "mine2")
        for clause, reason in {"UTIL-01": "", "UTIL-07": f"{library} has no nullcontext"}.items()
    }


@pytest.mark.parametrize("library", builtin_libraries(), ids=lambda library: library.id)
def test_words_of_a_published_library_are_its_own(library: Library) -> None:
    """Every word that a library is said to have is there, whatever release of it is installed."""
    pytest.importorskip(library.target)
    names = library.load()
    for standard in library.spelt:
        name, _, method = standard.partition(".")
        found = getattr(names, name)
        assert not method or callable(getattr(found, method))


def test_what_contextlib_itself_has_lost_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default library has no excuse: the scenario that asks for what is missing fails by an AttributeError."""
    monkeypatch.delattr(contextlib, "aclosing")
    with pytest.raises(AttributeError, match="aclosing"):
        _ = find_library("contextlib").load().aclosing


def test_what_the_mixins_are_judged_by_is_anyio_s() -> None:
    async def generator() -> AsyncGenerator[None, None]:
        yield

    names = find_library("anyio-mixins").load()
    manager = names.asynccontextmanager(generator)()
    assert isinstance(manager, anyio.AsyncContextManagerMixin)
    with pytest.raises(MissingName):
        _ = names.AsyncExitStack


def test_what_we_gave_its_names_is_not_timed() -> None:
    here, left_out = libraries_to_time()
    assert "anyio-mixins" not in {each.id for each in here}
    assert not any("anyio-mixins" in each for each in left_out)
