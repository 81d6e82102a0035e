"""One Python function for each step, as text: its inputs and outputs are those of the stage, its body calls `steps`.

Kubeflow reads a step's interface from a function's signature and carries the function's source, so the functions have
to be written out. Everything that decides something stands in `steps`, where it is linted, typed and tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.kubeflow.stages import DATA, GATES, PROBE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loopwright.kubeflow.stages import Stage

__all__ = ["FINGERPRINT", "REFUSED", "RUN_ARGUMENTS", "source", "told"]

FINGERPRINT, REFUSED = "fingerprint", "refused"
RUN_ARGUMENTS = {
    "prepare": {
        "as_of": "--as-of",
        "windows_days": "--windows-days",
        "since": "--since",
        "data_version": "--data-version",
    },
    PROBE: {"reason": "--reason", "windows_days": "--windows-days"},
}
"""What a stage is told of the run, as options of its command; an empty text leaves a value as it is."""

_HEAD = '''\
"""Written for one compilation."""

from kfp import dsl


def {fingerprint}(data: dsl.Input[dsl.Dataset]) -> str:
    return content_sha256(data.path)


def {refused}(gates: dsl.Input[dsl.Artifact], reason: str):
    raise RuntimeError(f"{{refusal(gates.path)}} (the run was started because: {{reason}})")
'''

_STEP = """

def {name}({signature}){returns}:
    problem = run_job(
        {name!r},
        [{arguments}],
        sources={{{sources}}},
        out=out.path,
        minutes={minutes},
        tracking_uri={tracking_uri},
    )
{after}"""


def told(stage: Stage) -> tuple[str, ...]:
    """Return the names of the texts that a step is told when it starts, beside the folders that it reads."""
    names = [*RUN_ARGUMENTS.get(stage.name, ())]
    if stage.cached and stage.reads_data:
        names.append("data_sha256")  # Kubeflow knows data by where they lie; by this it knows them by what they are
    if stage.tracks:
        names.append("tracking_uri")
    if stage.name == GATES:
        names.append("reason")
    return tuple(names)


def source(stages: Sequence[Stage]) -> str:
    """Return a module that holds a function for each step of the pipeline."""
    head = _HEAD.format(fingerprint=FINGERPRINT, refused=REFUSED)
    return head + "".join(_step(stage) for stage in stages)


def _step(stage: Stage) -> str:
    folders = [DATA] * stage.reads_data + list(stage.needs)
    return _STEP.format(
        name=stage.name,
        signature=", ".join(_signature(stage, folders)),
        returns=" -> str" if stage.name in {GATES, PROBE} else "",
        arguments=", ".join(f"{option!r}, {name}" for name, option in RUN_ARGUMENTS.get(stage.name, {}).items()),
        sources=", ".join(f"{name!r}: {name}.path" for name in folders),
        minutes=stage.timeout_minutes,
        tracking_uri="tracking_uri" if stage.tracks else None,
        after="".join(f"    {line}\n" for line in _after(stage)),
    )


def _signature(stage: Stage, folders: Sequence[str]) -> list[str]:
    made = "Model" if stage.kind == "training" else "Artifact"
    return [
        *(f"{name}: dsl.Input[dsl.{'Dataset' if name == DATA else 'Artifact'}]" for name in folders),
        f"out: dsl.Output[dsl.{made}]",
        *(["metrics: dsl.Output[dsl.Metrics]"] if stage.metrics else []),
        *(f"{name}: str" for name in told(stage)),
    ]


def _after(stage: Stage) -> list[str]:
    """Return what follows the command: figures are shown for gates that say no, too."""
    shown = [
        f"for name, value in figures(out.path, {list(stage.metrics)!r}, metrics.path).items():",
        "    metrics.log_metric(name, value)",
    ]
    after = shown if stage.metrics else []
    if stage.name == PROBE:
        return [
            "must(problem)",
            *after,
            "go = worth_it(out.path)",
            "out.metadata.update(go=go, reason=reason)",
            "return go",
        ]
    if stage.name != GATES:
        return ["must(problem)", *after]
    return [
        "passed = verdict(problem, out.path)",
        "out.metadata.update(passed=passed, reason=reason)",
        *after,
        "return passed",
    ]
