"""The stages of a repository's `dvc.yaml`, read strictly: what Kubeflow cannot do is an error, and never left out."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loopwright.errors import LoopwrightError
from loopwright.kubeflow import steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["DATA", "GATES", "PARAMETERS", "PROBE", "RESERVED", "Stage", "read", "stages"]

DATA = "data"
"""The folder of versioned data, and the name of the source that it is for a stage."""
GATES = "gates"
"""The stage whose verdict decides whether a model is registered."""
PROBE = "probe"
"""The stage that decides whether those after it run at all. It reads the versioned data, too: what the champion
answered and what became of it lies in their folder `labelled`, which need not be there."""
PROGRAM = ("ml", "loop.yaml", "params.yaml", "dvc.yaml", "requirements")
"""What the image holds, so that a stage may read it wherever it runs."""
PARAMETERS = ("data_uri", "tracking_uri", "reason", "as_of", "since", "windows_days", "data_version")
"""What a run may be told; the first two have no default, because no place on earth is right for everybody."""
RESERVED = frozenset(
    {DATA, "data_sha256", "dsl", "fingerprint", "importer", "kfp", "metrics", "out", "refused"}
    | {"go", "name", "passed", "problem", "value"}
    | {*PARAMETERS, *steps.__all__}
)
"""Names that steps of the pipeline's own, their inputs and outputs, and what is in a step have."""
FIELDS = ("stages", "artifacts", "metrics", "params", "plots")
"""Top level of `dvc.yaml`; all but the stages only says what to show. `vars` and `datasets` are not among them."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

Count = Annotated[int, Field(ge=1)]
Paths = list[str | dict[str, dict[str, Any]]]


class _Meta(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["processing", "training", "register"]
    instance_type: str = ""
    instance_count: Count = 1
    volume_gb: Count = 1
    timeout_minutes: Count = 60
    tracks: bool = False


class _Declared(BaseModel):
    """One entry of `stages`; `wdir`, `foreach`, `matrix` and `plots` would mean another command or another output."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cmd: str
    meta: _Meta
    desc: str = ""
    deps: list[str] = []
    params: Any = None
    outs: Paths = []
    metrics: Paths = []
    always_changed: bool = False

    def makes(self) -> tuple[PurePosixPath, ...]:
        return tuple(PurePosixPath(_path(out)) for out in (*self.outs, *self.metrics))

    def kept(self) -> bool:
        return any(options.get("persist") for out in self.outs if isinstance(out, dict) for options in out.values())


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of `dvc.yaml`."""

    name: str
    kind: Literal["processing", "training", "register"]
    needs: tuple[str, ...] = ()
    """Stages whose results it reads, in the order of its `deps`."""
    reads_data: bool = False
    """Whether it reads versioned data, and not only what earlier stages made."""
    metrics: tuple[str, ...] = ()
    """Its metrics files, laid out as in the repository."""
    instance_type: str = ""
    timeout_minutes: int = 60
    cached: bool = True
    """False where DVC keeps outputs (`persist`) or always runs it: its answer depends on the champion, no file."""
    tracks: bool = False
    """Whether it talks to the tracking server."""


def read(project: Path) -> tuple[Stage, ...]:
    """Return the stages of a generated repository.

    Raises:
        LoopwrightError: `dvc.yaml` is missing, is no YAML, or says what cannot be compiled.
    """
    file = project / "dvc.yaml"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LoopwrightError(
            f"{file} cannot be read",
            because=" ".join(str(error).split()),
            attempt="the command in a generated repository, or with --project DIR",
        ) from error
    return stages(document)


def stages(document: Any) -> tuple[Stage, ...]:
    """Return the stages of a parsed `dvc.yaml`, in its order, with the data that flows between them.

    Raises:
        LoopwrightError: Names the stage, and what it says that cannot be compiled.
    """
    declared = dict(_declared(document))
    found = tuple(_stage(name, declared) for name in declared)
    _refuse_no_verdict(found)
    return found


def _declared(document: Any) -> Iterator[tuple[str, _Declared]]:
    entries = document.get("stages") if isinstance(document, dict) else None
    if not entries or not isinstance(entries, dict):
        raise _refused("it has no stages", "stages as `loopwright new` writes them")
    if unknown := set(document) - set(FIELDS):
        raise _refused(f"it holds {', '.join(sorted(map(str, unknown)))}", f"only {', '.join(FIELDS)} at the top level")
    for name, entry in entries.items():
        if not _NAME.fullmatch(str(name)) or keyword.iskeyword(name) or name in RESERVED:
            attempt = f"small letters, digits and single _, and no name of the pipeline's own such as {DATA} or metrics"
            raise _refused(f"no step can be called {name!r}", attempt)
        try:
            yield name, _Declared.model_validate(entry)
        except ValidationError as error:
            reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
            raise _refused(
                f"stage {name}: {'; '.join(reasons)}", "only what a stage of `loopwright new` says, in its form"
            ) from error


def _stage(name: str, declared: Mapping[str, _Declared]) -> Stage:
    stage = declared[name]
    meta, kept = stage.meta, stage.kept() or stage.always_changed
    if meta.kind != "register" and not meta.instance_type:
        raise _refused(f"stage {name}: meta lacks instance_type", "an instance type, such as ml.m5.large")
    if meta.instance_count > 1:
        raise _refused(
            f"stage {name}: meta.instance_count is {meta.instance_count}, and a step of a pipeline is one pod",
            "instance_count: 1 and a larger instance_type",
        )
    needs, reads_data = _reads(name, declared)
    return Stage(
        name=name,
        kind=meta.kind,
        needs=needs,
        reads_data=reads_data,
        metrics=tuple(_path(out) for out in stage.metrics),
        instance_type=meta.instance_type,
        timeout_minutes=meta.timeout_minutes,
        cached=not kept,
        tracks=kept or meta.tracks,
    )


def _reads(name: str, declared: Mapping[str, _Declared]) -> tuple[tuple[str, ...], bool]:
    """Return the stages that make what a stage reads, and whether it reads versioned data, too."""
    needs, reads_data = [], False
    for dependency in map(PurePosixPath, declared[name].deps):
        made = [(out, maker) for maker, stage in declared.items() for out in stage.makes() if _share(dependency, out)]
        for _, maker in made:
            _refuse_order(name, dependency, maker, declared)
            needs.append(maker)
        whole = any(out == dependency or out in dependency.parents for out, _ in made)
        if not whole and dependency.parts[0] not in (DATA, *PROGRAM):
            raise _refused(
                f"stage {name} reads {dependency}, which no stage makes and the image does not hold",
                f"it under {DATA}/ where it is data, or under ml/ where it is code",
            )
        reads_data |= not whole and dependency.parts[0] == DATA
    return tuple(dict.fromkeys(needs)), reads_data or name == PROBE


def _refuse_order(name: str, dependency: PurePosixPath, maker: str, declared: Mapping[str, _Declared]) -> None:
    """Refuse a stage that would read what is not there yet, or may never be."""
    order, reads = list(declared), f"stage {name} reads {dependency}, which"
    attempt = "the stages in the order in which they run, each after those whose results it reads"
    if maker == name:
        raise _refused(f"{reads} it makes itself", attempt)
    if order.index(maker) > order.index(name):
        raise _refused(f"{reads} the later stage {maker} makes", attempt)
    if declared[maker].meta.kind == "register":
        raise _refused(
            f"{reads} {maker} makes only where the gates let a model pass", "a stage that reads something else"
        )


def _share(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one == other or one in other.parents or other in one.parents


def _refuse_no_verdict(found: tuple[Stage, ...]) -> None:
    """Refuse stages that would register a model without asking the gates."""
    gates = any(stage.name == GATES and stage.kind != "register" for stage in found)
    registering = [stage for stage in found if stage.kind == "register"]
    if not gates or len(registering) != 1 or GATES not in registering[0].needs:
        raise _refused(
            f"a model is registered when the stage {GATES} lets it, and there is not one such pair of stages",
            f"a stage {GATES}, and one stage of the kind register that reads what it makes",
        )


def _path(out: str | Mapping[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def _refused(because: str, attempt: str) -> LoopwrightError:
    return LoopwrightError("dvc.yaml cannot be compiled for Kubeflow", because=because, attempt=attempt)
