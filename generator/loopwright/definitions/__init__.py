"""Pipeline definitions, proven without AWS: every request against SageMaker's own model, every reference and order."""

from __future__ import annotations

from loopwright.definitions.check import pipelines
from loopwright.definitions.validate import validate

__all__ = ["pipelines", "validate"]
