"""Colouring Python source, and setting the `code` in claims apart. The text itself is never changed."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator

from markupsafe import Markup

__all__ = ["highlight", "prose"]

# Good enough for scenarios of fifteen lines; text that is no Python comes out as text.
PIECES = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<string>[rbfuRBFU]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
                     |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<decorator>(?m:^[ ]*)@[\w.]+)
      | (?P<literal>\b\d[\d_.xa-fA-Fe]*)
      | (?P<word>\b[^\W\d]\w*)""",
    re.VERBOSE,
)
LONGEST = 5_000  # characters; what is made to be slow to colour is slow with the square of this
BUILTINS = frozenset(dir(builtins))


def highlight(code: str) -> Iterator[tuple[str, str]]:
    """Yield pieces of `code`, in order and complete, each with its class or an empty one."""
    end = 0
    for match in PIECES.finditer(code[:LONGEST]):
        kind, text = str(match.lastgroup), match.group()
        if kind == "word":
            kind = "keyword" if keyword.iskeyword(text) else "builtin" if text in BUILTINS else ""
        if kind:
            yield "", code[end : match.start()]
            yield kind, text
            end = match.end()
    yield "", code[end:]


def prose(text: str) -> Markup:
    """Return `text` with what stands between backticks as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one is left over
        return Markup("{}").format(text)
    marked = (Markup("<code>{}</code>" if at % 2 else "{}").format(piece) for at, piece in enumerate(pieces))  # noqa: S704
    return Markup("").join(marked)
