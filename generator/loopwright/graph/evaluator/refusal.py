"""Why a program cannot be evaluated."""

from __future__ import annotations

import pulumi

__all__ = ["Refused"]


class Refused(pulumi.RunError):
    """The program, or its configuration, cannot be evaluated; the text says why."""
