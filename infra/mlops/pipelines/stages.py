"""The stages of `dvc.yaml`, as far as a platform is concerned. Pure.

The stages, their order and their data flow stand in `dvc.yaml` alone; what a stage needs on AWS stands in its `meta`:

    kind              processing, training or register
    instance_type     such as ml.m5.large
    instance_count    how many of them (1); more for kind training only (docs/scale.md)
    volume_gb         disk of each
    timeout_minutes   when it is stopped
    tracks            true for a stage that writes to the tracking server (false)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MONITOR", "Stage", "stages"]

KINDS = ("processing", "training", "register")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of `dvc.yaml`."""

    name: str
    kind: Literal["processing", "training", "register"]
    needs: tuple[str, ...] = ()
    """Stages whose results it reads."""
    reads_data: bool = False
    """Whether it reads versioned data, and not only what earlier stages made."""
    instance_type: str = ""
    instance_count: int = 1
    volume_gb: int = 0
    timeout_minutes: int = 0
    tracks: bool = False
    """Whether it writes to the tracking server."""
    cached: bool = True
    """False for a stage whose outputs DVC keeps (`persist`): its answer depends on the champion, which is no file."""


MONITOR = Stage(
    name="monitor",
    kind="processing",
    instance_type="ml.m5.large",
    volume_gb=30,
    timeout_minutes=60,
    cached=False,
)

META = {field.name for field in fields(Stage)} - {"name", "needs", "reads_data", "cached"}
NEEDED = {"instance_type", "volume_gb", "timeout_minutes"}


def stages(document: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Return the stages of a parsed `dvc.yaml`, in its order.

    Raises:
        ValueError: A stage says too little for AWS, or what cannot be meant; names the stage.
    """
    maker: dict[str, str] = {}
    found = []
    for name, stage in document["stages"].items():
        needs, data = [], False
        for dependency in stage.get("deps", ()):
            data |= dependency.startswith("data/") and dependency not in maker
            if dependency in maker and maker[dependency] not in needs:
                needs.append(maker[dependency])
        found.append(_stage(name, stage, tuple(needs), reads_data=data))
        outs = (_path(out) for out in (*stage.get("outs", ()), *stage.get("metrics", ())))
        maker |= dict.fromkeys(outs, name)
    return tuple(found)


def _stage(name: str, stage: Mapping[str, Any], needs: tuple[str, ...], *, reads_data: bool) -> Stage:
    meta = stage.get("meta") or {}
    if (kind := meta.get("kind")) not in KINDS:
        raise ValueError(f"dvc.yaml, stage {name}: meta.kind is one of {', '.join(KINDS)}")
    if unknown := set(meta) - META:
        raise ValueError(f"dvc.yaml, stage {name}: meta knows no {', '.join(sorted(unknown))}")
    if kind != "register" and (missing := NEEDED - set(meta)):
        raise ValueError(f"dvc.yaml, stage {name}: meta lacks {', '.join(sorted(missing))}")
    for number in ("instance_count", "volume_gb", "timeout_minutes"):
        if number in meta and (type(meta[number]) is not int or meta[number] < 1):
            raise ValueError(f"dvc.yaml, stage {name}: meta.{number} is a whole number from 1 on")
    if kind != "training" and meta.get("instance_count", 1) > 1:
        raise ValueError(
            f"dvc.yaml, stage {name}: only kind training runs on several instances; docs/scale.md of Loopwright says "
            "what else helps: a larger instance_type, or the same query on Athena or Spark"
        )
    return Stage(name=name, needs=needs, reads_data=reads_data, cached=not _kept(stage), **meta)


def _kept(stage: Mapping[str, Any]) -> bool:
    outs = (out for out in stage.get("outs", ()) if isinstance(out, dict))
    return any(options.get("persist") for out in outs for options in out.values())


def _path(out: str | Mapping[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))
