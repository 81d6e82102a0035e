"""Who trains together, and what each takes of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.hosts import LAST_PORT, PORT, Hosts, HostsError, told

NAMES = ("algo-1", "algo-2", "algo-3")


def test_who_is_told_nothing_is_alone() -> None:
    hosts = told({"PATH": "/bin", "LOOP_HOST": "algo-1"})
    assert hosts == Hosts()
    assert (hosts.count, hosts.index, hosts.first, hosts.share) == (1, 0, True, slice(0, None, 1))


@pytest.mark.parametrize(("name", "index"), [("algo-1", 0), ("algo-2", 1), ("algo-3", 2)])
def test_a_host_knows_its_place(name: str, index: int) -> None:
    hosts = told({"LOOP_HOST": name, "LOOP_HOSTS": ",".join(NAMES)})
    assert hosts == Hosts(name=name, names=NAMES)
    assert (hosts.count, hosts.index, hosts.first) == (3, index, index == 0)
    assert hosts.share == slice(index, None, 3)


def test_a_host_is_found_by_its_name_or_where_it_is_said_to_be() -> None:
    given = {"LOOP_HOST": "b", "LOOP_HOSTS": "a,b,c", "LOOP_ADDRESSES": f"a=127.0.0.1:5000,c=there.example:{LAST_PORT}"}
    hosts = told(given)
    assert hosts.address("a") == ("127.0.0.1", 5000)
    assert hosts.address("b") == ("b", PORT)
    assert hosts.address("c") == ("there.example", LAST_PORT)
    assert told(given | {"LOOP_ADDRESSES": ""}).addresses == {}


@given(st.integers(0, 200), st.integers(1, 12))
def test_every_row_belongs_to_exactly_one_host(rows: int, count: int) -> None:
    names = tuple(f"algo-{number}" for number in range(1, count + 1))
    shares = [Hosts(name=name, names=names).share for name in names]
    taken = [list(range(rows)[share]) for share in shares]
    assert sorted(row for own in taken for row in own) == list(range(rows))
    assert max(map(len, taken)) - min(map(len, taken)) <= 1
    frame, array = pl.DataFrame({"row": range(rows)}, schema={"row": pl.Int64}), np.arange(rows)
    for share, own in zip(shares, taken, strict=True):
        assert frame[share]["row"].to_list() == own == array[share].tolist()


ADDRESS = f"NAME=ADDRESS:PORT, with a port of 1 to {LAST_PORT}"


@pytest.mark.parametrize(
    ("changes", "because", "attempt"),
    [
        ({"LOOP_HOSTS": ""}, "LOOP_HOSTS is ''", "name each host once, with commas between"),
        ({"LOOP_HOSTS": "a,,b"}, "LOOP_HOSTS is 'a,,b'", "name each host once, with commas between"),
        ({"LOOP_HOSTS": "a,b,a"}, "LOOP_HOSTS is 'a,b,a'", "name each host once, with commas between"),
        ({"LOOP_HOST": "c"}, "LOOP_HOST is 'c', LOOP_HOSTS 'a,b'", "let LOOP_HOST be one of them"),
        ({"LOOP_HOST": None}, "LOOP_HOST is '', LOOP_HOSTS 'a,b'", "let LOOP_HOST be one of them"),
        (
            {"LOOP_ADDRESSES": "d=1.2.3.4:5,c=1.2.3.4:5"},
            "LOOP_ADDRESSES names c, d",
            "name hosts that LOOP_HOSTS names",
        ),
        *(
            ({"LOOP_ADDRESSES": entry}, f"LOOP_ADDRESSES holds {entry!r}", ADDRESS)
            for entry in (
                "a",
                "a=",
                "a=1.2.3.4",
                "a=1.2.3.4:",
                "a=1.2.3.4:x",
                "a=1.2.3.4:-1",
                "a=1.2.3.4:0",
                "a=1.2.3.4:65534",
                "a=1.2.3.4:" + "9" * 5000,
                "a=1.2.3.4:٣",
                "a=:5",
                "=1.2.3.4:5",
            )
        ),
    ],
)
def test_what_cannot_be_meant(changes: dict[str, Any], because: str, attempt: str) -> None:
    given = {"LOOP_HOST": "a", "LOOP_HOSTS": "a,b"} | changes
    with pytest.raises(HostsError) as caught:
        told({name: value for name, value in given.items() if value is not None})
    assert caught.value.what == "it is not clear which hosts train"
    assert (caught.value.because, caught.value.attempt) == (because, attempt)
