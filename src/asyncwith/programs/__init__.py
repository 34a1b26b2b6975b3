"""Random programs made of managers, judged against an executable specification.

`language` says what a program is, `strategy` draws them, `specification` tells what they do, `render` writes them as Python,
`interpreter` runs that, `exploration` compares the two and `shrink` makes what differs small. Nothing of it is imported with
`asyncwith` itself.
"""

from __future__ import annotations

from asyncwith.programs.alone import alone
from asyncwith.programs.exploration import Counterexample, Exploration, explore, recipes_for
from asyncwith.programs.language import Program, from_json, to_json

__all__ = ["Counterexample", "Exploration", "Program", "alone", "explore", "from_json", "recipes_for", "to_json"]
