"""The body of a request or of an answer, as SageMaker captured it."""

from __future__ import annotations

import base64
from typing import Any

TYPES = {"JSON": "application/json", "CSV": "text/csv"}
"""The Content-Type that an encoding stands for where none was observed."""


def body(captured: Any) -> tuple[bytes, str] | None:
    """Return the bytes that went by and their Content-Type; None where nothing was captured.

    Raises:
        ValueError: What is said to be base64 is not.
    """
    match captured:
        case {"data": str() as data, "encoding": "JSON" | "CSV" | "BASE64" as encoding, **rest}:
            observed = rest.get("observedContentType") or TYPES.get(encoding, "")
        case _:
            return None
    if not isinstance(observed, str):
        return None
    return base64.b64decode(data, validate=True) if encoding == "BASE64" else data.encode(), observed
