"""What hosts that train one model tell each other, and how each of them learns that another is gone.

The first host listens, the others connect to it, and these connections stay open while the model is trained. LightGBM
has connections of its own; it would wait without an end for a host that fell silent. A connection here that ends
before its host said so ends this process, too, whatever it waits for: with the reason, and within `SILENT` seconds
also where a machine was cut off and closed nothing.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from ml.hosts import Hosts, HostsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MEET = 600.0
"""Seconds until all hosts have to be there; the platform starts them together, but not at the same moment."""
LEAVE = 30.0
"""Seconds that a host which is done waits for the others to be done."""
GREET = 10.0
"""Seconds in which who connects says who it is."""
LONGEST = 255
"""A longer name has no host."""
RETRY = 0.2
"""Seconds between two attempts to reach the first host."""
IDLE, EVERY, PROBES = 30, 10, 3
"""A silent connection is probed after so many seconds, each so many seconds; so many without an answer end it."""
SILENT = IDLE + EVERY * PROBES
CONNECT_MINUTES = 5
"""LightGBM's own limit for connecting; it starts when every host is there."""

LEFT = object()
"""In an inbox: the other has left."""


class Link:
    """One connection to another host: values as lines of JSON, and a thread that waits for them.

    Args:
        name: The other host.
        connection: The open connection to it.
        lost: Called in that thread when the connection ended, and the other did not say that it was done.
    """

    def __init__(self, name: str, connection: socket.socket, lost: Callable[[HostsError], None]) -> None:
        self.name, self._connection, self._lost = name, connection, lost
        self.own_address: str = connection.getsockname()[0]
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._done = False
        """Whether an end of the connection is nothing to wonder about."""
        self._thread = Thread(target=self._listen, name=f"listens to {name}", daemon=True)
        self._thread.start()

    def send(self, value: Any) -> None:
        """Send a value that JSON can hold.

        Raises:
            HostsError: The other is gone.
        """
        self._write({"value": value})

    def receive(self) -> Any:
        """Wait for the other's next value.

        Raises:
            HostsError: There will be none: the other is gone.
        """
        value = self._inbox.get()
        if value is LEFT:
            raise _gone(self.name, "it ended before this host did")
        return value

    def leave(self, why: str) -> None:
        """Tell the other that this host is done, or why it failed."""
        self._done = True
        with suppress(HostsError, OSError):
            self._write({"done": why})
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection once the other has left, too: at once, it could take along what was not read yet."""
        self._thread.join(LEAVE)
        self._connection.close()

    def _write(self, message: dict[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise _gone(self.name, str(error)) from error

    def _listen(self) -> None:
        why = "its connection ended"
        try:
            with self._connection.makefile(encoding="utf-8") as lines:
                for line in lines:
                    message = json.loads(line)
                    if "done" not in message:
                        self._inbox.put(message["value"])
                    elif why := message["done"]:
                        break
                    else:
                        self._done = True
        except (OSError, ValueError) as error:
            why = str(error)
        self._inbox.put(LEFT)
        if not self._done:
            self._lost(_gone(self.name, why))


class Peers:
    """This host and its connections to others: to all of them from the first host, to the first from the others."""

    def __init__(self, hosts: Hosts, links: Sequence[Link] = ()) -> None:
        self.hosts, self._links = hosts, links
        self._trainings = 0

    def exchange(self, value: Any) -> list[Any]:
        """Return the values of all hosts, in their order; every host has to ask at the same point of its work.

        Args:
            value: This host's own; JSON has to hold it.

        Raises:
            HostsError: A host is gone.
        """
        if not self.hosts.first:
            self._links[0].send(value)
            values: list[Any] = self._links[0].receive()
            return values
        values = [value, *(link.receive() for link in self._links)]
        for link in self._links:
            link.send(values)
        return values

    def network(self) -> dict[str, object]:
        """Return what one training is told, so that LightGBM learns from the rows of all hosts; alone, nothing."""
        if self.hosts.count == 1:
            return {}
        # Each has a port of its own: for a minute after its connections ended, LightGBM could not listen there again.
        self._trainings += 1
        port = self.hosts.address(self.hosts.name)[1] + self._trainings
        # It takes IP addresses only, and knows itself among them by one that is its own: that of an open connection.
        machines = self.exchange(f"{self._links[0].own_address}:{port}")
        return {
            "tree_learner": "data",
            "pre_partition": True,
            "num_machines": self.hosts.count,
            "machines": ",".join(machines),
            "local_listen_port": port,
            "time_out": CONNECT_MINUTES,
        }


ALONE = Peers(Hosts())


@contextmanager
def met(hosts: Hosts, *, within: float = MEET, lost: Callable[[HostsError], None] | None = None) -> Iterator[Peers]:
    """Meet the other hosts, and stay connected as long as the context lasts.

    Args:
        hosts: All hosts, and which of them this is.
        within: Seconds until all have to be there.
        lost: Called when one is lost while this one works; ends the process unless told otherwise.

    Raises:
        HostsError: A host did not come, is gone, or LightGBM cannot go on with the others.
    """
    links: Sequence[Link] = ()
    why = "it failed"
    try:
        if hosts.count > 1:
            links = [Link(*found, lost or _end) for found in (_gather if hosts.first else _join)(hosts, within)]
        yield Peers(hosts, links)
        why = ""
    except Exception as error:
        why = str(error)
        # By name: this module is for all, and LightGBM is not.
        if links and type(error).__module__.startswith("lightgbm."):
            attempt = "look at what the other hosts said, then run it again"
            raise HostsError("the hosts cannot learn together", because=why, attempt=attempt) from error
        raise
    finally:
        for link in links:
            link.leave(why)
        for link in links:
            link.close()


def _gather(hosts: Hosts, within: float) -> list[tuple[str, socket.socket]]:
    """Wait for all others, and return their connections in the order of the hosts."""
    deadline, came = time.monotonic() + within, dict[str, socket.socket]()
    with _listening(hosts, deadline) as listener, ExitStack() as unused:
        while missing := [name for name in hosts.names[1:] if name not in came]:
            listener.settimeout(max(deadline - time.monotonic(), RETRY))
            try:
                connection, _ = listener.accept()
            except TimeoutError as error:
                raise _absent(", ".join(missing), within) from error
            if (name := _greeted(connection)) in missing:
                came[name] = unused.enter_context(_kept(connection))
            else:  # whoever that is, it is none of ours
                connection.close()
        unused.pop_all()
    return [(name, came[name]) for name in hosts.names[1:]]


def _listening(hosts: Hosts, deadline: float) -> socket.socket:
    """Listen on this host's own address, which its name may take a moment to lead to."""
    while True:
        try:
            return socket.create_server(hosts.address(hosts.name))
        except OSError as error:
            if time.monotonic() > deadline:
                attempt = "free the port, or name another in LOOP_ADDRESSES"
                raise HostsError("the hosts cannot meet", because=str(error), attempt=attempt) from error
        time.sleep(RETRY)


def _greeted(connection: socket.socket) -> str:
    """Return the name that who connected gives; empty if it gives none."""
    connection.settimeout(GREET)
    said = b""
    with suppress(OSError):
        # Byte by byte, so that nothing of what follows is taken, too.
        while len(said) < LONGEST and (byte := connection.recv(1)) not in {b"", b"\n"}:
            said += byte
    return said.decode(errors="replace")


def _join(hosts: Hosts, within: float) -> list[tuple[str, socket.socket]]:
    """Connect to the first host, which may not be there yet."""
    first, deadline = hosts.names[0], time.monotonic() + within
    while True:
        try:
            connection = socket.create_connection(hosts.address(first), timeout=GREET)
            connection.sendall(f"{hosts.name}\n".encode())
        except OSError as error:
            if time.monotonic() > deadline:
                raise _absent(first, within) from error
            time.sleep(RETRY)
        else:
            return [(first, _kept(connection))]


def _kept(connection: socket.socket) -> socket.socket:
    """Return a connection that waits without an end for what comes, but not for who is no longer there."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Not every system has these; Linux does.
    for option, value in (("TCP_KEEPIDLE", IDLE), ("TCP_KEEPINTVL", EVERY), ("TCP_KEEPCNT", PROBES)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return connection


def _absent(names: str, within: float) -> HostsError:
    return HostsError(
        f"{names} did not come",
        because=f"the hosts have to meet within {within:g} seconds",
        attempt="look at what that host said; in a VPC, its security group has to let the hosts reach each other",
    )


def _gone(name: str, why: str) -> HostsError:
    attempt = "look at what that host said, then run it again"
    return HostsError(f"{name} is gone", because=" ".join(why.split()), attempt=attempt)


def _end(error: HostsError) -> None:
    """End the process at once: LightGBM, which waits for the others, can be told in no other way."""
    os.write(2, f"error: {error}\n".encode())
    os._exit(1)
