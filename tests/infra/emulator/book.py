"""What the emulator keeps about the calls that went by, and which of them it was told to refuse."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wire import Call


@dataclass(frozen=True)
class Entry:
    """One line of the request log."""

    service: str
    action: str
    region: str
    status: int
    error: str
    seconds: float


@dataclass
class Sabotage:
    """An order to refuse calls: of the mutating ones that match, the `nth` from now and the `count - 1` after it."""

    action: str | None
    nth: int
    count: int = 1
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        """Count a mutating call, and tell whether it is to be refused."""
        if self.action not in (None, call.action):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.count


@dataclass
class EachOnce:
    """An order to refuse every mutating call once: the next attempt at the same is let through."""

    refused: set[str] = field(default_factory=set)

    def strikes(self, call: Call) -> bool:
        """Tell whether a mutating call is asked for the first time."""
        asked = call.asked()
        first = asked not in self.refused
        self.refused.add(asked)
        return first


@dataclass
class Book:
    """What happened since the start, as far as it was not cleared; many threads write it."""

    entries: list[Entry] = field(default_factory=list)
    mutations: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    regions: set[str] = field(default_factory=set)
    sabotage: Sabotage | EachOnce | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, entry: Entry) -> None:
        """Keep an answered call."""
        with self._lock:
            self.entries.append(entry)
            self.regions.add(entry.region)

    def blame(self, fault: str) -> None:
        """Keep a fault."""
        with self._lock:
            self.faults.append(fault)

    def strikes(self, call: Call) -> bool:
        """Keep a mutating call, and tell whether it is to be refused."""
        with self._lock:
            self.mutations.append(f"{call.service}:{call.action}")
            return self.sabotage is not None and self.sabotage.strikes(call)

    def log(self) -> list[dict[str, Any]]:
        """Return every answered call."""
        with self._lock:
            return [asdict(entry) for entry in self.entries]

    def clear(self) -> None:
        """Forget the calls, but not where they went, and refuse nothing any more."""
        with self._lock:
            self.entries, self.mutations, self.faults, self.sabotage = [], [], [], None
