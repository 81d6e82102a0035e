"""Where a scenario can reach into a rehearsal: each hook leaves everything as it is, until a fault takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from botocore.exceptions import ClientError

    from loopwright.rehearsal.containers import Answered

__all__ = ["Hooks"]


@dataclass(kw_only=True)
class Hooks:
    """The hooks; whoever uses one asks it each time."""

    definition: Callable[[str, dict[str, Any]], None] = field(default=lambda *_: None)
    """May change the definition of a pipeline, by its name, before an execution."""
    answer: Callable[[Answered], Answered] = field(default=lambda asked: asked)
    """May change what a container answered."""
    arrives: Callable[[str, datetime], datetime | None] = field(default=lambda _, at: at)
    """When `requests`, `labels` or `rows` arrive that would at a time; None: never."""
    lands: Callable[[str, Path], None] = field(default=lambda *_: None)
    """May change a file of `labels`, `rows` or `labelled` that has just landed."""
    refused: Callable[[str, str], ClientError | None] = field(default=lambda *_: None)
    """What AWS says to a call, of a service and an operation, instead of answering."""
