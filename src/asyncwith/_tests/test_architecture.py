"""The import law: which way imports point, and who may open the door to which third party."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import asyncwith
from asyncwith.rooms import room

ENGINE = Path(asyncwith.__file__).parent
# Imports point down this list only, or stay on their floor.
FLOORS = (
    {"__main__", "commands"},
    {"terminal", "running"},
    {"conforming", "report"},
    {"plugin"},
    {"against"},
    {"comparing", "comparison", "changed_counts"},
    {"counters", "memory"},
    {"journal"},
    {"judging", "holding", "measuring", "changed_verdicts", "exploring"},
    {"explain"},
    {"outcomes", "pyperf_files", "run_directory", "figures"},
    {"deriving"},
    {"controls"},
    {"growth", "cost_model"},
    {"rounds"},
    {"costs"},
    {"interpreters"},
    {"hosts", "departures", "block_process", "counting_process", "memory_process", "surveying_process", "blocks"},
    {"host", "child", "exploring_process"},
    {"untested", "checks", "programs", "slices", "arms", "pyperf_program"},
    {"clauses", "statistics", "evidence", "verdicts", "timed"},
    {"expectations", "managers", "leaks", "provenance", "outdated"},
    {"loops", "libraries"},
    {"mixins"},
    {"trace"},
    {"errors", "rooms", "lending"},
)
DOORS = {
    "pytest": {"plugin", "conforming"},
    "pyperf": {"pyperf_program", "pyperf_files"},
    "jinja2": {"report"},
    "matplotlib": {"report"},
    "scipy": {"statistics"},
    "click": {"__main__", "commands"},
    "rich": {"terminal"},
    "uvloop": {"loops"},
    "winloop": {"loops"},
    "hypothesis": {"programs"},
}
# pyperf.perf_counter and the like are in no list: what is not here may be imported anywhere.


def engine_files() -> list[Path]:
    return [
        path
        for path in sorted(ENGINE.rglob("*.py"))
        if not {"_tests", "bench", "conformance", "reports"} & set(path.relative_to(ENGINE).parts)
    ]


def module_of(path: Path) -> str:
    """The floor's name of a file: its module, or the sub-package that it belongs to."""
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Every dotted name that a file imports, at its top or anywhere inside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import kills pyperf's workers"
            found |= {node.module or ""} | (
                {f"asyncwith.{a.name}" for a in node.names} if node.module == "asyncwith" else set()
            )
    return found


def floor_of(module: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if module in floor)


@pytest.mark.parametrize("path", engine_files(), ids=lambda path: str(path.relative_to(ENGINE)))
def test_imports_of_the_engine_point_down(path):
    module = module_of(path)
    if module == "__init__":
        return
    for name in imports_of(path):
        package, _, rest = name.partition(".")
        if package == "asyncwith" and rest:
            target = rest.partition(".")[0]
            assert floor_of(target) >= floor_of(module), f"{module} imports {target}, which stands above it"


@pytest.mark.parametrize("path", engine_files(), ids=lambda path: str(path.relative_to(ENGINE)))
def test_each_third_party_has_one_door(path):
    for name in imports_of(path):
        doors = DOORS.get(name.partition(".")[0])
        assert doors is None or module_of(path) in doors, f"{path.name} imports {name}"


@pytest.mark.parametrize("name", ["bench", "conformance"])
def test_rooms_import_only_public_names_of_the_engine(name):
    public = set(asyncwith.__all__)
    for path in room(name).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.partition(".")[0] == "asyncwith" for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                if (node.module or "").partition(".")[0] == "asyncwith":
                    assert node.module == "asyncwith", f"{path}: {node.module} is private"
                    assert {alias.name for alias in node.names} <= public, path


@pytest.mark.parametrize("name", ["bench", "conformance"])
def test_rooms_are_run_by_path_and_never_imported(name):
    names = {path.name for path in room(name).iterdir()}
    assert not names & {"__init__.py", "conftest.py"}
    assert not {path.stem for path in room(name).glob("*.py")} & set(sys.stdlib_module_names)


def test_importing_asyncwith_loads_no_third_party_that_has_a_door():
    code = f"import asyncwith, sys; print(*({set(DOORS) | {'anyio', 'trio'}!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
