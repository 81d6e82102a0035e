"""What was inferred, as the text of two files of the repository: `loop.yaml` and `ml/schema.py`.

Both are meant to be read and edited, so each inferred value says why it is what it is. Whatever the data hold, the
text is one valid file: values are quoted, and `ml/schema.py` stands as `ruff format` would leave it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.escape import FILTERS, one_line

if TYPE_CHECKING:
    from loopwright.contract.golden import Golden
    from loopwright.contract.inference import Inference, Role
    from loopwright.tables.profile import ColumnProfile, Level

_WIDTH = 120
_LONGEST_LEVEL = 100
_LONGEST_SHOWN = 60
_LONGEST_SOURCE = 38
_SPANS_OF_ROOM = 10
_BIGGEST = 2**63 - 1
_LARGEST_WHOLE = 1e15
_ROLLBACK = "{p99_ms: 200, error_rate: 0.01, min_requests: 100}"
_PLAIN_WORDS = frozenset({"false", "no", "null", "off", "on", "true", "yes", "y", "n"})
_POLARS = {
    "Boolean": "pl.Boolean",
    "Datetime": 'pl.Datetime("us")',
    "Float64": "pl.Float64",
    "Int64": "pl.Int64",
    "String": "pl.String",
}


@dataclass(frozen=True)
class _Call:
    """A name and its arguments in brackets."""

    name: str
    arguments: tuple[_Call | str, ...]
    opening: str = "("
    closing: str = ")"

    def __str__(self) -> str:
        """Return the call on one line."""
        return f"{self.name}{self.opening}{', '.join(map(str, self.arguments))}{self.closing}"


@dataclass(frozen=True, kw_only=True)
class _Column:
    """An entry of the schema."""

    comment: str
    check: tuple[_Call, ...]
    code: _Call


def loop_yaml(inference: Inference, *, project: str, golden: Golden) -> str:
    """Return the text of a first `loop.yaml`.

    Args:
        inference: What was inferred.
        project: The repository's name.
        golden: The golden rows as they were written.
    """
    wishes, metric = inference.wishes, inference.metric
    bound, windows = "minimum" if metric.higher_is_better else "maximum", list(inference.windows_days)
    return f"""# yaml-language-server: $schema=loop.schema.json
# THE CONTRACT. The ML code, the infrastructure and the rehearsal all read this file; nothing repeats a number of it.

project: {_yaml(project)}
task: {inference.task} # {_why_task(inference)}
target: {_yaml(wishes.target)}
{_positive(inference)}time_column: {_yaml(wishes.time_column)}{"" if wishes.time_column else " # rows have no time"}
entity: {_yaml(wishes.entity)}{" # its rows stay on one side of the split" if wishes.entity else ""}

# {_why_limit(inference)}
metric: {{name: {metric.name}, {bound}: {_plain(metric.limit)}, improvement: 0.0, confidence: 0.95}}

gates:
  {_bias(inference)}
  latency: {{p99_ms: 50}}
  # {golden.rows} rows that no training sees; on so few, a model must only be no worse than the baseline.
  golden: {{path: data/golden.parquet, sha256: "{golden.sha256}", {bound}: {_plain(metric.golden_limit)}}}
  signal: 0.5 # so much of the champion's skill is left, or the labels may have been turned round

drift: {{datapoints: 2, periods: 3, min_rows: 200, every: 1d}}
quality: {{label_delay_days: {_plain(wishes.label_delay_days)}, cusum_limit: 4, min_coverage: 0.8, max_broken: 0.01}}
triggers: {{schedule: auto, drift: wake, quality: true, new_data: false}}
retraining: {{windows_days: {windows}, min_gain: auto, cooldown_hours: 24, max_per_month: 8, max_age_days: 60}}
rollout: {{strategy: canary, percent: 10, bake_minutes: 30, rollback: {_ROLLBACK}}}
approval: {wishes.approval}
budget: {{monthly_usd: 300}}
"""


def _why_task(inference: Inference) -> str:
    target, classes = inference.wishes.target, inference.classes
    if classes is None:
        return f'"{target}" is an amount'
    number = "two" if len(classes) == 2 else str(len(classes))  # noqa: PLR2004 - two reads better
    return f'"{target}" holds {number} values'


def _positive(inference: Inference) -> str:
    level, classes = inference.positive, inference.classes
    if level is None or classes is None:
        why = "an amount has no class" if classes is None else "more than two classes: none stands out"
        return f"positive: null # {why}\n"
    share = classes[level] / sum(classes.values())
    return f"positive: {_yaml(level)} # {_percent(share)} of the rows whose target is known\n"


def _why_limit(inference: Inference) -> str:
    metric = inference.metric
    asks = "minimum" if metric.higher_is_better else "maximum"
    trivial = one_line(metric.trivial)
    if len(trivial) > _LONGEST_SHOWN:
        trivial = trivial[:_LONGEST_SHOWN] + "..."
    reaches = f"{_article(metric.name)} {metric.name} of {_plain(metric.golden_limit)}"
    way = f"the {asks} asks for a tenth of the way from there to {metric.perfect}"
    return f"{trivial[:1].upper()}{trivial[1:]} reaches {reaches}; {way}."


def _article(word: str) -> str:
    return "an" if word in {"accuracy", "f1", "mae", "r2", "rmse"} else "a"


def _bias(inference: Inference) -> str:
    if not inference.slices:
        return "# bias: left out, because no feature names groups: 2 to 12 levels with at least 2 % of the rows each."
    names = ", ".join(map(_yaml, inference.slices))
    return f"bias: {{slices: [{names}], max_gap: 0.10, min_rows: 100}}"


def _yaml(value: Level | None) -> str:
    """Return a value as YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = value.isascii() and value.isidentifier() and value.lower() not in _PLAIN_WORDS
        return value if plain else f'"{FILTERS["yaml"](value)}"'
    return _plain(value)


def _plain(number: float) -> str:
    """Return a number: whole where it is whole, and never in the form of `1e-05`, which YAML takes for text."""
    if number == int(number) and abs(number) < _LARGEST_WHOLE:
        return str(int(number))
    mantissa, e, exponent = repr(number).partition("e")
    return mantissa + (".0" if e and "." not in mantissa else "") + e + exponent


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.2%}"  # noqa: PLR2004 - 1 %


# ----------------------------------------------------------------------------------------------------------- schema.py


def schema_py(inference: Inference, *, source: str) -> str:
    """Return the text of a first `ml/schema.py`.

    Args:
        inference: What was inferred.
        source: What it was inferred from, for the docstring: a file's name or a few words.
    """
    columns = [_column(inference, role) for role in inference.roles]
    body = "".join(column.comment + _laid_out(column.code, 8) for column in columns)
    used = {check.name for column in columns for check in column.check}
    pandera = "Check, Column, DataFrameSchema" if "Check.in_range" in used else "Column, DataFrameSchema"
    checks = "\nfrom ml.checks import levels\n" if "levels" in used else ""
    key = _Call("unique=", tuple(map(_python, inference.unique)), "[", "]")
    unique = _laid_out(key, 4) if inference.unique else ""
    return f'''"""YOURS: the data contract, inferred from {_said(source)}. Edit it as you learn about your data.

Three doors use it: the first stage (`ml/prepare.py`), the request body (`ml/serve.py`, through the signature that
training puts beside the model) and CI (`tests/test_data_contract.py`).

Each column has a kind: `numeric`, `categorical`, `boolean` and `timestamp` columns can be features; an `ignored` column
stays in the data but never reaches the model. Ranges are wide on purpose: growth passes, a mistaken unit does not.

`"pii": True` beside the kind `ignored` tags personal data: they may be in the data, the first stage drops them, and a
request that carries them is refused.
"""

import polars as pl
from pandera.polars import {pandera}
{checks}
SCHEMA = DataFrameSchema(
    {{
{body}    }},
{unique}    strict=True,
)

MAX_AGE_DAYS: float | None = {inference.max_age_days}
"""The newest row of a run that is given its end date is at most this old; null where rows have no time."""
'''


def _said(source: str) -> str:
    """Return ``source`` as it can stand in the first line of a docstring."""
    plain = one_line(source).encode("ascii", "replace").decode().replace("\\", "/").replace('"', "'")
    return plain if len(plain) <= _LONGEST_SOURCE else plain[: _LONGEST_SOURCE - 3] + "..."


def _column(inference: Inference, role: Role) -> _Column:
    facts = inference.profile[role.name]
    is_target = role.name == inference.wishes.target
    check = _check(facts, role, unseen=not is_target)
    nullable = ["nullable=True"] if facts.nulls or is_target else []
    tag = ', "pii": True' if role.personal else ""
    metadata = f'metadata={{"kind": "{role.kind}"{tag}}}'
    return _Column(
        comment=_comment(role.reason),
        check=check,
        code=_Call(f'"{role.name}": Column', (_POLARS[facts.dtype], *check, *nullable, metadata)),
    )


def _comment(reason: str | None) -> str:
    if reason is None:
        return ""
    text = f"        # {reason[:1].upper()}{reason[1:]}."
    return (text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "...") + "\n"


def _check(facts: ColumnProfile, role: Role, *, unseen: bool) -> tuple[_Call, ...]:
    if role.kind == "categorical" and facts.levels:
        texts = [_python(level) for level in facts.levels]
        if max(map(len, texts)) <= _LONGEST_LEVEL:
            return (_Call("levels", (*texts, *([] if unseen else ["unseen=0"]))),)
    if role.kind == "numeric" and (bounds := _range(facts)):
        return (_Call("Check.in_range", bounds),)
    return ()


def _range(facts: ColumnProfile) -> tuple[str, str] | None:
    """Return the range in which values pass: wide, and rounded outwards to one significant figure."""
    low, high = facts.minimum, facts.maximum
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    if facts.dtype == "Float64" and 0 <= low < high <= 1:
        return "0", "1"
    room = _SPANS_OF_ROOM * ((high - low) or abs(high) or 1)
    bounds = (0 if low >= 0 else _outwards(low - room)), _outwards(high + room)
    if facts.dtype == "Int64":
        return str(max(int(bounds[0]), -_BIGGEST)), str(min(int(bounds[1]), _BIGGEST))
    return (_plain(bounds[0]), _plain(bounds[1])) if all(map(math.isfinite, bounds)) else None


def _outwards(value: float) -> float:
    """Round away from zero to one significant figure."""
    if value == 0 or not math.isfinite(value):
        return value
    exponent = math.floor(math.log10(abs(value)))
    figure = math.ceil(round(abs(value) / 10**exponent, 9))
    return math.copysign(float(f"{figure}e{exponent}"), value)


def _python(value: Level) -> str:
    """Return a value as Python, with the quotes that `ruff format` prefers."""
    if not isinstance(value, str):
        return str(value) if isinstance(value, bool) else _plain(value)
    text = FILTERS["python"](value)
    if value.count('"') <= value.count("'"):
        return f'"{text}"'
    return "'" + text.replace('\\"', '"').replace("'", r"\'") + "'"


def _laid_out(call: _Call | str, indent: int) -> str:
    """Lay a call out as `ruff format` leaves it: on one line if it fits, else an argument a line and a last comma.

    The last comma keeps ruff from joining the lines again, so it does no harm to count a wide character too many.
    """
    line = f"{' ' * indent}{call}"
    if isinstance(call, str) or sum(1 if char.isascii() else 2 for char in line) < _WIDTH:
        return f"{line},\n"
    inner = "".join(_laid_out(argument, indent + 4) for argument in call.arguments)
    return f"{' ' * indent}{call.name}{call.opening}\n{inner}{' ' * indent}{call.closing},\n"
