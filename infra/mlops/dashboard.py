"""The dashboard's text: pure, from names to CloudWatch's JSON. One page for the system and for the model."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from mlops.alarms import ODD_ANSWERS

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["body"]

WIDTH, HEIGHT, COLUMNS = 12, 6, 2
MINUTE, HOUR, DAY = 60, 3600, 86_400
JOB_LOGS = "/aws/sagemaker/ProcessingJobs"

Metric = list[Any]


def body(names: Names, *, feature_event: str, monthly_usd: float, alarms: list[str]) -> dict[str, Any]:
    """Return the dashboard: system on top, then the model, then the loop's decisions.

    Args:
        names: The stack's names.
        feature_event: What marks the monitor's log lines about single features.
        monthly_usd: The contract's budget, drawn as a line.
        alarms: ARNs of the alarms whose state is shown first.
    """
    serving = [word for pair in names.serving_dimensions.items() for word in pair]
    widgets = [
        {"type": "alarm", "properties": {"title": "Alarms", "alarms": alarms}},
        _graph(names, "Requests", [["AWS/SageMaker", "Invocations", *serving]], "Sum", MINUTE),
        _graph(
            names,
            "Latency of the model (microseconds)",
            [
                ["AWS/SageMaker", "ModelLatency", *serving, {"stat": "p50", "label": "p50"}],
                ["AWS/SageMaker", "ModelLatency", *serving, {"stat": "p99", "label": "p99"}],
                ["AWS/SageMaker", "OverheadLatency", *serving, {"stat": "p99", "label": "p99 of the overhead"}],
            ],
            "p99",
            MINUTE,
        ),
        _graph(
            names,
            "Errors, and requests with an answer that cannot be",
            [
                *(["AWS/SageMaker", f"Invocation{kind}Errors", *serving] for kind in ("4XX", "5XX")),
                [names.namespace, ODD_ANSWERS],
            ],
            "Sum",
            MINUTE,
        ),
        _graph(
            names,
            "CPU and memory of the endpoint (percent of one core; percent)",
            [["/aws/sagemaker/Endpoints", f"{kind}Utilization", *serving] for kind in ("CPU", "Memory")],
            "Average",
            5 * MINUTE,
        ),
        _own(
            names,
            "Drift: largest move of a feature, of the predictions (1 is what they move by themselves)",
            "DriftScore",
            "PredictionDrift",
        ),
        _log(
            names,
            "Drift by feature",
            JOB_LOGS,
            f'filter event = "{feature_event}" and endpoint = "{names.prefix}" '
            "| stats latest(score) as moved by feature | sort moved desc | limit 50",
        ),
        _own(names, "Quality: CUSUM of the loss; share of labels landed", "QualityCusum", "LabelCoverage"),
        _own(names, "Loss where labels have landed", "QualityLoss"),
        _own(names, "Rows monitored", "RowsMonitored", stat="Sum"),
        _own(names, "Rows that the data contract refuses (share)", "BrokenShare"),
        _own(names, "Model version that serves", "ServingVersion", stat="Maximum", period=HOUR),
        _own(names, "Retrainings started", "Retrainings", stat="Sum"),
        _own(names, "Gain of the last probe's best challenger over the champion (loss)", "ChallengerGain", period=HOUR),
        _decisions(names, "Decisions to retrain, and why", "controller", "last_probe.gain", "last_probe.needed"),
        _decisions(names, "Rollouts, and why", "deployer"),
        _spend(names, monthly_usd),
    ]
    return {"widgets": [widget | _place(number) for number, widget in zip(count(), widgets)]}


def _place(number: int) -> dict[str, int]:
    row, column = divmod(number, COLUMNS)
    return {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}


def _graph(names: Names, title: str, metrics: list[Metric], stat: str, period: int) -> dict[str, Any]:
    properties = {"title": title, "region": names.region, "view": "timeSeries", "stat": stat, "period": period}
    return {"type": "metric", "properties": properties | {"metrics": metrics}}


def _own(names: Names, title: str, *metrics: str, stat: str = "Maximum", period: int = DAY) -> dict[str, Any]:
    dimension = [word for pair in names.dimensions.items() for word in pair]
    return _graph(names, title, [[names.namespace, metric, *dimension] for metric in metrics], stat, period)


def _log(names: Names, title: str, group: str, query: str) -> dict[str, Any]:
    properties = {"title": title, "region": names.region, "view": "table", "query": f"SOURCE '{group}' | {query}"}
    return {"type": "log", "properties": properties}


def _decisions(names: Names, title: str, handler: str, *more: str) -> dict[str, Any]:
    fields = ", ".join(["@timestamp", "reason", "explanation", *more])
    query = f"filter ispresent(explanation) | fields {fields} | sort @timestamp desc | limit 50"
    return _log(names, title, names.log_group(handler), query)


def _spend(names: Names, monthly_usd: float) -> dict[str, Any]:
    widget = _own(names, "Spend of the month against the budget (USD)", "SpendUsd", period=HOUR)
    line = {"label": "budget", "value": monthly_usd}
    return widget | {"properties": widget["properties"] | {"annotations": {"horizontal": [line]}}}
