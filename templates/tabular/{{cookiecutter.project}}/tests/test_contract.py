from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from ml import contract as contracts
from ml.contract import ContractError
from tests.stages import CONTRACT, a_contract, a_regression, document

ABOVE_0, BELOW_1 = 1e-9, 1 - 1e-9


def test_this_repositorys_contract_can_be_used() -> None:
    assert contracts.load().project


def test_the_editors_schema_is_current() -> None:
    assert Path("loop.schema.json").read_text(encoding="utf-8") == contracts.json_schema(), (
        "python -m ml.contract > loop.schema.json"
    )


def test_what_may_be_left_out() -> None:
    given = document()
    for key in ("positive", "time_column", "entity"):
        del given[key]
    given["gates"] = {"latency": {"p99_ms": 50}, "bias": {"slices": ["kind"], "max_gap": 0.1}}
    made = contracts.Contract.model_validate(given)
    assert (made.positive, made.time_column, made.entity, made.gates.golden) == (None, None, None, None)
    assert (made.metric.improvement, made.metric.confidence, made.metric.maximum) == (0.0, 0.95, None)
    assert made.gates.bias is not None
    assert made.gates.bias.min_rows == 100
    del given["gates"]["bias"]
    assert contracts.Contract.model_validate(given).gates.bias is None


ALLOWED = {
    "project": ["a", "a1-b2", "x" * 24],
    "task": ["classification"],
    "positive": [True, 1, "yes", None],
    "metric__improvement": [0, 7.5],
    "metric__confidence": [0.5, BELOW_1],
    "gates__bias__max_gap": [0, 1],
    "gates__bias__min_rows": [1],
    "gates__latency__p99_ms": [ABOVE_0],
    "gates__golden__sha256": ["0123456789abcdef" * 4],
    "drift__datapoints": [1, 3],
    "drift__periods": [2, 7],
    "drift__min_rows": [1],
    "drift__every": ["1m", "15h", "90d"],
    "quality__label_delay_days": [0, 0.5],
    "quality__cusum_limit": [ABOVE_0],
    "quality__min_coverage": [0, 1],
    "quality__max_broken": [0, 1],
    "triggers__schedule": ["auto", "off", "rate(7 days)", "cron(0 3 * * ? *)"],
    "triggers__drift": ["wake", "off"],
    "retraining__windows_days": [[1], [30, 60, 120]],
    "retraining__min_gain": ["auto", 0.5],
    "retraining__cooldown_hours": [0],
    "retraining__max_per_month": [0],
    "retraining__max_age_days": [ABOVE_0, None],
    "rollout__strategy": ["canary", "linear", "all_at_once"],
    "rollout__percent": [1, 50],
    "rollout__bake_minutes": [0, 60],
    "rollout__rollback__p99_ms": [ABOVE_0],
    "rollout__rollback__error_rate": [0, 1],
    "rollout__rollback__min_requests": [1],
    "approval": ["auto", "manual"],
    "budget__monthly_usd": [ABOVE_0],
}
REFUSED = {
    "project": ["", "1a", "Shop", "a--b", "a-", "x" * 25],
    "task": ["ranking"],
    "metric__improvement": [-ABOVE_0],
    "metric__confidence": [0.5 - 1e-9, 1],
    "gates__bias__max_gap": [-ABOVE_0, 1 + 1e-9],
    "gates__bias__min_rows": [0],
    "gates__latency__p99_ms": [0],
    "gates__golden__sha256": ["0" * 63, "0" * 65, "G" * 64],
    "drift__datapoints": [0, 4, 8],
    "drift__periods": [1, 8],
    "drift__min_rows": [0],
    "drift__every": ["0d", "1w", "d", "1.5h", "1d ", "-1d"],
    "quality__label_delay_days": [-ABOVE_0],
    "quality__cusum_limit": [0],
    "quality__min_coverage": [-ABOVE_0, 1 + 1e-9],
    "quality__max_broken": [-ABOVE_0, 1 + 1e-9],
    "triggers__schedule": ["weekly", "rate()", "autos"],
    "triggers__drift": ["on"],
    "retraining__windows_days": [[], [0]],
    "retraining__min_gain": ["none"],
    "retraining__cooldown_hours": [-ABOVE_0],
    "retraining__max_per_month": [-1],
    "retraining__max_age_days": [0],
    "rollout__strategy": ["big bang"],
    "rollout__percent": [0, 51],
    "rollout__bake_minutes": [-1, 61],
    "rollout__rollback__p99_ms": [0],
    "rollout__rollback__error_rate": [-ABOVE_0, 1 + 1e-9],
    "rollout__rollback__min_requests": [0],
    "approval": ["later"],
    "budget__monthly_usd": [0],
    "unheard_of": [1],
    "metric__unheard_of": [1],
}


@pytest.mark.parametrize("place", ALLOWED)
def test_values_that_can_be_meant(place: str) -> None:
    for value in ALLOWED[place]:
        a_contract(**{place: value})


@pytest.mark.parametrize("place", REFUSED)
def test_values_that_cannot_be_meant(place: str) -> None:
    for value in REFUSED[place]:
        with pytest.raises(ValidationError):
            a_contract(**{place: value})


def test_a_contract_is_not_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        a_contract().project = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "higher"),
    {
        "accuracy": True,
        "balanced_accuracy": True,
        "f1": True,
        "precision": True,
        "recall": True,
        "roc_auc": True,
        "log_loss": False,
        "r2": True,
        "mae": False,
        "rmse": False,
    }.items(),
)
def test_a_metric_goes_with_its_task_and_its_side_of_the_limit(name: str, *, higher: bool) -> None:
    right, wrong = ("minimum", "maximum") if higher else ("maximum", "minimum")
    its, other = (a_regression, a_contract) if name in {"mae", "rmse", "r2"} else (a_contract, a_regression)
    golden = {"path": "golden.parquet", "sha256": "0" * 64}
    made = its(metric={"name": name, right: 0.5}, gates__golden=golden | {right: 0.4})
    assert made.metric.higher_is_better is higher
    assert its(metric={"name": name, right: 0.5}, gates__golden=None).gates.golden is None
    with pytest.raises(ValidationError, match=f"metric: {name} needs a {right}"):
        its(metric={"name": name, wrong: 0.5}, gates__golden=golden | {right: 0.4})
    with pytest.raises(ValidationError, match=f"gates.golden: {name} needs a {right}"):
        its(metric={"name": name, right: 0.5}, gates__golden=golden | {wrong: 0.4})
    with pytest.raises(ValidationError, match=f"'{name}' is not a metric of {other().task}; use one of "):
        other(metric={"name": name, right: 0.5}, gates__golden=golden | {right: 0.4})


def test_a_limit_holds_on_its_own_side_and_for_no_nan() -> None:
    lowest, highest = a_contract().metric, a_regression().metric
    assert (lowest.limit, highest.limit) == (0.5, 2.0)
    assert [lowest.holds(value) for value in (0.499, 0.5, 0.501, math.nan)] == [False, True, True, False]
    assert [highest.holds(value) for value in (1.999, 2.0, 2.001, math.nan)] == [True, True, False, False]
    assert a_contract(metric__minimum=0).metric.limit == 0
    assert a_regression(metric__maximum=0).metric.limit == 0


@pytest.mark.parametrize("limits", [{}, {"minimum": 0.1, "maximum": 0.2}])
def test_a_limit_is_one_number(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="give either minimum or maximum"):
        a_contract(metric={"name": "f1"} | limits)


def test_a_regression_has_no_positive_class() -> None:
    with pytest.raises(ValidationError, match="positive: a regression has no positive class; take the line out"):
        a_regression(positive=True)


def broken(tmp_path: Path, text: str) -> tuple[Path, str]:
    path = tmp_path / "loop.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        contracts.load(path)
    return path, str(caught.value)


def test_a_refusal_names_the_line_the_reason_and_the_fix(tmp_path: Path) -> None:
    text = CONTRACT.replace("percent: 10", "percent: 80").replace("[30, 60]", "[30,\n  0]")
    text = text.replace("monthly_usd: 300", "monthly_euro: 3").replace("datapoints: 2", "datapoints: 5")
    path, said = broken(tmp_path, text)
    room = "\n           "
    assert said == (
        f"{path} cannot be used\n"
        f"  because: line 12, drift: datapoints cannot exceed periods: it is M of N{room}"
        f"line 16, retraining.windows_days.1: Input should be greater than or equal to 1{room}"
        f"line 17, rollout.percent: Input should be less than or equal to 50{room}"
        f"line 19, budget.monthly_usd: Field required{room}"
        f"line 19, budget.monthly_euro: Extra inputs are not permitted\n"
        "  try: mend the lines named above; loop.schema.json lists what each may hold"
    )


def test_a_refusal_of_the_whole(tmp_path: Path) -> None:
    assert "because: line 1, the contract: Input should be a valid dictionary" in broken(tmp_path, "- 1\n")[1]
    assert "because: line 1, the contract: Input should be" in broken(tmp_path, "")[1]
    said = broken(tmp_path, CONTRACT.replace("name: f1", "name: rmse"))[1]
    assert "because: line 1, the contract: metric.name: 'rmse' is not a metric of classification" in said
    said = broken(tmp_path, CONTRACT.replace("positive: true", "positive: [1]"))[1]
    assert said.count("line 4, positive.") == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path, said = broken(tmp_path, "a: b\n  c: [\n")
    assert said.startswith(f'{path} is not YAML\n  because: mapping values are not allowed here in "<unicode string>')
    assert said.count("\n") == 2
    assert said.endswith("line 2, column 4: c: [ ^\n  try: mend that line")
    path.unlink()
    with pytest.raises(ContractError) as caught:
        contracts.load(path)
    assert str(caught.value) == (
        f"{path} cannot be read\n  because: [Errno 2] No such file or directory: '{path}'\n"
        "  try: run this from the root of the repository"
    )


def test_the_contract_is_read_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop.yaml").write_text(CONTRACT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert contracts.load() == contracts.load("loop.yaml") == a_contract()
