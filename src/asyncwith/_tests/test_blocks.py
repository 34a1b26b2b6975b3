"""A block file is read back as it was written, or refused with its name and the place that is wrong."""

import copy
import json
import os
from dataclasses import replace

import pytest

from asyncwith._tests.synthetic_blocks import PROVENANCE, make_block
from asyncwith.blocks import read_block, read_blocks, replace_file
from asyncwith.errors import InputError

WHOLE = make_block(1).to_json()


def write(folder, block, name=None):
    path = folder / f"{name or block.id}.json"
    replace_file(path, json.dumps(block.to_json()))
    return path


def test_a_block_is_read_as_it_was_written(tmp_path):
    block = make_block(1, size=10)
    assert read_block(write(tmp_path, block)) == block


def test_an_arm_that_was_not_timed_on_a_loop_has_the_reason_in_place_of_slices(tmp_path):
    block = make_block(1)
    arm = block.records[1]
    for loops, again in ((["asyncio"], arm.again), (["uvloop"], []), ([], [])):
        slices = {loop: arm.slices[loop] for loop in loops}
        changed = replace(arm, slices=slices, again=again, held=dict.fromkeys(block.loops, "PROT-08 failed"))
        spoken = replace(block, records=[changed])
        assert read_block(write(tmp_path, spoken)) == spoken
        assert spoken.covers([arm.label], block.loops)


def test_a_block_that_is_there_twice_counts_once(tmp_path):
    for block, name in [(make_block(1), "a"), (make_block(2), "b"), (make_block(1), "c")]:
        write(tmp_path, block, name)
    assert read_blocks(tmp_path) == [make_block(1), make_block(2)]


def test_files_that_never_became_whole_are_no_blocks(tmp_path):
    write(tmp_path, make_block(1))
    for name in ("x.unfiled", "x.unfiled.tmp", "block-002.json.tmp"):
        (tmp_path / name).write_text("{")
    assert read_blocks(tmp_path) == [make_block(1)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_block(tmp_path):
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(InputError, match=r"x\.json: all of it: no file"):
        read_blocks(tmp_path)


def test_a_folder_that_is_not_there_has_no_blocks(tmp_path):
    assert read_blocks(tmp_path / "blocks") == []


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_block_is_refused_by_name(tmp_path, part):
    path = write(tmp_path, make_block(1))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(InputError, match=r"block-001\.json: all of it"):
        read_block(path)


def spoilt(change):
    data = copy.deepcopy(json.loads(json.dumps(WHOLE)))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[]", "all of it: not an object"),
        ("{}", "format: missing"),
        ("[" * 100_000, "all of it"),
        ('{"format": NaN}', "a number: NaN"),
        (
            spoilt(lambda data: data.update(format=1)),
            "format: 1, which another version of asyncwith wrote; this one reads 2",
        ),
        (spoilt(lambda data: data.update(format=True)), "format: not of type int"),
        (spoilt(lambda data: data.pop("records")), "records: missing"),
        (spoilt(lambda data: data.update(seconds=10**400)), "seconds: not of type float"),
        (spoilt(lambda data: data.update(id="x" * 10_001)), "id: too long"),
        (spoilt(lambda data: data.update(reference="nix")), "loops: the reference loop is missing"),
        (spoilt(lambda data: data.update(nothing=[])), "nothing: empty"),
        (spoilt(lambda data: data.update(asks={})), "asks: the question 'entering' is missing"),
        (spoilt(lambda data: data["provenance"].update(packages=[])), "provenance.packages: not of type dict"),
        (spoilt(lambda data: data["not_timed"].update(trio=1)), "not_timed.trio: not of type str"),
        (spoilt(lambda data: data["records"].append(data["records"][0])), "records: an arm is there twice"),
        (spoilt(lambda data: data["records"][1].update(size=0)), r"records\[1\].size: out of range"),
        (spoilt(lambda data: data["records"][1].update(size="1")), r"records\[1\].size: not of type int"),
        (spoilt(lambda data: data["records"][1]["slices"].pop("asyncio")), r"records\[1\].slices: not the loops"),
        (spoilt(lambda data: data["records"][1]["slices"].update(mine=[[1, 1, 1]])), r"records\[1\].slices"),
        (spoilt(lambda data: data["records"][1]["again"].pop()), r"records\[1\].slices: not the same number of rounds"),
        (spoilt(lambda data: data["records"][1]["again"].__setitem__(2, [0, 5, 5])), r"records\[1\].again\[2\]"),
        (spoilt(lambda data: data["records"][1]["again"].__setitem__(2, [1, True, 5])), r"records\[1\].again\[2\]"),
        (spoilt(lambda data: data["records"][1]["again"].__setitem__(2, [1, 10**30, 5])), r"records\[1\].again\[2\]"),
        (spoilt(lambda data: data["records"][1]["slices"].pop("uvloop")), r"records\[1\].slices: not the loops"),
        (spoilt(lambda data: data["records"][1].update(held=[])), r"records\[1\].held: not of type dict"),
        (spoilt(lambda data: data["conditions"].update(alone=[])), "conditions.alone: not of type str"),
    ],
    ids=lambda value: value[:30] if value.startswith(("[", "{")) else value[:40],
)
def test_what_breaks_the_grammar_is_refused_with_its_place(tmp_path, text, place):
    path = tmp_path / "hostile.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"hostile.json: {place}"):
        read_block(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "hostile.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"hostile.json"):
        read_block(path)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (
            {"provenance": {**PROVENANCE, "cpu": "another"}},
            "cpu is 'a processor' in block-001 and 'another' in block-002",
        ),
        ({"provenance": {**PROVENANCE, "packages": {"anyio": "5"}}}, "anyio is"),
        ({"loops": {"asyncio": "of Python 3.11.7", "uvloop": "1"}}, "the version of uvloop is"),
        ({"digests": {"entering": "another"}}, "the program of 'entering' is"),
    ],
)
def test_blocks_of_different_origin_are_never_mixed(tmp_path, other, what):
    write(tmp_path, make_block(1))
    write(tmp_path, make_block(2, **other))
    with pytest.raises(InputError, match=what):
        read_blocks(tmp_path)


def test_two_blocks_with_one_id_are_refused(tmp_path):
    write(tmp_path, make_block(1), "a")
    write(tmp_path, make_block(1, seconds=4.0), "b")
    with pytest.raises(InputError, match="same id"):
        read_blocks(tmp_path)
