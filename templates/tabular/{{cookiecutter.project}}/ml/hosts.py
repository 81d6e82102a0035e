"""The hosts that train one model: which of them this is, which rows are its own, and where the others are found.

A platform says it in words, and who says nothing is alone:

    LOOP_HOST        the name of this host
    LOOP_HOSTS       the names of all, with commas between, in the same order on each
    LOOP_ADDRESSES   `NAME=ADDRESS:PORT` of all, with commas between, where a name alone does not lead to its host

A host uses three ports: on its own the first host listens for the others (`ml/peers.py`), and on the next two LightGBM
does, in one training after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 12400
"""The port where no other is named."""
LAST_PORT = 65533
"""Two below the last there is: the next two are used, too."""


class HostsError(LoopError):
    """The hosts cannot work together."""


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """All hosts, and which of them this is. Without a word about it: one, alone."""

    name: str = "here"
    names: tuple[str, ...] = ("here",)
    """In the same order on each host."""
    addresses: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Address and port of hosts that are not found by their names."""

    @property
    def index(self) -> int:
        """The number of this host, from 0."""
        return self.names.index(self.name)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def first(self) -> bool:
        """Whether this is the host that the others meet at, and that leaves the results."""
        return self.index == 0

    @property
    def share(self) -> slice:
        """The rows that are this host's own: of N hosts, every Nth row."""
        return slice(self.index, None, self.count)

    def address(self, name: str) -> tuple[str, int]:
        """Return where a host is found: a name or an IP address, and a port."""
        return self.addresses.get(name, (name, PORT))


def told(environment: Mapping[str, str]) -> Hosts:
    """Read who is there out of a process's environment.

    Raises:
        HostsError: What it says cannot be meant.
    """
    if "LOOP_HOSTS" not in environment:
        return Hosts()
    names = tuple(environment["LOOP_HOSTS"].split(","))
    name = environment.get("LOOP_HOST", "")
    if "" in names or len(set(names)) < len(names):
        raise _unclear(f"LOOP_HOSTS is {environment['LOOP_HOSTS']!r}", "name each host once, with commas between")
    if name not in names:
        raise _unclear(f"LOOP_HOST is {name!r}, LOOP_HOSTS {','.join(names)!r}", "let LOOP_HOST be one of them")
    addresses = dict(_address(entry) for entry in filter(None, environment.get("LOOP_ADDRESSES", "").split(",")))
    if unknown := sorted(set(addresses) - set(names)):
        raise _unclear(f"LOOP_ADDRESSES names {', '.join(unknown)}", "name hosts that LOOP_HOSTS names")
    return Hosts(name=name, names=names, addresses=addresses)


def _address(entry: str) -> tuple[str, tuple[str, int]]:
    name, _, place = entry.partition("=")
    address, _, port = place.rpartition(":")
    # Longer numbers are no ports, and Python refuses to read very long ones.
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= len(str(LAST_PORT)) else 0
    if not (name and address and 1 <= number <= LAST_PORT):
        raise _unclear(f"LOOP_ADDRESSES holds {entry!r}", f"NAME=ADDRESS:PORT, with a port of 1 to {LAST_PORT}")
    return name, (address, number)


def _unclear(because: str, attempt: str) -> HostsError:
    return HostsError("it is not clear which hosts train", because=because, attempt=attempt)
