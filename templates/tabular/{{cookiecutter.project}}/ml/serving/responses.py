"""The answers: predictions and errors as the bytes of a body, JSON or CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from ml.serving.requests import Refused
from ml.serving.values import level, shown

if TYPE_CHECKING:
    from ml.errors import LoopError
    from ml.model import Facts, Prediction

JSON, CSV = "application/json", "text/csv"
OFFERS = {"": JSON, "*/*": JSON, "application/*": JSON, JSON: JSON, "text/*": CSV, CSV: CSV}


@lru_cache(maxsize=64)
def negotiate(accept: str) -> str:
    """Return the media type of the answer: the offered one that `Accept` weighs most, or names first.

    Raises:
        Refused: With 406: none of the accepted types is offered.
    """
    best, media = 0.0, None
    for part in accept.lower().split(","):
        kind, *options = (piece.strip() for piece in part.split(";"))
        weight = _weight(options)
        if kind in OFFERS and weight > best:
            best, media = weight, OFFERS[kind]
    if media is None:
        raise Refused(
            406,
            "no acceptable answer can be made",
            because=f"Accept is {shown(accept)}",
            attempt=f"accept {JSON} or {CSV}",
        )
    return media


def _weight(options: list[str]) -> float:
    for option in options:
        if option.startswith("q="):
            try:
                return float(option[2:])
            except ValueError:
                return 0.0
    return 1.0


def body(prediction: Prediction, facts: Facts, sha256: str, media: str) -> bytes:
    """Return the predictions of n rows as a body of type ``media``."""
    return _csv(prediction, facts) if media == CSV else _json(prediction, facts, sha256)


def _json(prediction: Prediction, facts: Facts, sha256: str) -> bytes:
    rows: list[dict[str, object]]
    if prediction.probabilities is None:
        rows = [{"prediction": value} for value in prediction.values.tolist()]
    else:
        names = [level(label) for label in facts.classes]
        pairs = zip(prediction.values.tolist(), prediction.probabilities.tolist(), strict=True)
        rows = [
            {"prediction": facts.classes[int(index)], "probabilities": dict(zip(names, shares, strict=True))}
            for index, shares in pairs
        ]
    return orjson.dumps({"predictions": rows, "model": {"sha256": sha256}})


def _csv(prediction: Prediction, facts: Facts) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if prediction.probabilities is None:
        writer.writerow(["prediction"])
        writer.writerows([value] for value in prediction.values.tolist())
    else:
        names = [level(label) for label in facts.classes]
        writer.writerow(["prediction", *(f"probability_{name}" for name in names)])
        pairs = zip(prediction.values.tolist(), prediction.probabilities.tolist(), strict=True)
        writer.writerows([names[int(index)], *shares] for index, shares in pairs)
    return text.getvalue().encode()


def refusal(error: LoopError) -> bytes:
    """Return an error as a JSON body."""
    document: dict[str, object] = {"error": {"what": error.what, "because": error.because, "try": error.attempt}}
    if isinstance(error, Refused):
        document["problems"] = [asdict(problem) for problem in error.problems]
        document["more_problems"] = error.more
    return orjson.dumps(document)
