"""``loopwright export kubeflow``: the stages of a repository as one pipeline file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from loopwright import __version__
from loopwright.errors import LoopwrightError, UsageError
from loopwright.kubeflow.compiling import compiled
from loopwright.kubeflow.stages import PARAMETERS, read
from loopwright.placing import replace_own

if TYPE_CHECKING:
    from pathlib import Path

    from loopwright.kubeflow.stages import Stage

__all__ = ["MADE", "Exported", "export", "write"]

MADE = "# Made by `loopwright export kubeflow`"
"""How every file of ours begins; no other is replaced."""

_IMAGE = re.compile(r"[a-z0-9]+(?:(?:[._:/]|__|-+)[a-z0-9]+)*@sha256:[0-9a-f]{64}")
_TAGGED = re.compile(r":[^/]*@")

_HEADER = """\
{made} {version} from dvc.yaml; what is edited here is lost with the next export.
#
#   again     loopwright export kubeflow --image {image}
#   dvc.yaml  sha256:{sha256}
#
# The image is built with `docker build --target kubeflow .`; docs/kubeflow.md of Loopwright says what a run is told,
# what is cached, and what differs from `dvc repro`. The same stages and the same kfp make the same bytes.
#
"""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A pipeline, and what to say of it."""

    project: str
    image: str
    stages: tuple[Stage, ...]
    text: str

    def lines(self, target: Path) -> list[str]:
        """Return what there is, for people."""
        names = " -> ".join(stage.name for stage in self.stages)
        given = ", ".join(PARAMETERS[:2])
        return [f"  {target}", f"{self.project}: {names}", f"a run is told {given}; all else has a default"]

    def document(self, target: Path) -> dict[str, object]:
        """Return what there is, as JSON."""
        return {
            "target": str(target),
            "pipeline": self.project,
            "image": self.image,
            "stages": [stage.name for stage in self.stages],
            "parameters": list(PARAMETERS),
        }


def export(project: Path, image: str) -> Exported:
    """Return the pipeline of a generated repository.

    Args:
        project: The repository.
        image: What every step runs in, as ``REPOSITORY@sha256:...``.

    Raises:
        UsageError: The image is not named by a digest.
        LoopwrightError: The repository cannot be read or compiled, or kfp is missing.
    """
    _refuse_tag(image)
    name, stages = _name(project), read(project)
    header = _HEADER.format(
        made=MADE,
        version=__version__,
        image=image,
        sha256=hashlib.sha256((project / "dvc.yaml").read_bytes()).hexdigest(),
    )
    return Exported(project=name, image=image, stages=stages, text=header + compiled(stages, project=name, image=image))


def write(target: Path, text: str) -> None:
    """Put the pipeline in its place whole: a reader sees the old one or the new one.

    Raises:
        TargetError: A file of another origin is in the way, or the place cannot be written.
    """
    replace_own(target, text.encode(), lambda found: found.startswith(MADE.encode()))


def _refuse_tag(image: str) -> None:
    if _IMAGE.fullmatch(image) and not _TAGGED.search(image):
        return
    raise UsageError(
        f"the image {image!r} cannot be used",
        because="it is not REPOSITORY@sha256:DIGEST; a tag may name another image tomorrow, and a pipeline has one "
        "environment",
        attempt="docker push prints the digest; so does docker buildx imagetools inspect REPOSITORY:TAG",
    )


def _name(project: Path) -> str:
    """Return the name of the project, which `loop.yaml` says."""
    file = project / "loop.yaml"
    try:
        contract = yaml.safe_load(file.read_text(encoding="utf-8"))
        name = contract["project"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise LoopwrightError(
            f"{file} does not say what the project is called",
            because=" ".join(str(error).split()),
            attempt="the command in a generated repository, or with --project DIR",
        ) from error
    return str(name)
