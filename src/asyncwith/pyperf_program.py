"""A question as a pyperf program of its own: `python bench/entering.py --loop trio --fast -o trio.json`.

pyperf starts the program again for each of its processes with an environment of its own making, so the choice of the loop
travels on the command line and nowhere else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyperf

from asyncwith.errors import AsyncwithError, UsageError
from asyncwith.loops import Loop, find_loop
from asyncwith.provenance import provenance
from asyncwith.slices import Slicer
from asyncwith.timed import time_nothing
from asyncwith.trace import describe

if TYPE_CHECKING:
    from asyncwith.arms import Arm, Question

__all__ = ["metadata", "run"]


def metadata(provenance: Mapping[str, Any], question: str, loop: str, version: str) -> dict[str, Any]:
    """Return what each pyperf file of ours says about itself; by the tag `compare_to` makes a table per question."""
    packages = {f"{name}_version": release for name, release in provenance["packages"].items()}
    return {"loop": loop, "loop_version": version, "tags": [question], **packages}


def run(question: Question) -> None:
    """Measure each arm of `question` on one loop; a word that cannot be used ends the program with 2 and one line."""
    runner = pyperf.Runner(add_cmdline_args=_hand_on)
    runner.argparser.add_argument("--loop", default="asyncio", help="asyncio, uvloop, trio, … or NAME=MODULE:FACTORY")
    chosen = runner.parse_args()
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in
    try:
        loop = _usable(chosen.loop)
    except AsyncwithError as error:
        sys.exit(_complaint(error))
    about = {**metadata(provenance(), question.name, loop.id, loop.version()), "description": question.asks}
    for arm in question.arms:
        runner.bench_time_func(arm.label, _seconds, Slicer(loop), arm, inner_loops=arm.size or 1, metadata=about)


def _hand_on(command: list[str], chosen: argparse.Namespace) -> None:
    command += ["--loop", chosen.loop]


def _usable(spec: str) -> Loop:
    """Return the loop of that name once it has run something."""
    loop = find_loop(spec)
    reason = loop.absence()
    if reason is None:
        try:
            Slicer(loop).check()
        except Exception as error:  # noqa: BLE001 - importing and starting a stranger's loop may raise anything
            reason = f"{loop.id} does not run: {describe(error)}"
    if reason is not None:
        raise UsageError(reason)
    return loop


def _complaint(error: AsyncwithError) -> int:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command
    return 2


def _seconds(operations: int, slicer: Slicer, arm: Arm) -> float:
    """Return the seconds of so many operations without the loop around them; never quite nothing, which pyperf refuses."""
    wall, _ = slicer.slice(arm.timed, operations, arm.size)
    around, _ = slicer.slice(time_nothing, operations, None)
    return max(wall - around, 1) * 1e-9
