"""A whole record on the standard input; what differs, and last the counts, as JSON Lines on the standard output."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from .decisions import COMPONENTS, differences
from .verdicts import gates, probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .decisions import Difference

__all__ = ["main"]

MOST = 1000
"""Differences that are told in full; all are counted."""

Told = tuple[str, bool, list["Difference"]]
"""What was looked at, whether its figures tell its outcome, and what differs."""


def main() -> int:
    """Read all lines and answer; the chain was verified before."""
    out, counts, kept, different, fields = sys.stdout, Counter[str](), 0, 0, 0
    # What the project's own code may print is no answer.
    with contextlib.redirect_stdout(sys.stderr):
        for text in sys.stdin.buffer:
            line, found = json.loads(text), False
            for what, told, unequal in _anew(line["kind"], line["facts"]):
                counts[what] += told
                kept += not told
                found = found or bool(unequal)
                for each in unequal:
                    fields += 1
                    if fields <= MOST:
                        known = {"line": line["number"], "at": line["at"], "what": what}
                        out.write(json.dumps(known | each._asdict()) + "\n")
            different += found
    out.write(json.dumps({"counts": counts, "kept": kept, "lines": different, "fields": fields}) + "\n")
    return 0


def _anew(kind: str, facts: dict[str, Any]) -> Iterator[Told]:
    if kind == "decision" and facts["component"] in COMPONENTS:
        component = facts["component"]
        yield f"decisions of the {component}", True, list(differences(component, facts["decision"]))
    elif kind == "gates":
        yield from (("verdicts of gates", told, unequal) for told, unequal in gates(facts))
    elif kind == "execution":
        told, unequal = probe(facts)
        yield "verdicts of probes", told, unequal
    elif kind not in {"opened", "closed"}:
        yield kind, False, []
