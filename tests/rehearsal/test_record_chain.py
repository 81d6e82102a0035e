"""The chain of a record: what is written can be read, and whatever is done to the file afterwards is found."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import resource
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
import recorded
from fakes import START
from recorded import FAULT, REGISTERED, ROLLOUT, ROOT

from loopwright.errors import LoopwrightError, TargetError
from loopwright.rehearsal.record.chain import FIRST, BrokenError, Record, canonical, read
from loopwright.rehearsal.record.kinds import KINDS

DOCUMENT = {"component": "controller", "woken_by": "aws.scheduler", "decision": {"start": False, "spend": 1e-07}}
LINES = [
    ("decision", DOCUMENT),
    ("execution", recorded.probed(go=False, gain=math.nan)),
    ("gates", recorded.judged()),
    ("registered", REGISTERED),
    ("rollout", ROLLOUT),
    ("fault", FAULT | {"what": 'a line break\n, a quote "sha256":"", and ü\u2028'}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recorded.project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def written(tmp_path, folder):
    return recorded.write(tmp_path / "record.jsonl", folder, LINES)


@pytest.fixture
def short(tmp_path, folder):
    return recorded.write(tmp_path / "short.jsonl", folder, [("decision", DOCUMENT), LINES[-1]])


def broken(path, content):
    """Return the line that is found to be wrong, and why."""
    path.write_bytes(content)
    with pytest.raises(BrokenError) as found:
        list(read(path))
    return found.value.line, found.value.because


@contextmanager
def refused(because, error=TargetError):
    with pytest.raises(error) as found:
        yield
    assert because in found.value.because


def chained(*members):
    """Return the bytes of a chain whose hashes are right, whatever the lines hold."""
    previous, content = FIRST, b""
    for number, each in enumerate(members, 1):
        line = {"at": "2026-03-10T09:30:00+00:00", "number": number, "previous": previous, **each}
        text = json.dumps(line, sort_keys=True, separators=(",", ":")).encode()
        previous = hashlib.sha256(text).hexdigest()
        content += text[:-1] + b',"sha256":"' + previous.encode() + b'"}\n'
    return content


def test_what_is_written_can_be_read(written, folder):
    found = list(read(written))
    assert [line.number for line in found] == [*range(1, len(KINDS) + 1)]
    assert [line.kind for line in found] == ["opened", *(kind for kind, _ in LINES), "closed"] == [*KINDS]
    assert {line.at for line in found} == {"2026-03-10T09:30:00+00:00"}
    assert found[0].facts == recorded.opened(folder)
    assert found[1].facts == DOCUMENT
    assert found[2].facts["probe"]["gain"] == "NaN"
    assert [each["gate"] for each in found[3].facts["gates"]] == [each["gate"] for each in recorded.GATES]
    assert [line.facts for line in found[4:7]] == [REGISTERED, ROLLOUT, LINES[-1][1]]
    assert found[7].facts["counts"] == {kind: 1 for kind in KINDS if kind != "closed"}


def test_each_line_holds_the_hash_of_itself_and_of_the_one_before(written):
    before = FIRST
    for text in written.read_text().splitlines():
        line = json.loads(text)
        own = line.pop("sha256")
        assert own == hashlib.sha256(json.dumps(line, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        assert line["previous"] == before
        before = own


def test_the_same_record_is_the_same_bytes(written, tmp_path, folder):
    assert recorded.write(tmp_path / "again.jsonl", folder, LINES).read_bytes() == written.read_bytes()


def test_every_change_of_a_byte_is_found(short):
    content = short.read_bytes()
    for place, byte in enumerate(content):
        line = content[:place].count(b"\n") + 1
        for other in {bytes([byte ^ 1]), b"\n", b""} - {bytes([byte])}:
            assert broken(short, content[:place] + other + content[place + 1 :])[0] == line, place


def test_a_line_that_is_cut_in_half_is_found(short):
    content = short.read_bytes()
    ends = [0, *(place + 1 for place, byte in enumerate(content) if byte == ord("\n"))]
    for length in set(range(1, len(content))) - set(ends):
        line, because = broken(short, content[:length])
        assert (line, "cut off" in because) == (content[:length].count(b"\n") + 1, True)
    assert broken(short, b"") == (1, "the file is empty")


def test_lines_that_go_come_or_change_places_are_found(written):
    lines = written.read_bytes().splitlines(keepends=True)
    for place in range(len(lines) - 1):
        assert broken(written, b"".join(lines[:place] + lines[place + 1 :]))[0] == place + 1
        swapped = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
        assert broken(written, b"".join(swapped))[0] == place + 1
    for place, line in enumerate(lines):
        assert broken(written, b"".join([*lines[: place + 1], line, *lines[place + 1 :]]))[0] == place + 2


OPENED = {"kind": "opened", "facts": dict.fromkeys(KINDS["opened"].__dataclass_fields__)}
CLOSED = {"kind": "closed", "facts": {"counts": {"opened": 1}}}
SOME = {"kind": "fault", "facts": FAULT}


@pytest.mark.parametrize(
    ("members", "line", "because"),
    [
        ([SOME], 1, "'opened' in its first line"),
        ([OPENED, OPENED], 2, "nowhere else"),
        ([OPENED, CLOSED, SOME], 3, "ends before it"),
        ([OPENED, SOME, CLOSED], 3, "it counts {'opened': 1}"),
        ([OPENED, SOME | {"previous": FIRST}], 2, "was written behind 000"),
        ([OPENED, SOME | {"number": 3}], 2, "line with number 2"),
        ([OPENED, SOME | {"kind": "gossip"}], 2, "knows no 'gossip'"),
        ([OPENED, SOME | {"kind": ["fault"]}], 2, "knows no"),
        ([OPENED, SOME | {"facts": FAULT | {"more": 1}}], 2, "knows no 'fault' with these facts"),
        ([OPENED, SOME | {"facts": 5}], 2, "no canonical JSON"),
        ([OPENED, SOME | {"facts": FAULT | {"what": math.nan}}], 2, "no canonical JSON"),
        ([OPENED, SOME | {"extra": 1}], 2, "no canonical JSON"),
    ],
)
def test_a_chain_with_right_hashes_has_to_make_sense(tmp_path, members, line, because):
    found = broken(tmp_path / "forged.jsonl", chained(*members))
    assert (found[0], because in found[1]) == (line, True), found


def test_an_interrupted_record_can_be_read(tmp_path, folder):
    path = recorded.write(tmp_path / "record.jsonl", folder, LINES[:1], closed=False)
    assert [line.kind for line in read(path)] == ["opened", "decision"]


def test_a_file_that_is_there_is_never_touched(written, folder):
    before = written.read_bytes()
    with refused("there already"):
        Record(written)
    assert written.read_bytes() == before


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path, folder):
    path = tmp_path / "record.jsonl"
    with Record(path) as first:
        first.append("opened", START, **recorded.opened(folder))
        with refused("there already"):
            Record(path)
        first.append("fault", START, **FAULT)
        assert len(list(read(path))) == 2, "each line is there as soon as it is written"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with refused("No such file"):
        Record(tmp_path / "nowhere" / "record.jsonl")
    with refused("No such file", LoopwrightError):
        list(read(tmp_path / "nowhere"))


def test_a_disk_that_is_full_ends_the_record(tmp_path, folder):
    path = tmp_path / "record.jsonl"
    with Record(path) as record:
        record.append("opened", START, **recorded.opened(folder))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, limits[1]))
        try:
            with refused("a part of the line"):
                record.append("fault", START, **FAULT)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        with pytest.raises(ValueError, match="closed file"):
            record.append("fault", START, **FAULT)
    assert broken(path, path.read_bytes())[0] == 2


def test_facts_are_those_of_their_kind_and_times_have_a_zone(tmp_path, folder):
    path = tmp_path / "record.jsonl"
    with Record(path) as record:
        for kind, facts in [("fault", ROLLOUT), ("fault", {}), ("rollout", ROLLOUT | {"more": 1})]:
            with pytest.raises(TypeError):
                record.append(kind, START, **facts)
        with pytest.raises(ValueError, match="no time zone"):
            record.append("fault", START.replace(tzinfo=None), **FAULT)
        record.append("opened", START.astimezone(timezone(timedelta(hours=5))), **recorded.opened(folder))
    assert [(line.number, line.at) for line in read(path)] == [(1, "2026-03-10T09:30:00+00:00")]


def test_canonical_json_is_one_for_each_value():
    value = {
        "b": (1, 2.5, None, True),
        "a": datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))),
        "ä": -math.inf,
    }
    text = b'{"a":"2026-01-01T00:00:00+00:00","b":[1,2.5,null,true],"\\u00e4":"-Infinity"}'
    assert canonical(value) == text
    assert canonical([math.inf, math.nan]) == b'["Infinity","NaN"]'
    assert [float(each) for each in json.loads(canonical([math.inf, -math.inf]))] == [math.inf, -math.inf]
    with pytest.raises(TypeError):
        canonical({"a": {1, 2}})


def test_the_page_tells_how_to_verify_without_us(written):
    """Its commands are run as they stand there."""
    if not all(map(shutil.which, ("bash", "jq", "sed", "sha256sum"))):
        pytest.skip("jq or sha256sum is not here")
    page = (ROOT / "docs" / "rehearsal-record.md").read_text()
    script = re.search(r"```sh\n(# verify.*?)```", page, re.DOTALL)[1]

    def verify():
        done = subprocess.run(["bash", "-c", script], cwd=written.parent, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    content = written.read_bytes()
    assert verify() == (0, "")
    written.write_bytes(content.replace(b"no alarm fired", b"no alarm Fired"))
    assert (verify()[0], "line 6" in verify()[1]) == (1, True)
    lines = content.splitlines(keepends=True)
    written.write_bytes(b"".join(lines[:3] + lines[4:]))
    assert (verify()[0], "line 4" in verify()[1]) == (1, True)


def test_kinds_that_are_documented_are_those_that_there_are():
    page = (ROOT / "docs" / "rehearsal-record.md").read_text()
    assert re.findall(r"(?m)^\| `(\w+)` \|", page) == [*KINDS]


def test_the_time_of_this_machine_is_in_no_line(written):
    assert str(datetime.now(UTC).date()) not in written.read_text()
    assert os.fspath(ROOT) not in written.read_text()
