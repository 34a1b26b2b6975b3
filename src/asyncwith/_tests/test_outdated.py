"""A package that is too old for what stands on it is told, and what it lacks is no fault of a loop."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from operator import attrgetter

import anyio
import pytest
import trio

from asyncwith import outdated as module
from asyncwith.outdated import lacking, outdated
from asyncwith.rooms import room

CHAPTER = """
import anyio
from asyncwith import clause

@clause("TEST-01", source="PEP 492", expect="a")
async def lacks_a_name(trace):
    "It holds."
    anyio.no_such_name

@clause("TEST-02", source="PEP 492", expect="a")
async def is_wrong(trace):
    "It holds."
    trace.no_such_name
"""


@pytest.fixture
def releases(monkeypatch):
    """Say which releases are installed, and forget afterwards what followed."""
    said = {"anyio": "4.16.0", "trio": "0.35.0", "uvloop": "0.23.0", "asyncwith": "1.0"}
    asked = {
        "anyio": ["idna>=2.8", 'trio>=0.32.0; extra == "trio"'],
        "asyncwith": [
            "anyio>=4.16",
            "trio>=0.35",
            "uvloop>=0.23; sys_platform != 'none'",
            "trio>99; sys_platform == 'none'",
        ],
    }

    def release_of(package):
        if package not in said:
            raise PackageNotFoundError
        return said[package]

    monkeypatch.setattr(module, "version", release_of)
    monkeypatch.setattr(module, "requires", asked.get)
    module._outdated.cache_clear()
    yield said
    module._outdated.cache_clear()


def test_what_is_new_enough_is_not_told(releases):
    assert outdated(["anyio", "trio", "uvloop"]) == []


@pytest.mark.parametrize(
    ("package", "release", "said"),
    [
        ("trio", "0.22.0", "trio 0.22.0 is older than anyio 4.16.0 asks for (trio>=0.32.0)"),
        ("trio", "0.33.0", "trio 0.33.0 is older than asyncwith 1.0 asks for (trio>=0.35)"),
        ("uvloop", "0.17.0", "uvloop 0.17.0 is older than asyncwith 1.0 asks for (uvloop>=0.23)"),
        ("anyio", "4.5", "anyio 4.5 is older than asyncwith 1.0 asks for (anyio>=4.16)"),
    ],
)
def test_what_is_too_old_is_told_with_who_asks_for_more(releases, package, release, said):
    releases[package] = release
    assert outdated([package]) == [said]


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (anyio, "anyio 4.5 has no no_such_name"),
        (anyio.CancelScope, "anyio 4.5 has no CancelScope.no_such_name"),
        (trio, None),
        ([], None),
    ],
)
def test_a_name_is_lacking_only_where_the_package_is_too_old(releases, owner, said):
    with pytest.raises(AttributeError) as caught:
        attrgetter("no_such_name")(owner)
    error = caught.value
    assert lacking(error) is None
    releases["anyio"] = "4.5"
    module._outdated.cache_clear()
    assert lacking(error) == said


def test_a_run_tells_what_is_too_old_and_runs_no_check_that_asks_for_what_it_lacks(tmp_path):
    (tmp_path / "old" / "anyio-4.5.dist-info").mkdir(parents=True)
    (tmp_path / "old" / "anyio-4.5.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: anyio\nVersion: 4.5\n"
    )
    shutil.copy(room("conformance") / "pytest.ini", tmp_path)
    (tmp_path / "test_a.py").write_text(CHAPTER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "--loop", "asyncio", "-rs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "old")},
    )
    assert "anyio 4.5 is older than asyncwith" in done.stdout
    assert "anyio 4.5 has no no_such_name" in done.stdout
    assert "1 failed, 1 skipped" in done.stdout
