"""From pages to files: rendering, and putting a whole site in the place of an older one, or leaving that one alone.

Every page carries its style and script in itself, allowed by their hashes and nothing else allowed: browsers disagree
on what `'self'` means for a page opened from a file, and a page that was saved or sent alone still looks right.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from asyncwith.errors import InputError
from asyncwith.growth import FASTER_THAN_LINEAR
from asyncwith.report import words
from asyncwith.report.data import data_files
from asyncwith.report.highlight import highlight, prose
from asyncwith.report.model import Model
from asyncwith.report.pages import Page, pages_of
from asyncwith.report.views import STATES, View
from asyncwith.rooms import room

__all__ = ["MARKER", "build"]

MARKER = "asyncwith-report.json"  # a directory without it is not ours to replace
GENERATOR = Markup('<meta name="generator" content="asyncwith report">')  # the same for a single file
SCRIPTS = ("matrix.js",)
AT_ONCE = 10_000  # pieces of a page, of some ten characters each
Progress = Callable[[int, int], None]
Write = Callable[[Model, Sequence[Page], Path, Progress], None]


def build(view: View, destination: Path, *, single_file: bool = False, progress: Progress | None = None) -> Path:
    """Write the report on some runs and return the page to open.

    `destination` is a directory, or with `single_file` the file. It is replaced as a whole, or not touched if anything
    fails. `progress` is called with the numbers of pages done and to do.
    """
    destination = destination.resolve()
    _refuse_foreign(destination, single_file=single_file)
    pages = pages_of(view)
    try:
        _replace(destination, view.model, pages, _write_one_file if single_file else _write_site, progress)
    except OSError as error:
        raise InputError(f"{destination} cannot be written: {error.strerror}") from error
    return destination if single_file else destination / "index.html"


def _replace(destination: Path, model: Model, pages: Sequence[Page], write: Write, progress: Progress | None) -> None:
    """Write beside `destination`, and put the result in its place when it is whole."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    try:
        write(model, pages, beside / "new", progress or (lambda _done, _all: None))
        _swap(beside / "new", destination, beside / "old")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _refuse_foreign(destination: Path, *, single_file: bool) -> None:
    """Raise `InputError` if what is at `destination` was not made by `build`."""
    if not destination.exists():
        return
    if single_file:
        ours = destination.is_file() and str(GENERATOR).encode() in destination.read_bytes()[:2000]
    else:
        ours = destination.is_dir() and ((destination / MARKER).is_file() or not any(destination.iterdir()))
    if not ours:
        raise InputError(f"{destination} exists and is not a report", "name a new place, or remove it yourself")


def _swap(new: Path, destination: Path, old: Path) -> None:
    """Put `new` at `destination`; what was there goes to `old`, and comes back if that fails."""
    if not destination.is_dir():
        new.replace(destination)
        return
    destination.rename(old)
    try:
        new.rename(destination)
    except BaseException:
        old.rename(destination)
        raise


def _write_site(model: Model, pages: Sequence[Page], folder: Path, progress: Progress) -> None:
    environment, navigation = _environment(), _navigation(pages)
    for done, page in enumerate(pages):
        progress(done, len(pages))
        links = _SiteLinks(page.path)
        _write(folder / f"{page.path}.html", _layout(environment, [page], links, navigation))
    for path, pieces in data_files(model):
        _write(folder / path, pieces)
    _write(folder / MARKER, [json.dumps({"format": 1, "asyncwith": model.runs[0].provenance.asyncwith}) + "\n"])
    progress(len(pages), len(pages))


def _write_one_file(model: Model, pages: Sequence[Page], file: Path, progress: Progress) -> None:
    del model  # the data for programs are files of their own
    progress(0, 1)
    _write(file, _layout(_environment(), pages, _FileLinks(), _navigation(pages)))
    progress(1, 1)


def _write(path: Path, pieces: Iterable[str]) -> None:
    """Write a file piece by piece: the matrix of a million outcomes is larger than the model that it shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece.encode("utf-8"))


def _navigation(pages: Sequence[Page]) -> list[Page]:
    """Return the pages that every page leads to."""
    return [page for page in pages if "/" not in page.path]


def _fragment(page: str, anchor: str) -> str:
    """Return the end of an address: a view of the matrix (`key=value`) keeps its signs, a name has none."""
    return quote(anchor, safe="=&" if page == "matrix" else "")


@dataclass(frozen=True)
class _SiteLinks:
    """Links between pages that are files, as relative addresses."""

    path: str
    one_file: bool = False

    def to(self, page: str, anchor: str = "") -> str:
        """Return the address of `page`, or of a place in it."""
        fragment = f"#{_fragment(page, anchor)}" if anchor else ""
        return fragment if fragment and page == self.path else f"{'../' * self.path.count('/')}{page}.html{fragment}"

    def id(self, page: str, anchor: str) -> str:
        """Return the id of a place in `page`."""
        del page
        return quote(anchor, safe="")

    def data(self, name: str) -> str:
        """Return the address of a file for programs."""
        return f"{'../' * self.path.count('/')}data/{name}.json"


class _FileLinks:
    """Links between pages that are sections of one file."""

    one_file = True

    def to(self, page: str, anchor: str = "") -> str:
        """Return the address of the section, or of a place in it; a view of the matrix stands for itself."""
        return f"#{_fragment(page, anchor) if '=' in anchor and page == 'matrix' else self.id(page, anchor)}"

    def id(self, page: str, anchor: str) -> str:
        """Return the id of a place in the section of `page`."""
        section = page.replace("/", "-")
        return f"{section}--{quote(anchor, safe='')}" if anchor else section

    def data(self, name: str) -> str:
        """Return nothing: one file has no files beside it."""
        del name
        return ""


def _layout(
    environment: Environment, shown: Sequence[Page], links: _SiteLinks | _FileLinks, navigation: Sequence[Page]
) -> Iterator[str]:
    """Yield the pieces of a whole HTML document with the `shown` pages in it."""
    style = _asset("report.css")
    scripts = [_asset(name) for name in SCRIPTS if any(name in page.scripts for page in shown)]

    def body(page: Page) -> Iterator[Markup]:
        template = environment.get_template(f"{page.template}.html.j2")
        pieces = template.generate(page=page, links=links, **page.fill())
        while some := "".join(islice(pieces, AT_ONCE)):
            yield Markup(some)  # noqa: S704 - rendered escaped

    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts)) or repr('none')}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("layout.html.j2").generate(
        page=shown[0],
        sections=[(page, body(page)) for page in shown],
        links=links,
        navigation=navigation,
        generator=GENERATOR,
        policy=policy,
        style=style,
        scripts=scripts,
    )


@cache
def _asset(name: str) -> Markup:
    return Markup((room("reports") / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


@cache
def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _environment() -> Environment:
    """Return the templates with what all of them may use. Everything they are given is escaped."""
    environment = Environment(
        loader=FileSystemLoader(room("reports") / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals.update(STATES=STATES, VERDICTS=words.VERDICTS, FASTER_THAN_LINEAR=FASTER_THAN_LINEAR)
    environment.filters.update(
        duration=words.duration,
        times=words.times,
        half_width=words.half_width,
        listing=words.listing,
        highlight=highlight,
        prose=prose,
        moment=lambda iso: datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M %Z").strip(),
        shorten=lambda text, longest: text if len(text) <= longest else f"{text[:longest]}…",
    )
    environment.tests.update(followable=lambda address: address.startswith("https://"))
    return environment
