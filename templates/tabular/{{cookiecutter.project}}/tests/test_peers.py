"""Hosts that train together: first as threads that talk, then as processes of this machine that learn one model."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from ml import peers as meeting
from ml.hosts import Hosts, HostsError
from ml.peers import ALONE, CONNECT_MINUTES, met

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.peers import Peers

SOON = 60.0
"""Seconds in which what is tested here has to be over."""


def hosts(count: int) -> list[Hosts]:
    """Return hosts that meet on this machine, each with three free ports."""
    names = tuple(f"algo-{number}" for number in range(1, count + 1))
    with ExitStack() as held:
        addresses = {name: ("127.0.0.1", free(held)) for name in names}
    return [Hosts(name=name, names=names, addresses=addresses) for name in names]


def free(held: ExitStack) -> int:
    """Return a port that is free, and the next two with it."""
    while True:
        port: int = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        with suppress(OSError, OverflowError):
            for following in (port + 1, port + 2):
                held.enter_context(socket.create_server(("127.0.0.1", following)))
            return port


def together(
    everyone: list[Hosts], work: Callable[[Peers], Any], *, within: float = 20.0, lost: Any = None
) -> dict[str, Any]:
    """Let every host work in a thread of its own; return what each made, or its error."""
    made: dict[str, Any] = {}

    def run(one: Hosts) -> None:
        try:
            with met(one, within=within, lost=lost or (lambda _error: None)) as peers:
                made[one.name] = work(peers)
        except HostsError as error:
            made[one.name] = error

    threads = [Thread(target=run, args=(one,)) for one in everyone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    return made


# --- what they tell each other


def test_alone_there_is_nobody_to_ask() -> None:
    assert ALONE.exchange({"a": 1}) == [{"a": 1}]
    assert ALONE.network() == {}
    with met(Hosts()) as peers:
        assert peers.hosts.first
    with pytest.raises(ZeroDivisionError), met(Hosts()):
        raise ZeroDivisionError


@pytest.mark.parametrize("count", [2, 3, 5])
def test_each_host_gets_the_values_of_all_in_their_order(count: int) -> None:
    def work(peers: Peers) -> Any:
        return [peers.exchange({"round": each, "of": peers.hosts.name, "loss": 0.1 + 0.2}) for each in range(50)]

    everyone = hosts(count)
    made = together(everyone, work)
    expected = [[{"round": each, "of": one.name, "loss": 0.1 + 0.2} for one in everyone] for each in range(50)]
    assert made == {one.name: expected for one in everyone}


def test_lightgbm_is_told_the_addresses_of_all_in_their_order() -> None:
    everyone = hosts(3)
    made = together(everyone, lambda peers: [peers.network(), peers.network()])
    for training, name in itertools.product((0, 1), everyone[0].names):
        ports = {one.name: one.address(one.name)[1] + 1 + training for one in everyone}
        assert made[name][training] == {
            "tree_learner": "data",
            "pre_partition": True,
            "num_machines": 3,
            "machines": ",".join(f"127.0.0.1:{port}" for port in ports.values()),
            "local_listen_port": ports[name],
            "time_out": CONNECT_MINUTES,
        }


def test_a_stranger_who_connects_is_left_alone() -> None:
    first, second = hosts(2)
    made: dict[str, Any] = {}
    thread = Thread(target=lambda: made.update(together([first], lambda peers: peers.exchange(1), within=20)))
    thread.start()
    with ExitStack() as strangers:
        for word in (b"algo-9\n", b"\xff\xfe\n", b"x" * 400, b""):
            strangers.enter_context(connected(first)).sendall(word)
            if word != b"x" * 400:
                strangers.pop_all().close()
        made |= together([second], lambda peers: peers.exchange(2))
    thread.join(SOON)
    assert made == {"algo-1": [1, 2], "algo-2": [1, 2]}


def connected(first: Hosts) -> socket.socket:
    for _ in range(200):
        with suppress(OSError):
            return socket.create_connection(first.address("algo-1"), timeout=5)
        time.sleep(0.05)
    raise AssertionError


# --- when something is wrong


@pytest.mark.parametrize(("here", "absent"), [([0, 1], "algo-3"), ([0], "algo-2, algo-3"), ([1], "algo-1")])
def test_who_does_not_come_is_named(here: list[int], absent: str) -> None:
    everyone = hosts(3)
    made = together([everyone[index] for index in here], lambda peers: peers.exchange(1), within=1.0)
    error = made[everyone[here[0]].name]
    assert error.what == f"{absent} did not come"
    assert error.because == "the hosts have to meet within 1 seconds"
    for index in here[1:]:
        assert made[everyone[index].name].what == "algo-1 is gone"


def test_a_port_that_is_taken() -> None:
    first, _ = hosts(2)
    with socket.create_server(first.address("algo-1")):
        made = together([first], lambda peers: peers.exchange(1), within=0.5)
    assert made["algo-1"].what == "the hosts cannot meet"
    assert "in use" in made["algo-1"].because


@pytest.mark.parametrize("failing", ["algo-1", "algo-2"])
def test_why_one_failed_reaches_the_others(failing: str) -> None:
    heard: Queue[HostsError] = Queue()

    def work(peers: Peers) -> Any:
        if peers.hosts.name == failing:
            raise HostsError("the classes are missing", because="there is one", attempt="bring more")
        return peers.exchange(1)

    made = together(hosts(2), work, lost=heard.put)
    (other,) = {"algo-1", "algo-2"} - {failing}
    assert made[failing].what == "the classes are missing"
    assert made[other].what == f"{failing} is gone"
    error = heard.get(timeout=SOON)
    assert error.what == f"{failing} is gone"
    assert error.because == "the classes are missing because: there is one try: bring more"


@pytest.mark.parametrize("early", ["algo-1", "algo-2"])
def test_one_that_ended_well_but_too_early_is_not_waited_for(early: str) -> None:
    heard: list[HostsError] = []
    made = together(hosts(2), lambda peers: peers.hosts.name == early or peers.exchange(1), lost=heard.append)
    (other,) = {"algo-1", "algo-2"} - {early}
    assert made[early] is True
    assert str(made[other]).startswith(f"{early} is gone\n")
    assert heard == []


def test_an_error_of_lightgbm_is_told_in_three_lines() -> None:
    def work(_peers: Peers) -> None:
        import lightgbm as lgb  # noqa: PLC0415 - the others do without

        message = "Socket recv error"
        raise lgb.basic.LightGBMError(message)

    made = together(hosts(2), work)
    assert {error.what for error in made.values()} == {"the hosts cannot learn together"}
    assert {error.because for error in made.values()} == {"Socket recv error"}


def test_a_machine_that_was_cut_off_is_noticed_by_the_system() -> None:
    def work(peers: Peers) -> list[int]:
        connection = peers._links[0]._connection
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        return [connection.getsockopt(socket.IPPROTO_TCP, option) for option in options]

    made = together(hosts(2), work)
    assert list(made.values()) == [[meeting.IDLE, meeting.EVERY, meeting.PROBES]] * 2
    assert meeting.SILENT == 60


# --- processes that learn

PROGRAM = """
import os, sys, time
from pathlib import Path
import numpy as np
from ml import hosts
from ml.model import Facts, Rows, Settings, fit, predict, save, tune
from ml.peers import met

folder, dies = Path(sys.argv[1]), sys.argv[2]
random = np.random.default_rng(5)
number, other = random.normal(size=(2, 4000))
number[::11] = np.nan
kind = random.choice(np.array(["x", "y", "z", None], dtype=object), 4000)
kind[:12] = "rare"  # six rows of each host: enough only together
value = np.nan_to_num(number) + 2.0 * (kind == "x") + (other > 0) + random.normal(0, 0.3, 4000)
facts = Facts(task="classification", target="y", classes=(False, True), weights=(1.0, 1.0))
settings = Settings(seed=7, rounds=400, patience=10, learning_rate=0.1, num_leaves=7, min_rows_in_leaf=20, threads=1)

def rows(part):
    features = {"number": number[part], "other": other[part], "kind": kind[part]}
    return Rows(features=features, target=(value[part] > 1).astype(float))

with met(hosts.told(os.environ)) as peers:
    (folder / "met").touch()
    def own(count):
        return np.arange(count)[peers.hosts.share]
    late = rows(np.arange(3000, 4000))
    if dies == "slowly":
        time.sleep(600)
    tuned, losses = tune(rows(own(3000)), late, facts, settings, peers=peers)
    if dies == "quickly":
        os._exit(9)
    model = fit(rows(own(4000)), facts, settings, rounds=int(np.argmin(losses)) + 1, peers=peers)
if peers.hosts.first:
    save(model, folder / "model")
    right = (predict(tuned, late.features).values == late.target).mean()
    (folder / "right").write_text(f"{min(losses)} {right} {len(losses)}")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., list[subprocess.Popen[str]]]]:
    """Return what starts a process for each host; each works in a folder by its name."""
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    def run(everyone: list[Hosts], run: str, **dies: str) -> list[subprocess.Popen[str]]:
        for one in everyone:
            folder = tmp_path / run / one.name
            folder.mkdir(parents=True)
            addresses = ",".join(f"{name}={place}:{port}" for name, (place, port) in one.addresses.items())
            told = {"LOOP_HOST": one.name, "LOOP_HOSTS": ",".join(one.names), "LOOP_ADDRESSES": addresses}
            command = [sys.executable, tmp_path / "program.py", folder, dies.get(one.name.replace("-", "_"), "")]
            process = subprocess.Popen(
                command,
                env=os.environ | told | {"PYTHONPATH": str(Path.cwd())},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
        return started[-len(everyone) :]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def done(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for all; return exit code and stderr of each."""
    told = [process.communicate(timeout=SOON)[1] for process in processes]
    return [(process.returncode, said) for process, said in zip(processes, told, strict=True)]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_two_hosts_learn_what_one_does_and_the_same_each_time(
    tmp_path: Path, start: Callable[..., list[subprocess.Popen[str]]]
) -> None:
    for name, count in (("one", 1), ("two", 2), ("again", 2)):
        for code, said in done(start(hosts(count), name)):
            assert code == 0, said
    first, again, alone = (tmp_path / name / "algo-1" for name in ("two", "again", "one"))
    assert files(first) == files(again)
    # The other host has the same model; only the first leaves it.
    assert set(files(tmp_path / "two" / "algo-2")) == {"met"}
    text = (first / "model/booster.txt").read_text(encoding="utf-8")
    assert "[tree_learner: data]" in text
    assert "[num_machines: 2]" in text
    assert "127.0.0.1" not in text
    assert "[machines: ]\n" in text
    # Counted over all hosts, so that a category is no rarer for being spread over them.
    levels = [json.loads((each / "model/model.json").read_text(encoding="utf-8"))["levels"] for each in (first, alone)]
    assert levels == [{"kind": ["rare", "x", "y", "z"]}] * 2
    (loss, right, rounds), (loss_alone, right_alone, _) = (
        map(float, (each / "right").read_text().split()) for each in (first, alone)
    )
    # Each host cuts numbers into bins by its own rows, so the trees are not those of one host; they are as good.
    assert loss == pytest.approx(loss_alone, rel=0.03)
    assert right == pytest.approx(right_alone, abs=0.02)
    assert rounds < 400, "it stopped early, and on both hosts in the same round"


@pytest.mark.slow
@pytest.mark.parametrize("dies", ["algo_1", "algo_2"])
def test_when_a_host_dies_the_other_ends_with_an_error(dies: str, start: Callable[..., Any]) -> None:
    first, second = done(start(hosts(2), "dies", **{dies: "quickly"}))
    (code, said), (_, dead) = (first, second) if dies == "algo_2" else (second, first)
    assert dead == ""
    assert code == 1
    assert "HostsError" in said or said.endswith("run it again\n"), said
    assert "is gone" in said or "cannot learn together" in said


@pytest.mark.slow
def test_a_host_that_is_killed_ends_another_that_waits_for_nothing_of_it(
    tmp_path: Path, start: Callable[..., list[subprocess.Popen[str]]]
) -> None:
    first, second = start(hosts(2), "killed", algo_1="slowly", algo_2="slowly")
    deadline = time.monotonic() + SOON
    while not all((tmp_path / "killed" / name / "met").exists() for name in ("algo-1", "algo-2")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second.send_signal(signal.SIGKILL)
    ((code, said),) = done([first])
    assert code == 1
    assert said == (
        "error: algo-2 is gone\n"
        "  because: its connection ended\n"
        "  try: look at what that host said, then run it again\n"
    )
