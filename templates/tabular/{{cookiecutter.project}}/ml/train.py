"""Stage: fit the model on the prepared rows of the window that the probe chose."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml import baseline, hosts, params, schema
from ml import contract as contracts
from ml.baseline import Unseen
from ml.errors import LoopError
from ml.features import features
from ml.frames import columns, signature
from ml.model import Facts, Label, Model, Prediction, Rows, decide, fit, predict, save, tune
from ml.paths import MODEL, PROBED, REPORTS, TRAIN, TRAINED
from ml.peers import ALONE, met
from ml.sanity import believable
from ml.split import Keys, split, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contract import Contract
    from ml.model import Floats
    from ml.params import Params
    from ml.peers import Peers
    from ml.signature import Signature
    from ml.split import Parts


class TrainError(LoopError):
    """The rows cannot be learned from."""


def main(_arguments: Sequence[str] = ()) -> None:
    """Run the stage."""
    contract, how = contracts.load(), params.load()
    days: float | None = json.loads(PROBED.read_text(encoding="utf-8"))["window_days"]
    frame = window(pl.read_parquet(TRAIN), Keys.of(contract), days)
    with met(hosts.told(os.environ)) as peers:
        made = trained(frame, contract, how, peers)
    if not peers.hosts.first:
        return  # all hosts have the same model: one leaves it
    shutil.rmtree(MODEL, ignore_errors=True)
    save(made.model, MODEL)
    made.inputs.save(MODEL)
    baseline.save(baseline.baseline(frame, made.inputs, made.unseen, made.model.facts, contract), MODEL)
    REPORTS.mkdir(exist_ok=True)
    report = {"rounds": best(made.losses), "weights": made.model.facts.weights, "validation_loss": made.losses}
    TRAINED.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training leaves."""

    model: Model
    inputs: Signature
    losses: list[float]
    """The validation loss after each round of the tuning."""
    unseen: Unseen
    """The newest rows, as the model of the tuning, which had not seen them, predicts them."""


def trained(frame: pl.DataFrame, contract: Contract, how: Params, peers: Peers = ALONE) -> Trained:
    """Tune on the newest rows, then fit on all of them: what happened last is what matters most.

    Each host of several learns from its share of the rows, judges by all of the newest, and gets the same model.
    """
    inputs, keys = signature(schema.SCHEMA, contract), Keys.of(contract)
    found = classes(frame, contract)
    facts = Facts(task=contract.task, target=contract.target, classes=found, weights=(1.0,) * len(found))
    parts = parted(frame, keys, how)
    early, late = (rows(part, inputs, facts) for part in (parts.earlier[peers.hosts.share], parts.later))
    tuned, losses = tune(early, late, facts, how.train.settings(), peers=peers)
    said = predict(tuned, late.features)
    facts = replace(facts, weights=_weights(contract.metric.name, late.target, said.probabilities))
    if contract.task == "regression":
        facts = replace(facts, believable=believable(target(frame[contract.target], ())))
    own = rows(frame[peers.hosts.share], inputs, facts)
    model = fit(own, facts, how.train.settings(), rounds=best(losses), peers=peers)
    if said.probabilities is not None:
        said = Prediction(decide(said.probabilities, facts.weights), said.probabilities)
    unseen = Unseen(frame=parts.later, truth=late.target, prediction=said)
    return Trained(model=model, inputs=inputs, losses=losses, unseen=unseen)


def parted(frame: pl.DataFrame, keys: Keys, how: Params) -> Parts:
    """Split training rows into those that a model is tuned on and the newest, which judge its rounds.

    Raises:
        SplitError: A side would be empty.
    """
    share, entities = how.train.validation_share, how.prepare.entity_share
    return split(frame, keys, share=share, entity_share=entities, seed=how.train.seed + 1)


def best(losses: Sequence[float]) -> int:
    """Return the round (from 1) of the lowest loss."""
    return int(np.argmin(losses)) + 1


def classes(frame: pl.DataFrame, contract: Contract) -> tuple[Label, ...]:
    """Return the classes in the order of their indices: sorted, but the positive one of two is the second.

    Raises:
        TrainError: There is only one class, or the positive one is missing.
    """
    if contract.task == "regression":
        return ()
    found: list[Label] = sorted(frame[contract.target].unique().to_list(), key=lambda label: (str(type(label)), label))
    if len(found) == 2 and contract.positive == found[0]:  # noqa: PLR2004 - only two classes have a positive one
        found.reverse()
    if len(found) < 2 or (contract.positive is not None and contract.positive not in found):  # noqa: PLR2004
        raise TrainError(
            f"the training rows do not hold the classes of {contract.target!r}",
            because=f"they hold {found}; positive in loop.yaml is {contract.positive!r}",
            attempt="bring more data, or mend positive in loop.yaml",
        )
    return tuple(found)


def rows(frame: pl.DataFrame, inputs: Signature, facts: Facts) -> Rows:
    """Make features and target of ``frame``."""
    return Rows(features=features(columns(frame, inputs)), target=target(frame[facts.target], facts.classes))


def target(labels: pl.Series, classes: Sequence[Label]) -> Floats:
    """Return values, or class indices; NaN where the label is null or of no class."""
    if not classes:
        return labels.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    index = {label: float(number) for number, label in enumerate(classes)}
    return np.array([index.get(label, np.nan) for label in labels.to_list()])


def _weights(metric: str, truth: Floats, probabilities: Floats | None) -> tuple[float, ...]:
    """Return what each class's probability is divided by before the largest wins, so that ``metric`` is served.

    For balanced accuracy it is the prior, which is Bayes' rule for equal class weights (Elkan 2001, "The Foundations of
    Cost-Sensitive Learning"); for two classes and F1 the best threshold on the rows given; otherwise nothing.
    """
    if probabilities is None:
        return ()
    count: int = probabilities.shape[1]
    if metric == "balanced_accuracy":
        prior: Floats = (np.bincount(truth.astype(int), minlength=count) + 1) / (len(truth) + count)
        return tuple(float(share) for share in prior)
    if count == 2 and metric in {"f1", "precision", "recall"}:  # noqa: PLR2004
        threshold = _best_f1_threshold(truth, probabilities[:, 1])
        return (1 - threshold, threshold)
    return (1.0,) * count


def _best_f1_threshold(truth: Floats, positive: Floats) -> float:
    """Return the probability from which on calling a row positive gives the largest F1, half way to the next one."""
    order = np.argsort(-positive, kind="stable")
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    sure = positive[order]
    # Rows of equal probability are called together: only the last of each run is a threshold one can choose.
    f1[:-1][sure[:-1] == sure[1:]] = -1
    best = int(np.argmax(f1))
    below = sure[best + 1] if best + 1 < len(sure) else 0.0
    return float(np.clip((sure[best] + below) / 2, 1e-6, 1 - 1e-6))
