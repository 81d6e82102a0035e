"""YOURS: the model: fit, predict, save, load. Gradient boosting with native categories and missing values.

The artefact is text (LightGBM's own format and JSON): readable, and safe to load, unlike a pickle. The same data,
settings and seed give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from ml.peers import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml.peers import Peers
    from ml.signature import Columns

Label = bool | int | str
Task = Literal["classification", "regression"]
Floats = NDArray[np.float64]

MIN_LEVEL_ROWS = 10
"""A category seen in fewer training rows than this says more about those rows than about itself: read as missing."""
BOOSTER, FACTS = "booster.txt", "model.json"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to fit; `params.yaml` holds the values under `train`."""

    seed: int
    rounds: int
    patience: int
    learning_rate: float
    num_leaves: int
    min_rows_in_leaf: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All of the model that is not trees."""

    task: Task
    target: str
    classes: tuple[Label, ...]
    """The class of each index; with two, the positive one is the second. Empty for a regression."""
    weights: tuple[float, ...]
    """The label is the class with the largest probability / weight; with two, the second weight is the threshold."""
    features: tuple[str, ...] = ()
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The categories of each categorical feature, in the order of their codes."""
    believable: tuple[float, float] | None = None
    """The smallest and the largest value that a regression's training target makes believable (`ml/sanity.py`)."""

    @cached_property
    def codes(self) -> dict[str, dict[str, float]]:
        """The code of each category of each categorical feature."""
        return {name: {level: float(code) for code, level in enumerate(of)} for name, of in self.levels.items()}


@dataclass(frozen=True)
class Model:
    """A fitted model."""

    booster: lgb.Booster
    facts: Facts


@dataclass(frozen=True)
class Prediction:
    """What the model says about n rows."""

    values: Floats
    """n numbers: the predicted value, or the index of the predicted class."""
    probabilities: Floats | None
    """n x k for k classes; None for a regression."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """n rows to learn from: features as `ml/features.py` makes them, and the value or class index of each."""

    features: Columns
    target: Floats


def tune(
    train: Rows, validation: Rows, facts: Facts, settings: Settings, *, peers: Peers = ALONE
) -> tuple[Model, list[float]]:
    """Find how many trees to grow: as many as lower the loss on ``validation``.

    Args:
        train: Rows to learn from; with several hosts, this one's share.
        validation: Rows to judge by; with several hosts, the same on each.
        facts: Task, target, classes and weights.
        settings: How to fit.
        peers: The other hosts that take part.

    Returns:
        The model of the best round, and the validation loss after each round.
    """
    facts = _seen(train, facts, peers)
    dataset = _dataset(train, facts)
    history: dict[str, dict[str, list[float]]] = {}
    booster = lgb.train(
        _parameters(facts, settings) | peers.network(),
        dataset,
        num_boost_round=settings.rounds,
        valid_sets=[_dataset(validation, facts, reference=dataset)],
        valid_names=["validation"],
        callbacks=[
            _same_losses(peers),
            lgb.early_stopping(settings.patience, verbose=False),
            lgb.record_evaluation(history),
        ],
    )
    (losses,) = history["validation"].values()
    return Model(_reread(booster, booster.best_iteration), facts), losses


def fit(train: Rows, facts: Facts, settings: Settings, *, rounds: int, peers: Peers = ALONE) -> Model:
    """Fit ``rounds`` trees (of each class) on ``train``; ``facts`` name task, target, classes and weights.

    With several hosts, ``train`` is this one's share of the rows, ``peers`` are the others, and all get the same model.
    """
    facts = _seen(train, facts, peers)
    parameters = _parameters(facts, settings) | peers.network()
    return Model(_reread(lgb.train(parameters, _dataset(train, facts), rounds), rounds), facts)


def predict(model: Model, features: Columns) -> Prediction:
    """Predict n rows; ``features`` are as `ml/features.py` makes them."""
    raw: Floats = np.asarray(model.booster.predict(_matrix(features, model.facts), num_threads=1))
    if model.facts.task == "regression":
        return Prediction(raw, None)
    probabilities = raw if raw.ndim == 2 else np.column_stack([1 - raw, raw])  # noqa: PLR2004 - rows by classes
    return Prediction(decide(probabilities, model.facts.weights), probabilities)


def decide(probabilities: Floats, weights: tuple[float, ...]) -> Floats:
    """Return the index of the class with the largest probability / weight, for each of n rows."""
    best: Floats = np.argmax(probabilities / np.asarray(weights), axis=1).astype(np.float64)
    return best


def save(model: Model, folder: Path) -> None:
    """Write the model into ``folder`` as text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOOSTER).write_text(model.booster.model_to_string(), encoding="utf-8")
    (folder / FACTS).write_text(json.dumps(asdict(model.facts), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: Path) -> Model:
    """Read the model that `save` wrote."""
    found = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    lists: dict[str, Any] = {key: tuple(found[key]) for key in ("classes", "weights", "features")}
    if (within := found.get("believable")) is not None:
        lists["believable"] = tuple(within)
    levels = {name: tuple(of_feature) for name, of_feature in found["levels"].items()}
    booster = lgb.Booster(model_str=(folder / BOOSTER).read_text(encoding="utf-8"))
    return Model(booster, Facts(task=found["task"], target=found["target"], levels=levels, **lists))


def _parameters(facts: Facts, settings: Settings) -> dict[str, object]:
    objective: dict[str, object] = {"objective": "regression", "metric": "rmse"}
    if facts.task == "classification":
        objective = {"objective": "binary", "metric": "binary_logloss"}
        if len(facts.classes) > 2:  # noqa: PLR2004 - two classes are binary
            objective = {"objective": "multiclass", "metric": "multi_logloss", "num_class": len(facts.classes)}
    return objective | {
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_rows_in_leaf,
        "num_threads": settings.threads,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _same_losses(peers: Peers) -> Callable[[lgb.callback.CallbackEnv], None]:
    """Return a callback after which each host has the losses of the first.

    The order in which threads add up is not always the same, so the last digit may differ. A host that stopped a round
    earlier than the others would leave them waiting for it.
    """

    def take(env: lgb.callback.CallbackEnv) -> None:
        (own,) = env.evaluation_result_list
        loss = peers.exchange(own.metric_value)[0]
        env.evaluation_result_list[:] = [lgb.EvalResult(own.dataset_name, own.metric_name, loss, own.maximize)]

    return take


def _seen(rows: Rows, facts: Facts, peers: Peers) -> Facts:
    """Fill in the features and the categories that the rows of all hosts have."""
    return replace(facts, features=tuple(rows.features), levels=_levels(rows.features, peers))


def _reread(booster: lgb.Booster, rounds: int) -> lgb.Booster:
    """Return the model as it will be read back: the text of its first ``rounds`` rounds and nothing else."""
    text: str = booster.model_to_string(num_iteration=rounds)
    # Where its hosts were is no part of the model: it has the same bytes wherever it was made.
    for name, alone in (("machines", ""), ("local_listen_port", "12400")):
        text = re.sub(rf"^\[{name}: .*\]$", f"[{name}: {alone}]", text, flags=re.MULTILINE)
    return lgb.Booster(model_str=text)


def _levels(features: Columns, peers: Peers) -> dict[str, tuple[str, ...]]:
    counts: dict[str, dict[str, int]] = {}
    for name, values in features.items():
        if values.dtype == object:
            known, of_each = np.unique([str(value) for value in values if value is not None], return_counts=True)
            counts[name] = dict(zip(known.tolist(), of_each.tolist(), strict=True))
    everywhere = peers.exchange(counts)
    found = {}
    for name in counts:
        total = sum((Counter(of_host[name]) for of_host in everywhere), Counter[str]())
        found[name] = tuple(sorted(level for level, count in total.items() if count >= MIN_LEVEL_ROWS))
    return found


def _dataset(rows: Rows, facts: Facts, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    # Names go by position: LightGBM refuses some characters that a column name may hold.
    names = [f"f{index}" for index in range(len(facts.features))]
    categorical = [name for name, feature in zip(names, facts.features, strict=True) if feature in facts.levels]
    matrix = _matrix(rows.features, facts)
    return lgb.Dataset(matrix, rows.target, feature_name=names, categorical_feature=categorical, reference=reference)


def _matrix(features: Columns, facts: Facts) -> Floats:
    """Stack the features to n x f numbers: categories become their codes, unknown ones are missing."""
    matrix = np.empty((len(next(iter(features.values()))), len(facts.features)))
    for index, name in enumerate(facts.features):
        values = features[name]
        codes = facts.codes.get(name)
        if codes is not None:
            matrix[:, index] = [codes.get(value, np.nan) for value in values]
        else:
            matrix[:, index] = values
    return matrix
