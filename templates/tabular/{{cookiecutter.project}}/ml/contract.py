"""The contract: `loop.yaml` as frozen, validated types.

Everything that has to hold, every threshold, window, schedule and budget stands in `loop.yaml` once. A value that
cannot be meant is refused with its line, the reason and the fix.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ml.errors import LoopError

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "f1", "log_loss", "precision", "recall", "roc_auc"),
    "regression": ("mae", "r2", "rmse"),
}

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Duration = Annotated[
    str, Field(pattern="^[1-9][0-9]*[mhd]$", description="A whole number of minutes, hours or days: 15m, 1h, 1d")
]


class ContractError(LoopError):
    """`loop.yaml` cannot be meant as it stands."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, use_attribute_docstrings=True)


class _Limit(_Part):
    minimum: float | None = None
    """For a metric where higher is better."""
    maximum: float | None = None
    """For a metric where lower is better."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.minimum is None) == (self.maximum is None):
            raise ValueError("give either minimum or maximum")
        return self

    @property
    def limit(self) -> float:
        """The minimum or the maximum, whichever is given."""
        return self.minimum if self.minimum is not None else self.maximum or 0.0

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` is on the right side of the limit; NaN never is."""
        return value >= self.limit if self.minimum is not None else value <= self.limit


class Metric(_Limit):
    """What the model is judged by."""

    name: str
    """One of the names in `METRICS` for the task; for two classes, f1, precision and recall are those of `positive`."""
    improvement: Annotated[float, Field(ge=0)] = 0.0
    """A challenger must beat the champion by more than this, in units of the metric."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """Confidence of the bootstrap intervals of the gates."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is a better model."""
        return self.name not in LOWER_IS_BETTER


class Bias(_Part):
    """How far one slice of the rows may be treated worse than the whole."""

    slices: tuple[str, ...]
    """Columns whose values make the slices."""
    max_gap: Share
    """How much worse than all rows a slice may be: in the metric, or for a regression in the mean error as a share of
    the mean |target|."""
    min_rows: Annotated[int, Field(ge=1)] = 100
    """Smaller slices are listed, not judged."""


class Latency(_Part):
    """How long one request of one row may take on the server, without a network."""

    p99_ms: Positive


class Golden(_Limit):
    """Rows that no training ever sees, pinned by hash."""

    path: str
    sha256: Sha256


class Gates(_Part):
    """What a challenger must pass besides the metric."""

    bias: Bias | None = None
    latency: Latency
    golden: Golden | None = None
    signal: Share | None = 0.5
    """So much of the champion's skill a challenger keeps at least (`ml/tampering.py`); null: it is not asked. Where a
    world became less predictable for good, a person lowers it: labels that were turned round look the same."""


class Drift(_Part):
    """When a moved feature counts: M of N windows."""

    datapoints: Annotated[int, Field(ge=1, le=7)]
    periods: Annotated[int, Field(ge=1, le=7)]
    min_rows: Annotated[int, Field(ge=1)]
    every: Duration

    @model_validator(mode="after")
    def _m_of_n(self) -> Self:
        if self.datapoints > self.periods:
            raise ValueError("datapoints cannot exceed periods: it is M of N")
        return self


class Quality(_Part):
    """How quality is watched once labels have landed."""

    label_delay_days: Annotated[float, Field(ge=0)]
    cusum_limit: Positive
    min_coverage: Share
    """The share of the rows old enough whose label must have landed, for their loss to be told."""
    max_broken: Share
    """The share of a window's rows that may break the data contract: more stops retraining and tells a person."""


class Triggers(_Part):
    """What wakes the controller."""

    schedule: Annotated[
        str, Field(pattern=r"^(auto|off|(rate|cron)\(.+\))$", description="auto, off, rate(7 days) or cron(...)")
    ]
    drift: Literal["wake", "off"]
    quality: bool
    new_data: bool


class Retraining(_Part):
    """What a retraining may use and how often it may happen."""

    windows_days: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    min_gain: Literal["auto"] | float
    cooldown_hours: Annotated[float, Field(ge=0)]
    max_per_month: Annotated[int, Field(ge=0)]
    max_age_days: Positive | None
    """The age of the last look for a better model at which the next is due, whatever was found before; null: never."""


class Rollback(_Part):
    """What takes a rollout back by itself."""

    p99_ms: Positive
    error_rate: Share
    """Of the requests of a minute: that fail, and, by an alarm of its own, that get an answer which cannot be."""
    min_requests: Annotated[int, Field(ge=1)]


class Rollout(_Part):
    """How a new champion takes over the traffic."""

    strategy: Literal["canary", "linear", "all_at_once"]
    percent: Annotated[int, Field(ge=1, le=50)]
    bake_minutes: Annotated[int, Field(ge=0, le=60)]
    rollback: Rollback


class Budget(_Part):
    """What the loop may cost."""

    monthly_usd: Positive


class Contract(_Part):
    """The whole of `loop.yaml`."""

    project: Annotated[str, Field(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=24)]
    task: Literal["classification", "regression"]
    target: str
    positive: bool | int | str | None = None
    """The class of interest where there are two; null for more than two and for regression."""
    time_column: str | None = None
    entity: str | None = None
    metric: Metric
    gates: Gates
    drift: Drift
    quality: Quality
    triggers: Triggers
    retraining: Retraining
    rollout: Rollout
    approval: Literal["auto", "manual"]
    budget: Budget

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.metric.name not in METRICS[self.task]:
            names = ", ".join(METRICS[self.task])
            raise ValueError(f"metric.name: {self.metric.name!r} is not a metric of {self.task}; use one of {names}")
        limits = {"metric": self.metric} | ({"gates.golden": self.gates.golden} if self.gates.golden else {})
        wanted = "minimum" if self.metric.higher_is_better else "maximum"
        for place, limit in limits.items():
            if getattr(limit, wanted) is None:
                raise ValueError(f"{place}: {self.metric.name} needs a {wanted}")
        if self.task == "regression" and self.positive is not None:
            raise ValueError("positive: a regression has no positive class; take the line out")
        return self


def load(path: Path | str = "loop.yaml") -> Contract:
    """Read and validate the contract.

    Raises:
        ContractError: The file is missing, is no YAML, or holds a value that cannot be meant.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        document, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ContractError(
            f"{path} cannot be read", because=str(error), attempt="run this from the root of the repository"
        ) from error
    except yaml.YAMLError as error:
        raise ContractError(
            f"{path} is not YAML", because=" ".join(str(error).split()), attempt="mend that line"
        ) from error
    try:
        return Contract.model_validate(document)
    except ValidationError as error:
        raise ContractError(
            f"{path} cannot be used",
            because=_reasons(error, node),
            attempt="mend the lines named above; loop.schema.json lists what each may hold",
        ) from error


def _reasons(error: ValidationError, node: yaml.Node | None) -> str:
    found = []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"])) or "the contract"
        reason = problem["msg"].removeprefix("Value error, ")
        found.append(f"line {_line(node, problem['loc'])}, {place}: {reason}")
    return "\n           ".join(found)


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the deepest part of ``location`` that the document has."""
    line = 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            hit = next(((key, value) for key, value in node.value if key.value == step), None)
            if hit is None:
                break
            line, node = hit[0].start_mark.line + 1, hit[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def json_schema() -> str:
    """Return the JSON Schema of `loop.yaml`, as `loop.schema.json` holds it for the editor."""
    return json.dumps(Contract.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
