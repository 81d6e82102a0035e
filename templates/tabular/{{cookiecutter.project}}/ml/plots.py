"""Plots of a model on its test rows, as SVG that is the same for the same model, and the numbers they are drawn of."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ml.paths import POINTS

if TYPE_CHECKING:
    from pathlib import Path

    from ml.model import Floats, Model, Prediction

MOST_FEATURES = 20
MOST_POINTS = 2000
BINS = 10
BARS = 50


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
    text = json.dumps(points(truth, prediction, model), indent=1, ensure_ascii=False)
    (folder / POINTS.name).write_text(text + "\n", encoding="utf-8")


def points(truth: Floats, prediction: Prediction, model: Model) -> dict[str, Any]:
    """Return the numbers of the plots, for who draws them otherwise.

    Returns:
        `importance`: pairs of a feature and its share, the largest first. `calibration`: of each line its `name`, and
        ten points: what was `said` and what `came`, for a regression the means of rows of alike predictions. Of a
        classification `confusion`, the shares by actual class, then by predicted one; of a regression `errors`, the
        rows of each bar and the `edges` between the bars.
    """
    made: dict[str, Any] = {"importance": _gains(model)[::-1]}
    if prediction.probabilities is None:
        rows, edges = np.histogram(prediction.values - truth, bins=BARS)
        lines = [("", *_came(prediction.values, truth))]
        made["errors"] = {"edges": edges.tolist(), "rows": rows.tolist()}
    else:
        lines = [(str(model.facts.classes[index]), *line) for index, line in _true(truth, prediction, model)]
        shares = _taken(truth, prediction.values, len(model.facts.classes))
        made["confusion"] = {"classes": [str(each) for each in model.facts.classes], "shares": shares.tolist()}
    made["calibration"] = [{"name": name, "said": said, "came": came} for name, said, came in lines]
    return made


def importance(model: Model) -> Figure:
    """Show how much each feature lowers the loss (LightGBM's gain), as a share of all."""
    figure, axes = _axes("What the model looks at", "share of the gain")
    gains = _gains(model)
    axes.barh([_short(name) for name, _ in gains], [share for _, share in gains])
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
    axes.hist(values - truth, bins=BARS)
    return figure


def confusion(truth: Floats, labels: Floats, model: Model) -> Figure:
    """Show how often each class is taken for each other, as shares of the actual class."""
    classes = [str(label) for label in model.facts.classes]
    shares = _taken(truth, labels, len(classes))
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
    for index, (said, came) in _true(truth, prediction, model):
        axes.plot(said, came, marker="o", label=_short(str(model.facts.classes[index])))
    axes.legend()
    return figure


def _gains(model: Model) -> list[tuple[str, float]]:
    """Return the features with the largest share of the gain, the largest last."""
    gain = np.asarray(model.booster.feature_importance("gain"))
    shares = gain / max(gain.sum(), 1e-12)
    return [(model.facts.features[index], float(shares[index])) for index in np.argsort(gain)[-MOST_FEATURES:]]


def _true(truth: Floats, prediction: Prediction, model: Model) -> list[tuple[int, tuple[list[float], list[float]]]]:
    """Return the line of each class that is shown: of two the positive one, of more the first ten."""
    probabilities = np.zeros((0, 0)) if prediction.probabilities is None else prediction.probabilities
    chosen = range(1, 2) if len(model.facts.classes) == 2 else range(min(len(model.facts.classes), BINS))  # noqa: PLR2004
    return [(index, _came(probabilities[:, index], (truth == index).astype(float))) for index in chosen]


def _came(said: Floats, truth: Floats) -> tuple[list[float], list[float]]:
    """Return the means of what was said and of what came, in bins of equal size in the order of what was said."""
    order = [rows for rows in np.array_split(np.argsort(said, kind="stable"), BINS) if len(rows)]
    return [float(said[rows].mean()) for rows in order], [float(truth[rows].mean()) for rows in order]


def _taken(truth: Floats, labels: Floats, classes: int) -> Floats:
    """Return how often each class (rows) is taken for each other (columns), as shares of the actual class."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth.astype(int), labels.astype(int)), 1)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _axes(title: str, x: str = "", y: str = "") -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _short(name: str) -> str:
    """Shorten a name and keep matplotlib from reading mathematics into it."""
    return (name if len(name) <= 24 else name[:23] + "…").replace("$", r"\$")  # noqa: PLR2004
