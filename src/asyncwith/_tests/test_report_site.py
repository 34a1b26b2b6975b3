"""The pages: complete, linked, safe to open whatever the results say, and never replaced by less."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from asyncwith import report
from asyncwith._tests.synthetic_runs import costs, outcome_lines, write_lines, write_run
from asyncwith.errors import InputError
from asyncwith.rooms import room
from asyncwith.untested import read_untested

VOID = {"meta", "link", "input", "br", "hr", "img"}
HOSTILE = (
    "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'` onclick=alert(1) {{ 7*7 }} $\\frac ]]>"
)


def looked_at(runs):
    return report.View(report.read_runs(runs))


def build(runs, destination, **more):
    return report.build(looked_at(runs), destination, **more)


class Parsed(HTMLParser):
    """A page as a browser sees it: elements with their attributes, ids, text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == [], f"{path} leaves elements open"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    runs = [write_run(folder / "old"), write_run(folder / "new", python="3.14.10")]
    return build(runs, folder / "site").parent


@pytest.fixture(scope="module")
def hostile_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")

    def poison(value, key=""):
        if isinstance(value, dict):
            return {name: poison(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [poison(each, key) for each in value]
        free = (
            "claim",
            "source",
            "links",
            "versions",
            "code",
            "name",
            "chapter",
            "on",
            "reason",
            "expected",
            "trace",
            "details",
        )
        more = (
            "why",
            "link",
            "since",
            "asks",
            "of",
            "arm",
            "command",
            "not_timed",
            "build",
            "platform",
            "cpu",
            "machine",
        )
        return f"{HOSTILE}{value or ''}" if key in (*free, *more) and not isinstance(value, (int, float)) else value

    lines = json.loads(json.dumps(outcome_lines(18)).replace("uvloop", "<b>uvloop"))
    figures = json.loads(json.dumps(costs()).replace("uvloop", "<b>uvloop"))
    names = {question["name"] for question in figures["questions"]}
    figures = poison(figures)
    for question in figures["questions"]:
        question["name"] = next(name for name in names if question["name"].endswith(name))
        for cell in question["cells"][:-1]:
            cell["not_timed"] = None
    run = write_lines(folder / "run<i>", poison(lines))
    (run / "costs.json").write_text(json.dumps(figures), encoding="utf-8")
    return [run]


def pages(site):
    return sorted(site.rglob("*.html"))


def test_every_page_has_title_language_and_landmarks(site):
    titles = set()
    for path in pages(site):
        page = Parsed(path)
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("title")) >= 1
        for landmark in ("header", "main", "footer", "h1"):
            assert len(page.all(landmark)) == 1, f"{path} has no single {landmark}"
        assert len(page.ids) == len(set(page.ids)), f"{path} has an id twice"
        titles.add(path.read_text(encoding="utf-8").partition("<title>")[2].partition("</title>")[0])
    assert len(titles) == len(pages(site)) == 5 + 18 + 3


def test_every_link_leads_somewhere(site):
    parsed = {path: Parsed(path) for path in pages(site)}
    for path, page in parsed.items():
        for link in page.all("a"):
            address, fragment = urldefrag(link["href"])
            if address.startswith("https://"):
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            assert target.is_file(), f"{path} leads to {address}"
            if fragment and "=" not in fragment:
                assert fragment in parsed[target].ids, f"{path} leads to {link['href']}"


def test_the_clauses_end_with_what_no_scenario_can_judge(site):
    matrix = (site / "matrix.html").read_text(encoding="utf-8")
    foot = matrix.partition("promises that no scenario can judge, and why</summary>")[2]
    assert foot
    for each in read_untested(room("conformance")):
        assert each.claim.replace("'", "&#39;") in foot
        assert all(f'<a href="{address}" rel="noreferrer">{words}</a>' in foot for words, address in each.links())


def test_nothing_is_loaded_and_only_our_own_style_and_script_are_allowed(site):
    for path in pages(site):
        page = Parsed(path)
        policy = next(
            each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        for tag, attributes in page.elements:
            assert not any(name.startswith("on") or name in ("src", "style", "srcset") for name in attributes), (
                path,
                tag,
            )
        assert [link["href"] for link in page.all("link")] == ["data:,"]


def test_the_first_page_is_small(site):
    assert (site / "index.html").stat().st_size < 150_000


def test_whatever_a_report_is_on_its_first_page_stays_small_and_says_what_it_leaves_out(tmp_path):
    lines = outcome_lines(18)
    head, finished = lines[0], lines[-1]
    libraries = [f"library-{number}" for number in range(100)]
    head["checks"] = [[clause, loop, library] for library in libraries for clause, loop, _ in head["checks"]]
    verdicts = [verdict | {"library": library} for library in libraries for verdict in lines[1:-1]]
    index = build([write_lines(tmp_path / "run", [head, *verdicts, finished])], tmp_path / "site")
    text = index.read_text(encoding="utf-8")
    assert len(text.encode()) < 150_000
    assert "488 more columns" in text
    assert re.search(r"And \d+ more", text)
    clause = (index.parent / "clauses/ENTE-02.html").read_text(encoding="utf-8")
    assert clause.count("-k ") == 60
    assert "300 passed, 40 failed" in clause
    assert clause.count("data-state") == 0
    matrix = (index.parent / "matrix.html").read_text(encoding="utf-8")
    assert matrix.count("data-state=") == 100 * 66


def test_the_cost_page_shows_all_witnesses_and_where_they_are_at_odds(tmp_path):
    text = (build([write_run(tmp_path / "run")], tmp_path / "site").parent / "costs.html").read_text(encoding="utf-8")
    assert "What it is made of" in text
    assert "the arm of one suspension was not timed" in text
    assert "Faster than its size on asyncio." in text
    assert text.count("Instructions say the opposite of time") == 2 * 2  # for the eye and for the ear
    assert text.count("Some of it stays behind") == 2 * 2
    assert "exit stack: one more, from 1 to 10,000, takes" in text
    assert text.count("<b>176 B</b>") == 4
    assert text.count("CPU time says the opposite of wall time") == 2


def test_hostile_results_stay_text(hostile_runs, tmp_path):
    for path in pages(build(hostile_runs, tmp_path / "site").parent):
        page, text = Parsed(path), path.read_text(encoding="utf-8")
        assert len(page.all("script")) == (path.name == "matrix.html")
        assert page.all("img") == []
        assert "<b>uvloop" not in text
        for tag, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes), (path, tag)
            assert not attributes.get("href", "").lower().startswith("javascript:")
        assert "49" not in re.findall(r"alert\(1\) (\S+)", text)  # templates of strangers are text too


def test_addresses_are_followed_only_if_they_are_of_the_web(tmp_path):
    lines = outcome_lines(2)
    lines[0]["clauses"]["ENTE-01"]["links"] = [
        ["run", "javascript:alert(1)"],
        ["read", "file:///etc/passwd"],
        ["go", "https://x.org"],
    ]
    site = build([write_lines(tmp_path / "run", lines)], tmp_path / "site").parent
    outside = [link["href"] for link in Parsed(site / "clauses/ENTE-01.html").all("a") if ":" in link["href"]]
    assert outside == ["https://x.org"]


def test_hostile_results_stay_text_in_markdown(hostile_runs):
    text = report.summary_markdown(looked_at(hostile_runs))
    assert "alert" in text
    assert re.search(r"(?<!\\)[<>`]", text.replace("> **", "")) is None


def test_the_same_runs_give_the_same_bytes(tmp_path):
    run = write_run(tmp_path / "run")
    first, second = (build([run], tmp_path / name).parent for name in ("first", "second"))
    files = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert files == {path.relative_to(second): path.read_bytes() for path in second.rglob("*") if path.is_file()}
    assert len(files) == 5 + 18 + 3 + 3


def test_either_half_of_a_run_is_enough_and_the_other_is_missed(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "outcomes.jsonl").rename(tmp_path / "kept")
    index = build([run], tmp_path / "site")
    assert "outcomes.jsonl</code> is missing" in index.read_text(encoding="utf-8")
    (tmp_path / "kept").rename(run / "outcomes.jsonl")
    (run / "costs.json").unlink()
    assert "costs.json</code> is missing" in (build([run], index.parent).parent / "costs.html").read_text(
        encoding="utf-8"
    )


def test_a_run_that_was_stopped_says_so_at_the_top(tmp_path):
    index = build([write_lines(tmp_path / "run", outcome_lines(4)[:-3])], tmp_path / "site").read_text(encoding="utf-8")
    assert index.index("of 16 declared checks, 14 were judged") < index.index("What holds")
    assert "no verdict" in index


def test_a_failed_build_leaves_the_old_report_alone(tmp_path, monkeypatch):
    run = write_lines(tmp_path / "run", outcome_lines(2))
    index = build([run], tmp_path / "site")
    before = {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}

    def fail(done, of):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build([run], tmp_path / "site", progress=fail)
    (run / "outcomes.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError):
        build([run], tmp_path / "site")
    assert before == {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "site"]


def test_a_report_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    run = write_lines(tmp_path / "run", outcome_lines(2))
    index = build([run], tmp_path / "site")
    rename = Path.rename

    def refuse(self, target):
        if self.name == "new":
            raise PermissionError(13, "no", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match="site cannot be written: no"):
        build([run], tmp_path / "site")
    assert index.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "site"]


def test_what_is_no_report_is_never_replaced(tmp_path):
    run = write_lines(tmp_path / "run", outcome_lines(2))
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in ("run", "file", "."):
        with pytest.raises(InputError, match="exists and is not a report"):
            build([run], tmp_path / place)
    with pytest.raises(InputError, match="exists and is not a report"):
        build([run], tmp_path / "file", single_file=True)
    file = build([run], tmp_path / "report.html", single_file=True)
    assert build([run], file, single_file=True) == file
    (tmp_path / "empty").mkdir()
    assert build([run], tmp_path / "empty").is_file()


def test_a_single_file_holds_every_page(tmp_path):
    run = write_run(tmp_path / "run")
    file = build([run], tmp_path / "report.html", single_file=True)
    page = Parsed(file)
    assert len(page.all("article")) == 5 + 18 + 3
    assert len(page.ids) == len(set(page.ids))
    for link in page.all("a"):
        if not link["href"].startswith("https://"):
            assert link["href"].startswith("#")
            assert "=" in link["href"] or link["href"][1:] in page.ids, link


def test_pages_know_how_far_they_are(tmp_path):
    seen = []
    build(
        [write_lines(tmp_path / "run", outcome_lines(2))],
        tmp_path / "site",
        progress=lambda *numbers: seen.append(numbers),
    )
    assert seen == [(done, 7) for done in range(8)]


def test_data_holds_what_the_pages_show(site):
    outcomes = json.loads((site / "data/outcomes.json").read_text(encoding="utf-8"))
    figures = json.loads((site / "data/costs.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in outcomes["runs"]] == [run["name"] for run in figures["runs"]] == ["old", "new"]
    states = {(each["clause"], each["loop"]): each["state"] for each in outcomes["runs"][0]["verdicts"]}
    assert states["ENTE-02", "trio"] == "failed"
    assert len(figures["runs"][0]["questions"]) == 3


def test_the_summary_names_what_failed(tmp_path):
    text = report.summary_markdown(looked_at([write_run(tmp_path / "run")]))
    assert "- uvloop fails 2 checks: " in text
    assert "| trio, contextlib | failed |" in text.replace("CPython 3.11.7, ", "")
    assert "| one suspension | 2.50 µs | 2.51 µs | 1.43 µs | · | loop |" in text
