"""Which step waits for which: for those that it names, and for the condition that it is behind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from loopwright.branches import BRANCHES

if TYPE_CHECKING:
    from loopwright.branches import Placed

__all__ = ["needs"]

STEP = re.compile(r"Steps\.([^.]+)\.")


def needs(place: Placed) -> set[str]:
    """Return the steps that have to end before a step starts."""
    own = {key: value for key, value in place.step["Arguments"].items() if key not in BRANCHES}
    named = {*STEP.findall(json.dumps(own)), *place.step.get("DependsOn", ())}
    return (named | {place.condition}) - {"", place.step["Name"]}
