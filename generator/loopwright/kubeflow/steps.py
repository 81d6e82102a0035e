"""What the steps of the pipeline do when they run.

Kubeflow carries the source of a step in the pipeline and runs it with whatever Python the image has first on its path.
So each function here is whole in itself: the standard library alone, imported inside, and no other name of this module.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

__all__ = ["content_sha256", "figures", "must", "refusal", "run_job", "verdict", "worth_it"]


def content_sha256(folder: str) -> str:
    """Return the SHA-256 over the names and the bytes of all files of a folder, in the order of their names."""
    import hashlib
    from pathlib import Path

    total, root = hashlib.sha256(), Path(folder)
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{content} {path.relative_to(root).as_posix()}\n".encode())
    return total.hexdigest()


def run_job(
    stage: str,
    arguments: list[str],
    *,
    sources: dict[str, str],
    out: str,
    minutes: int,
    tracking_uri: str | None = None,
) -> str:
    """Run one stage as the program's own command does, and return what went wrong; nothing where it went well.

    In the image that command is `docker-entrypoint`. Elsewhere, so that a laptop runs it without a container, it is the
    package `ml` of the folder LOOP_PROGRAM in the Python LOOP_PYTHON.

    Args:
        stage: Its name in `dvc.yaml`.
        arguments: What this run tells it.
        sources: Folders that it reads, by the stage that made each; `data` is the versioned data.
        out: The folder that its results go to, laid out as in the repository.
        minutes: How long it may take.
        tracking_uri: The MLflow server, for a stage that talks to it.
    """
    import collections
    import contextlib
    import os
    import shutil
    import signal
    import subprocess
    import sys
    import threading

    if tracking_uri == "":
        return "tracking_uri is empty: runs and versions of the model are kept by an MLflow server"
    entry = ["docker-entrypoint"]
    if shutil.which(entry[0]) is None:
        entry = [os.environ.get("LOOP_PYTHON") or sys.executable, "-m", "ml"]
    told = {"PYTHONPATH": os.environ.get("LOOP_PROGRAM"), "MLFLOW_TRACKING_URI": tracking_uri}
    environment = {**os.environ, **{name: value for name, value in told.items() if value}}
    read = [word for name, folder in sources.items() for word in ("--source", f"{name}={folder}")]
    command = [*entry, "job", *read, "--out", out, stage, *arguments]
    os.makedirs(out, exist_ok=True)  # noqa: PTH103 - as the platform hands it: a text
    last: collections.deque[str] = collections.deque(maxlen=20)
    # A session of its own: what the stage started, such as the server that the gates ask, ends with it.
    with subprocess.Popen(  # noqa: S603 - words as a list
        command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True
    ) as process:
        late = threading.Event()

        def end() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)

        clock = threading.Timer(minutes * 60, end)
        clock.daemon = True
        clock.start()
        try:
            for line in process.stderr or ():
                sys.stderr.write(line)
                last.append(line)
            code = process.wait()
        finally:
            clock.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if late.is_set():
        return f"the stage {stage} was ended: it took longer than the {minutes} minutes that dvc.yaml allows"
    return f"the stage {stage} failed with {code}\n{''.join(last)}".rstrip() if code else ""


def must(problem: str) -> None:
    """End the step where something went wrong.

    Raises:
        RuntimeError: With what it was.
    """
    if problem:
        raise RuntimeError(problem)


def worth_it(out: str) -> str:
    """Return whether the probe says to go on, as the text `true` or `false`.

    Args:
        out: The folder of what it made.

    Raises:
        RuntimeError: It does not say.
    """
    import json
    from pathlib import Path

    report = Path(out, "reports/probe.json")
    found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    if found.get("go") not in {True, False}:
        raise RuntimeError(f"the probe ended well and {report.name} does not say whether to go on")
    return "true" if found["go"] else "false"


def verdict(problem: str, out: str) -> str:
    """Return whether the gates let the model pass, as the text `true` or `false`.

    Gates that say no are an answer, by which the pipeline decides; gates that could not be asked are none.

    Raises:
        RuntimeError: The gates could not be asked, or what they answered cannot be relied on.
    """
    import json
    from pathlib import Path

    report, run = Path(out, "reports/gates.json"), Path(out, "reports/run.json")
    passed = json.loads(report.read_text(encoding="utf-8")).get("passed") if report.is_file() else None
    # Only a run that was tracked counts: what cannot be looked up afterwards was no judgement.
    if passed is False and run.is_file():
        return "false"
    if problem or passed is not True:
        raise RuntimeError(problem or f"the gates ended well and {report.name} does not say whether they passed")
    return "true"


def refusal(gates: str) -> str:
    """Return why the gates refused the model.

    Args:
        gates: The folder of what they made.
    """
    import json
    from pathlib import Path

    report = json.loads(Path(gates, "reports/gates.json").read_text(encoding="utf-8"))
    failed = [f"{gate['gate']}: {gate['note']}" for gate in report.get("gates", ()) if not gate["passed"]]
    why = report.get("reason") or "; ".join(failed) or "reports/gates.json of the step gates says no more"
    return f"a gate failed, so the model is not registered: {why}"


def figures(out: str, reports: list[str], kept: str) -> dict[str, float]:
    """Return the numbers of metrics files by their keys, for the pages of Kubeflow, and keep them in a file.

    Args:
        out: The folder of what the stage made.
        reports: The files, laid out as in the repository; one that a stage has not made is left out.
        kept: The file: without one, an artifact is a name for nothing.
    """
    import json
    import math
    from pathlib import Path

    found: dict[str, float] = {}
    for path in (Path(out, report) for report in reports):
        head = [path.stem] if len(reports) > 1 else []
        waiting = [(head, json.loads(path.read_text(encoding="utf-8")))] if path.is_file() else []
        while waiting:
            keys, value = waiting.pop(0)
            if isinstance(value, dict):
                waiting += [([*keys, key], inner) for key, inner in value.items()]
            elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                found[".".join(keys)] = float(value)
    Path(kept).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found
