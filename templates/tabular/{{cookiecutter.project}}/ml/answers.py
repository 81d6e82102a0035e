"""What the server answered, as SageMaker captured it: the predictions of a request, in the form of the baseline's."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ml import bodies
from ml.serving.values import level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The predictions of n rows: the columns that `baseline.predicted` makes of a model's own."""

    model: str | None
    """SHA-256 of the model that answered; None where the answer does not say, as in CSV."""
    columns: dict[str, list[Any]]
    """`value`, or `label` and `probability`, n of each."""
    classes: tuple[str, ...] = ()
    """Of a classification, as text."""
    probabilities: list[list[float]] | None = None
    """Of a classification: n times one for each class."""


def read(captured: Any, rows: int) -> Answer | None:
    """Read the answer to a request of ``rows`` accepted rows; None where it is no prediction of all of them."""
    try:
        if (found := bodies.body(captured)) is None:
            return None
        said, observed = found
        answer = _csv(said) if observed.startswith("text/csv") else _json(said)
    except (csv.Error, LookupError, TypeError, ValueError):
        return None
    return answer if all(len(column) == rows for column in answer.columns.values()) else None


def _json(body: bytes) -> Answer:
    document = orjson.loads(body)
    said, model = document["predictions"], document["model"]["sha256"]
    if not all("probabilities" in row for row in said):
        return Answer(model=model, columns={"value": [float(row["prediction"]) for row in said]})
    return _classified(
        model,
        [str(row["prediction"]) for row in said],
        [_share(level(row["prediction"]), row["probabilities"]) for row in said],
        [row["probabilities"] for row in said],
    )


def _csv(body: bytes) -> Answer:
    head, *rows = filter(None, csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    if len(head) == 1:
        return Answer(model=None, columns={"value": [float(value) for (value,) in rows]})
    names = [name.removeprefix("probability_") for name in head[1:]]
    said = [dict(zip(names, found, strict=True)) for _, *found in rows]
    shares = [_share(label, of_row) for (label, *_), of_row in zip(rows, said, strict=True)]
    # A boolean is written as JSON has it, and counted as Python does.
    labels = [label.title() if set(names) == {"false", "true"} else label for label, *_ in rows]
    return _classified(None, labels, shares, said)


def _classified(model: str | None, labels: list[str], shares: list[float], said: Sequence[Mapping[str, Any]]) -> Answer:
    classes = tuple(said[0])
    columns: dict[str, list[Any]] = {"label": labels, "probability": shares}
    of_each = [[float(row[name]) for name in classes] for row in said]
    return Answer(model=model, columns=columns, classes=classes, probabilities=of_each)


def _share(label: str, shares: Mapping[str, Any]) -> float:
    """Return the probability of the positive class of two, which is the second; of more, that of the class it said."""
    name = list(shares)[1] if len(shares) == 2 else label  # noqa: PLR2004 - only two classes have a positive one
    return float(shares[name])
