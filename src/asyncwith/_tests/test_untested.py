"""The list of what cannot be judged is whole, followable, and shown."""

import re
import subprocess
import sys

from asyncwith.clauses import load_chapters
from asyncwith.rooms import room
from asyncwith.untested import read_untested


def test_every_entry_has_a_reason_and_a_source_to_follow():
    for each in read_untested(room("conformance")):
        assert each.claim.endswith(".")
        assert each.why.endswith(".")
        assert all(address.startswith("https://") for _, address in each.links())


def test_the_clauses_that_it_names_are_there():
    named = {id_ for each in read_untested(room("conformance")) for id_ in re.findall(r"[A-Z]+-\d+", each.why)}
    assert named
    assert named <= load_chapters(room("conformance")).keys()


def test_the_command_shows_them_after_the_clauses():
    words = [sys.executable, "-m", "asyncwith", "clauses"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert all(each.claim in shown.split("PROT-01", 1)[1] for each in read_untested(room("conformance")))
    chosen = subprocess.run([*words, "-k", "PROT-01"], capture_output=True, text=True, check=True).stdout
    assert "no scenario can judge" not in chosen
