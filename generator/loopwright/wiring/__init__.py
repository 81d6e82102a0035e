"""The wiring proof: whatever one resource says of another is made by somebody, and reaches exactly whom it must."""

from __future__ import annotations

from loopwright.wiring.findings import Finding, Proof, as_document, lines
from loopwright.wiring.prove import prove

__all__ = ["Finding", "Proof", "as_document", "lines", "prove"]
