"""From an instance type of SageMaker to what a pod asks of its node."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from loopwright.errors import LoopwrightError

__all__ = ["LIGHT", "Resources", "machines", "resources"]

_ASKED = 0.8
"""Share of a machine that a pod asks for: the rest is the node's own and its daemons', or no node of that size fits."""
_MEBIBYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a pod asks for and may use at most, as Kubernetes writes quantities."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


LIGHT = Resources(cpu_request="250m", cpu_limit="1", memory_request="512Mi", memory_limit="1Gi")
"""For a step that reads files or calls a server: its stage names no machine, as SageMaker needs none for it."""


@cache
def machines() -> dict[str, tuple[int, int]]:
    """Return vCPU and GiB of memory of every instance type that is known, by its name."""
    document = yaml.safe_load(Path(__file__).with_name("instances.yaml").read_text(encoding="utf-8"))
    return {
        f"{family}.{size}": (cpus, memory)
        for family, sizes in document["families"].items()
        for size, (cpus, memory) in sizes.items()
    }


def resources(stage: str, instance_type: str) -> Resources:
    """Return what the pod of a stage asks for: most of the machine that the stage has on SageMaker, and all as a limit.

    Raises:
        LoopwrightError: The instance type is not in the table.
    """
    if instance_type not in machines():
        near = difflib.get_close_matches(instance_type, machines(), n=3) or ["ml.m5.large", "ml.m5.xlarge"]
        raise LoopwrightError(
            f"the stage {stage} cannot be given a pod",
            because=f"{instance_type!r} is not in the table of instance types, so its vCPU and memory are unknown",
            attempt=f"a known one as meta.instance_type in dvc.yaml, such as {', '.join(near)}",
        )
    cpus, memory = machines()[instance_type]
    return Resources(
        cpu_request=f"{int(cpus * 1000 * _ASKED)}m",
        cpu_limit=str(cpus),
        memory_request=f"{int(memory * _MEBIBYTES * _ASKED)}Mi",
        memory_limit=f"{memory}Gi",
    )
