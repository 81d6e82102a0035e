"""Tracking: each judged model is one MLflow run.

By default the runs are kept in `mlflow.db` and `mlruns/` beside this file's folder; with MLFLOW_TRACKING_URI in the
environment they go to that server. A run is logged once, when the gates have spoken, so that a cached stage leaves no
half a run behind.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from ml import hashes
from ml.errors import LoopError
from ml.paths import PREPARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlflow import MlflowClient

DEFAULT = "sqlite:///mlflow.db"
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that is not there is said so in seconds; MLflow's own default is to try for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


class TrackingError(LoopError):
    """The tracking server does not answer."""


def client() -> MlflowClient:
    """Return a client of the tracking server.

    Raises:
        TrackingError: The address cannot be used.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    import mlflow  # noqa: PLC0415 - seconds to import, and most commands do without
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    address = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT
    mlflow.set_tracking_uri(address)
    try:
        return mlflow.MlflowClient(address)
    except MlflowException as error:
        raise TrackingError(
            "the tracking server cannot be used", because=str(error), attempt="mend or unset MLFLOW_TRACKING_URI"
        ) from error


def tags(model_sha256: str) -> dict[str, str]:
    """Return what a run and a model version are made of: data, code, environment, model."""
    prepared = json.loads(PREPARED.read_text(encoding="utf-8"))
    return {
        "data_version": prepared["data_version"],
        "data_sha256": prepared["data_sha256"],
        "window_sha256": prepared["window_sha256"],
        "git_commit": hashes.commit(),
        "lock_sha256": hashes.lock(),
        "model_sha256": model_sha256,
        "train_until": str(prepared["train_until"]),
    }


def log_run(
    experiment: str,
    *,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    folders: Sequence[Path] = (),
    files: Sequence[Path] = (),
) -> str:
    """Log one run and return its id.

    Args:
        experiment: Made if it is not there.
        params: Nested settings; logged flat.
        metrics: By name; values that are not finite are left out.
        tags: By name.
        folders: Logged as artifacts under their own names.
        files: Logged as artifacts beside them.
    """
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

    server = client()
    found = server.get_experiment_by_name(experiment)
    number = found.experiment_id if found else server.create_experiment(experiment)
    run = server.create_run(number)
    now = run.info.start_time
    server.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, now, 0) for name, value in metrics.items() if abs(value) < float("inf")],
        params=[Param(name, str(value)) for name, value in flat(params).items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    for folder in folders:
        server.log_artifacts(run.info.run_id, str(folder), folder.name)
    for file in files:
        server.log_artifact(run.info.run_id, str(file))
    server.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def attach(run_id: str, files: Sequence[Path]) -> None:
    """Log files as artifacts of a run that is there: what names the run can only be written after it."""
    server = client()
    for file in files:
        server.log_artifact(run_id, str(file))


def flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Flatten nested settings to `outer.inner` names."""
    made: dict[str, Any] = {}
    for name, value in nested.items():
        made |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return made
