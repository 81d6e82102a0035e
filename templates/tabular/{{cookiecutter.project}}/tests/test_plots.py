from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml import plots
from ml.model import Facts, Model, Prediction
from tests.stages import numbers, says

if TYPE_CHECKING:
    from pathlib import Path


class Gains:
    """A booster that says how much each feature gained."""

    def __init__(self, *gains: float) -> None:
        self.gains = gains

    def feature_importance(self, kind: str) -> list[float]:
        return list(self.gains) if kind == "gain" else []


def a_model(*classes: Any, gains: tuple[float, ...] = (1.0, 3.0)) -> Model:
    features = tuple(f"f{index}" for index in range(len(gains)))
    facts = Facts(task="classification", target="y", classes=classes, weights=(), features=features)
    return Model(Gains(*gains), facts)  # type: ignore[arg-type]


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def words(axes: Any) -> tuple[str, str, str]:
    return axes.get_title(), axes.get_xlabel(), axes.get_ylabel()


def test_importance_is_the_share_of_the_gain_the_largest_on_top() -> None:
    (axes,) = plots.importance(a_model(gains=(1, 3, 0))).axes
    assert [bar.get_width() for bar in axes.patches] == [0, 0.25, 0.75]
    assert ticks(axes.yaxis) == ["f2", "f0", "f1"]
    assert words(axes) == ("What the model looks at", "share of the gain", "")


def test_importance_shows_twenty_features_and_survives_none() -> None:
    (axes,) = plots.importance(a_model(gains=tuple(range(25)))).axes
    assert ticks(axes.yaxis) == [f"f{index}" for index in range(5, 25)]
    (axes,) = plots.importance(a_model(gains=(0.0, 0.0))).axes
    assert [bar.get_width() for bar in axes.patches] == [0, 0]


def test_predicted_against_actual() -> None:
    (axes,) = plots.predicted(numbers(1, 2, 6), numbers(2, 2, 4)).axes
    assert axes.collections[0].get_offsets().tolist() == [[1, 2], [2, 2], [6, 4]]
    assert axes.lines[0].get_xydata().tolist() == [[1, 1], [6, 6]]
    assert words(axes) == ("Predicted and actual", "actual", "predicted")


@pytest.mark.parametrize(("rows", "shown"), [(1999, 1999), (4000, 2000), (5999, 3000), (6000, 2000)])
def test_many_points_are_thinned(rows: int, shown: int) -> None:
    (axes,) = plots.predicted(np.arange(float(rows)), np.zeros(rows)).axes
    assert len(axes.collections[0].get_offsets()) == shown


def test_errors_are_predicted_less_actual() -> None:
    (axes,) = plots.errors(numbers(0, 0, 0), numbers(0, 50, 50)).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert (len(heights), heights[0], heights[-1], sum(heights)) == (50, 1, 2, 3)
    assert axes.patches[0].get_x() == 0
    assert words(axes) == ("Errors", "predicted - actual", "rows")


def test_confusion_shows_shares_of_the_actual_class() -> None:
    model = a_model("no", "yes", "never")
    (axes,) = plots.confusion(numbers(0, 0, 0, 0, 1, 1), numbers(0, 0, 0, 1, 1, 0), model).axes
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]]
    assert axes.images[0].get_clim() == (0, 1)
    assert {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts} == {
        (0, 0): ("75%", "white"),
        (1, 0): ("25%", "black"),
        (2, 0): ("0%", "black"),
        (0, 1): ("50%", "black"),
        (1, 1): ("50%", "black"),
        (2, 1): ("0%", "black"),
        (0, 2): ("0%", "black"),
        (1, 2): ("0%", "black"),
        (2, 2): ("0%", "black"),
    }
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == ["no", "yes", "never"]
    assert words(axes) == ("Which class is taken for which", "predicted", "actual")


def test_calibration_compares_what_was_said_with_what_came_in_ten_bins() -> None:
    said = np.arange(20) / 20
    truth = (np.arange(20) >= 10).astype(float)
    (axes,) = plots.calibration(truth, says(*said), a_model("no", "yes")).axes
    diagonal, line = axes.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert line.get_xdata() == pytest.approx([0.025 + 0.1 * bin_ for bin_ in range(10)])
    assert line.get_ydata().tolist() == [0] * 5 + [1] * 5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["yes"]
    assert words(axes) == ("Do probabilities come true?", "predicted probability", "share that came true")


def test_calibration_of_many_classes_shows_ten_and_needs_few_rows() -> None:
    shares = np.eye(12)[:3]
    made = Prediction(numbers(0, 1, 2), shares)
    (axes,) = plots.calibration(numbers(0, 1, 1), made, a_model(*range(12))).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [str(index) for index in range(10)]
    assert axes.lines[2].get_xydata().tolist() == [[0, 0], [0, 1], [1, 1]]
    (axes,) = plots.calibration(numbers(0, 1, 2), Prediction(made.values, shares[:, :3]), a_model("a", "b", "c")).axes
    assert len(axes.lines) == 4


def test_long_names_are_cut_and_dollars_are_no_mathematics() -> None:
    assert plots._short("x" * 24) == "x" * 24
    assert plots._short("x" * 25) == "x" * 23 + "…"
    assert plots._short("US$ and $") == r"US\$ and \$"


@pytest.mark.parametrize(
    ("prediction", "names"),
    [
        (says(0.9, 0.2, 0.4), ["calibration.svg", "confusion.svg", "importance.svg", "points.json"]),
        (Prediction(numbers(1, 0, 1), None), ["errors.svg", "importance.svg", "points.json", "predicted.svg"]),
    ],
)
def test_the_same_model_has_the_same_plots(tmp_path: Path, prediction: Prediction, names: list[str]) -> None:
    folders = tmp_path / "reports" / "one", tmp_path / "two"
    folders[1].mkdir()
    (folders[1] / "old.svg").touch()
    for folder in folders:
        plots.draw(folder, numbers(1, 0, 1), prediction, a_model("no", "yes"))
        assert sorted(path.name for path in folder.iterdir()) == names
    for name in names:
        text = (folders[0] / name).read_text(encoding="utf-8")
        assert text == (folders[1] / name).read_text(encoding="utf-8")
        assert "<dc:date>" not in text
        assert name == "points.json" or "<text" in text


def test_the_numbers_are_those_of_the_plots() -> None:
    found = plots.points(numbers(1, 0, 1), says(0.9, 0.2, 0.4), a_model("no", "yes"))
    assert found == {
        "importance": [("f1", 0.75), ("f0", 0.25)],
        "confusion": {"classes": ["no", "yes"], "shares": [[1, 0], [0.5, 0.5]]},
        "calibration": [{"name": "yes", "said": pytest.approx([0.2, 0.4, 0.9]), "came": [0, 1, 1]}],
    }
    found = plots.points(numbers(1, 2, 6), Prediction(numbers(2, 1, 4), None), a_model())
    assert found["calibration"] == [{"name": "", "said": [1, 2, 4], "came": [2, 1, 6]}]
    assert (sum(found["errors"]["rows"]), len(found["errors"]["rows"])) == (3, 50)
    assert (found["errors"]["edges"][0], found["errors"]["edges"][-1]) == (-2, 1)
