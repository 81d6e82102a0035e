"""The baseline: what the model learned from and how well it did, as it travels with the model.

`baseline.json` holds the counts of every input and of the predictions by bucket, how far each moves by itself, and the
losses on rows that the model had not seen. The model's SHA-256 covers it, and the same rows give the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import losses
from ml.drift import buckets
from ml.drift.blocks import blocks, duration
from ml.drift.buckets import Feature
from ml.drift.measure import measure
from ml.drift.profile import Counts, Profile
from ml.drift.reference import Reference, own
from ml.errors import LoopError
from ml.losses import Quality
from ml.skill import Skill, skill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from ml.contract import Contract
    from ml.drift.blocks import Places
    from ml.model import Facts, Floats, Label, Prediction
    from ml.signature import Signature

FILE = "baseline.json"
FORMAT = 1
LINES = 3
"""So deep in the document, a value stands on one line: it is a feature's."""


class BaselineError(LoopError):
    """The baseline cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """n rows that the model had not seen, and what it said of them."""

    frame: pl.DataFrame
    truth: Floats
    """n values or class indices."""
    prediction: Prediction


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What later rows, predictions and losses are compared with."""

    rows: int
    since: str | None
    """ISO time of the oldest training row; None where rows have no time."""
    until: str | None
    """ISO time of the newest."""
    inputs: Reference
    predictions: Reference
    quality: Quality
    skill: Skill | None = None
    """How much the model knew of rows that it had not seen; None where nobody said, or nothing can be said."""


def baseline(frame: pl.DataFrame, signature: Signature, unseen: Unseen, facts: Facts, contract: Contract) -> Baseline:
    """Describe the training window.

    The inputs are those of all its rows. Predictions and losses are those of rows that the model had not seen: of rows
    that it learned from, they would look better than any later row can.

    Args:
        frame: The training rows.
        signature: The inputs.
        unseen: Rows kept back from a model of the same settings.
        facts: Of the model; the classes give the predictions their names.
        contract: The time column, the metric, and how later windows are cut.
    """
    earlier, later = (_blocks(one, contract) for one in (frame, unseen.frame))
    said = predicted(unseen.prediction, facts.classes)
    times = None if contract.time_column is None else frame[contract.time_column]
    ends = (None, None) if times is None else (times.min().isoformat(), times.max().isoformat())  # type: ignore[union-attr]
    return Baseline(
        rows=frame.height,
        since=ends[0],
        until=ends[1],
        inputs=_reference(frame, buckets.frozen(frame, signature), earlier),
        predictions=_reference(said, predictions(said), later),
        quality=quality(unseen, contract),
        skill=_skill(unseen, contract),
    )


def _skill(unseen: Unseen, contract: Contract) -> Skill | None:
    found = skill(contract.metric.name, unseen.truth, unseen.prediction)
    return found if all(map(math.isfinite, found)) else None


def quality(unseen: Unseen, contract: Contract) -> Quality:
    """Describe the losses of rows that the model had not seen, as the monitor compares later ones with them."""
    loss = losses.losses(contract.metric.name, unseen.truth, unseen.prediction)
    parts = [loss[rows] for rows in _blocks(unseen.frame, contract)]
    return losses.quality(contract.metric.name, parts, loss)


def predicted(prediction: Prediction, classes: Sequence[Label]) -> pl.DataFrame:
    """Return what the model said of n rows as the columns that `Baseline.predictions` counts.

    A regression has its `value`. A classification has its `label`, and the `probability` of the positive class; where
    there are more than two, that of the class it said.
    """
    import polars as pl  # noqa: PLC0415 - who reads a baseline does not wait for it

    if prediction.probabilities is None:
        return pl.DataFrame({"value": prediction.values})
    said = prediction.values.astype(int)
    of = np.ones_like(said) if len(classes) == 2 else said  # noqa: PLR2004 - only two classes have a positive one
    labels = [str(classes[index]) for index in said]
    return pl.DataFrame({"label": labels, "probability": prediction.probabilities[np.arange(len(said)), of]})


def predictions(said: pl.DataFrame) -> tuple[Feature, ...]:
    """Freeze the buckets of predictions, as `predicted` gives them."""
    return tuple(
        (buckets.categorical if name == "label" else buckets.numeric)(name, said[name]) for name in said.columns
    )


def save(found: Baseline, folder: Path) -> None:
    """Write `baseline.json` into ``folder``: a line a feature, so that people can read it and compare two."""
    document = {
        "format": FORMAT,
        "rows": found.rows,
        "from": found.since,
        "until": found.until,
        "quality": asdict(found.quality),
        "skill": None if found.skill is None else found.skill._asdict(),
        "inputs": _document(found.inputs),
        "predictions": _document(found.predictions),
    }
    (folder / FILE).write_text(_text(document) + "\n", encoding="utf-8")


def load(folder: Path, name: str = FILE) -> Baseline:
    """Read the baseline that `save` wrote, or a copy with another name.

    Raises:
        BaselineError: There is none, or it is of another format.
    """
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise BaselineError(
            f"the baseline in {folder} cannot be read", because=str(error), attempt="train the model again"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        raise BaselineError(
            f"the baseline in {folder} cannot be used",
            because=f"its format is {found!r}, this code knows {FORMAT}",
            attempt="run the code that the model was trained with, or train the model again",
        )
    return Baseline(
        rows=document["rows"],
        since=document["from"],
        until=document["until"],
        quality=Quality(**document["quality"]),
        skill=Skill(**told) if (told := document.get("skill")) else None,
        inputs=_read(document["inputs"]),
        predictions=_read(document["predictions"]),
    )


def _blocks(frame: pl.DataFrame, contract: Contract) -> list[Places]:
    # Rows without a time have none: blocks of them would show only the sampling noise, which is known without them.
    if contract.time_column is None:
        return []
    return blocks(frame[contract.time_column], duration(contract.drift.every), contract.drift.min_rows)


def _reference(frame: pl.DataFrame, features: Sequence[Feature], parts: Sequence[Places]) -> Reference:
    whole = measure(frame, features)
    found = own(whole, [measure(frame[rows], features) for rows in parts])
    return Reference(profile=whole, own=found, block_rows=int(np.median([len(rows) for rows in parts] or [0])))


def _document(reference: Reference) -> dict[str, Any]:
    features = {}
    for one in reference.profile.features:
        facts = {key: value for key, value in asdict(one).items() if key != "name"}
        counts = reference.profile.counts.get(one.name, Counts()).document()
        features[one.name] = facts | {"own": reference.own.get(one.name, 0.0)} | counts
    return {"rows": reference.profile.rows, "block_rows": reference.block_rows, "features": features}


def _read(document: dict[str, Any]) -> Reference:
    features, counts, moves = [], {}, {}
    for name, found in document["features"].items():
        facts = {key: found[key] for key in (one.name for one in fields(Feature)) if key != "name"}
        features.append(Feature(name=name, **{**facts, "levels": tuple(facts["levels"])}))
        counts[name] = Counts.of({key: found[key] for key in (one.name for one in fields(Counts))})
        moves[name] = found["own"]
    profile = Profile(features=tuple(features), rows=document["rows"], counts=counts)
    return Reference(profile=profile, own=moves, block_rows=document["block_rows"])


def _text(value: Any, depth: int = 0) -> str:
    """Write JSON with a line for each feature and for whatever stands above the features."""
    if not isinstance(value, dict) or depth == LINES:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = ",\n".join(
        f"{' ' * (depth + 1)}{json.dumps(key, ensure_ascii=False)}: {_text(one, depth + 1)}"
        for key, one in value.items()
    )
    return "\n".join(("{", inner, " " * depth + "}"))
