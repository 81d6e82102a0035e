"""What the emulated AWS says where it stops."""

from __future__ import annotations

from loopwright.errors import LoopwrightError

__all__ = ["UnknownError"]


class UnknownError(LoopwrightError):
    """AWS may offer it, and the emulated AWS does not know it; a guess would make the rehearsal worthless."""
