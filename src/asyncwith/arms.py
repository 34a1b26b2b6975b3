"""Questions about cost, and the arms that answer them: what a bench program declares."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncwith.errors import InputError, UsageError
from asyncwith.timed import NOTHING, Body, Timed

__all__ = ["Arm", "Question", "load_questions"]


@dataclass(frozen=True)
class Arm:
    """One thing timed. `size` is how many managers (or suspensions) one operation has, by which its figure is divided.

    A `control` never suspends, so the loop takes no part in it and its true ratio between loops is 1. A `floor` is what the
    arms that follow it, up to the next one, are compared with on the same loop. `holds` names the constructs of
    the room's `constructs.toml` whose clauses have to hold on a loop for the arm to be timed there.
    """

    question: str
    name: str
    size: int | None
    control: bool
    floor: bool
    holds: tuple[str, ...]
    timed: Timed = field(compare=False)

    @property
    def label(self) -> str:
        """The name by which people and pyperf know the arm: `entering: class`, `stacking: exit stack × 1000`."""
        return label(self.question, self.name, self.size)


def label(question: str, name: str, size: int | None) -> str:
    """Return the label of an arm."""
    return f"{question}: {name}" + ("" if size is None else f" × {size}")


class Question:
    """What a bench program asks, and the arms that answer it.

    The name is that of the program's file. A program ends with `question.main()` under `if __name__ == "__main__":`, which
    makes it a pyperf program of its own. `holds` is that of all arms but the floor that do not name their own.
    """

    def __init__(self, name: str, asks: str, *, holds: Iterable[str] = ()) -> None:
        self.name = name
        self.asks = asks
        self.holds = tuple(holds)
        self.arms: list[Arm] = []
        self.file = ""

    def arm(
        self,
        name: str,
        *,
        sizes: Iterable[int] = (),
        control: bool = False,
        floor: bool = False,
        holds: Iterable[str] | None = None,
        trio: Body | None = None,
        given: Mapping[str, object] = NOTHING,
    ) -> Callable[[Body], Body]:
        """Declare an arm; the body of the decorated `async def` is what is timed.

        The body may ask for `suspend`, the loop's own way to suspend once (`await suspend()`), and for `n`, which is bound
        to each of `sizes` in turn. Figures are then divided by `n`. A body written for one fixed size names that one size.
        It may ask for what is `given` as well, by name: so one body serves several arms. Where trio does the same by other
        means, such as a nursery for a task group, `trio` is a function with its body.
        """
        constructs = tuple(holds) if holds is not None else () if floor else self.holds

        def declare(body: Body) -> Body:
            self.file = body.__code__.co_filename
            timed = Timed(body, trio, given)
            for size in tuple(sizes) or (None,):
                arm = Arm(self.name, name, size, control, floor, constructs, timed)
                if arm.label in (other.label for other in self.arms):
                    raise InputError(
                        f"{body.__code__.co_filename}:{body.__code__.co_firstlineno}: the arm {arm.label!r} is there already"
                    )
                self.arms.append(arm)
            return body

        return declare

    def digest(self) -> str:
        """Return a fingerprint of the program without its comments: figures of other code must never meet under one name.

        What it asks counts too: a question about libraries names their versions. The program is taken as text, because each
        Python writes a parsed one down in a way of its own, and all of them are compared with each other.
        """
        text = linecache.getlines(self.file)
        lines = [*text]
        for token in tokenize.generate_tokens(iter(text).__next__):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
        code = "\n".join(line.rstrip() for line in lines if line.strip())
        return hashlib.sha256((code + self.asks).encode()).hexdigest()[:12]

    def main(self) -> None:
        """Be a pyperf program: `python bench/entering.py --loop trio -o trio.json`."""
        from asyncwith.pyperf_program import run  # noqa: PLC0415 - the one door to pyperf's runner

        run(self)


def load_questions(folder: Path, names: Sequence[str] = ()) -> list[Question]:
    """Run the programs of the bench room and return their questions, all or those of `names`, in the order of the files."""
    found = {path.stem: path for path in sorted(folder.glob("*.py"))}
    for name in names:
        if name not in found:
            raise UsageError(f"there is no question {name!r}; known are {', '.join(found)}")
    return [_load(path) for name, path in found.items() if not names or name in names]


def _load(path: Path) -> Question:
    name = f"asyncwith_question_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for value in vars(module).values():
        if isinstance(value, Question) and value.name == path.stem:
            return value
    raise InputError(f"{path}: there is no Question({path.stem!r}, …)", "a question is called as its file")
