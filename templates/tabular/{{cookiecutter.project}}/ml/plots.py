"""Plots of a model on its test rows, as SVG that is the same for the same model."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from ml.model import Floats, Model, Prediction

MOST_FEATURES = 20
MOST_POINTS = 2000
BINS = 10


def draw(folder: Path, truth: Floats, prediction: Prediction, model: Model) -> None:
    """Write the plots of the task into ``folder``; what was there before goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures = {"importance": importance(model)}
    if prediction.probabilities is None:
        figures |= {"predicted": predicted(truth, prediction.values), "errors": errors(truth, prediction.values)}
    else:
        figures["confusion"] = confusion(truth, prediction.values, model)
        figures["calibration"] = calibration(truth, prediction, model)
    for name, figure in figures.items():
        with mpl.rc_context({"svg.hashsalt": "ml", "svg.fonttype": "none"}):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def importance(model: Model) -> Figure:
    """Show how much each feature lowers the loss (LightGBM's gain), as a share of all."""
    gain = np.asarray(model.booster.feature_importance("gain"))
    order = np.argsort(gain)[-MOST_FEATURES:]
    figure, axes = _axes("What the model looks at", "share of the gain")
    axes.barh([_short(model.facts.features[index]) for index in order], gain[order] / max(gain.sum(), 1e-12))
    return figure


def predicted(truth: Floats, values: Floats) -> Figure:
    """Show predicted against actual values; the line is where they agree."""
    figure, axes = _axes("Predicted and actual", "actual", "predicted")
    some = slice(None, None, max(1, len(truth) // MOST_POINTS))
    axes.scatter(truth[some], values[some], s=6, alpha=0.4)
    ends = [float(truth.min()), float(truth.max())]
    axes.plot(ends, ends, color="black", linewidth=1)
    return figure


def errors(truth: Floats, values: Floats) -> Figure:
    """Show how the errors are spread."""
    figure, axes = _axes("Errors", "predicted - actual", "rows")
    axes.hist(values - truth, bins=50)
    return figure


def confusion(truth: Floats, labels: Floats, model: Model) -> Figure:
    """Show how often each class is taken for each other, as shares of the actual class."""
    classes = [str(label) for label in model.facts.classes]
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (truth.astype(int), labels.astype(int)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _axes("Which class is taken for which", "predicted", "actual")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), [_short(name) for name in classes])
    axes.set_yticks(range(len(classes)), [_short(name) for name in classes])
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.5 else "black")  # noqa: PLR2004
    return figure


def calibration(truth: Floats, prediction: Prediction, model: Model) -> Figure:
    """Show how often a class came true where the model gave it a probability, in bins of equal size."""
    figure, axes = _axes("Do probabilities come true?", "predicted probability", "share that came true")
    axes.plot([0, 1], [0, 1], color="black", linewidth=1)
    probabilities = np.zeros((0, 0)) if prediction.probabilities is None else prediction.probabilities
    chosen = range(1, 2) if len(model.facts.classes) == 2 else range(min(len(model.facts.classes), BINS))  # noqa: PLR2004
    for index in chosen:
        order = np.array_split(np.argsort(probabilities[:, index], kind="stable"), BINS)
        said = [probabilities[rows, index].mean() for rows in order if len(rows)]
        came = [(truth[rows] == index).mean() for rows in order if len(rows)]
        axes.plot(said, came, marker="o", label=_short(str(model.facts.classes[index])))
    axes.legend()
    return figure


def _axes(title: str, x: str = "", y: str = "") -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _short(name: str) -> str:
    """Shorten a name and keep matplotlib from reading mathematics into it."""
    return (name if len(name) <= 24 else name[:23] + "…").replace("$", r"\$")  # noqa: PLR2004
