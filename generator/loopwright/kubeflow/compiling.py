"""From stages to the text of a pipeline: the only module that imports kfp, which takes seconds, so it does it late."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from loopwright.errors import LoopwrightError
from loopwright.kubeflow import steps
from loopwright.kubeflow.components import FINGERPRINT, REFUSED, source, told
from loopwright.kubeflow.resources import LIGHT, Resources, resources
from loopwright.kubeflow.stages import DATA, GATES, PARAMETERS, PROBE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from loopwright.kubeflow.stages import Stage

__all__ = ["compiled"]

Task = Any
"""A task of kfp, which has no types."""


def compiled(stages: Sequence[Stage], *, project: str, image: str) -> str:
    """Return the pipeline as YAML; the same for the same stages, project, image and version of kfp.

    Args:
        stages: The stages of `dvc.yaml`, in its order.
        project: The name of the pipeline.
        image: What every step runs in, by its digest.

    Raises:
        LoopwrightError: kfp is not installed, or a stage's instance type is unknown.
    """
    kfp = _kfp()
    asked = {stage.name: _asked(stage) for stage in stages}
    with TemporaryDirectory(prefix="loopwright-") as folder:
        module, file = _module(Path(folder, "functions.py"), source(stages)), Path(folder, "pipeline.yaml")
        names = (FINGERPRINT, REFUSED, *(stage.name for stage in stages))
        components = {name: _component(kfp.dsl, getattr(module, name), image) for name in names}
        kfp.compiler.Compiler().compile(_pipeline(kfp.dsl, project, stages, components, asked), str(file))
        return _readable(file.read_text(encoding="utf-8"))


def _kfp() -> ModuleType:
    try:
        import kfp  # noqa: PLC0415 - see the head of the module
        import kfp.compiler  # noqa: PLC0415
    except ImportError as error:
        raise LoopwrightError(
            "the pipeline cannot be compiled",
            because=f"Kubeflow's compiler, the package kfp, is not installed ({error})",
            attempt="pip install 'loopwright[kubeflow]'",
        ) from error
    module: ModuleType = kfp
    return module


def _module(file: Path, text: str) -> ModuleType:
    """Import a text from a file: kfp looks up the source of its functions there."""
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("loopwright_kubeflow_functions", file)
    if spec is None or spec.loader is None:
        raise ImportError(file)  # for the type checker: a file that ends in .py has both
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _component(dsl: Any, function: Callable[..., Any], image: str) -> Callable[..., Task]:
    """Return a step as kfp wants it: the function's source, and that of the helpers it calls."""
    called = function.__code__.co_names
    helpers = [getattr(steps, name) for name in steps.__all__ if name in called]
    component: Callable[..., Task] = dsl.component(
        function, base_image=image, install_kfp_package=False, additional_funcs=helpers
    )
    return component


def _asked(stage: Stage) -> Resources:
    return resources(stage.name, stage.instance_type) if stage.instance_type else LIGHT


def _pipeline(
    dsl: Any,
    project: str,
    stages: Sequence[Stage],
    components: Mapping[str, Callable[..., Task]],
    asked: Mapping[str, Resources],
) -> Any:
    """Return the pipeline, as a function of kfp."""

    def training(  # noqa: PLR0917 - one parameter for each that a run has, and kfp hands them over by position
        data_uri: str,
        tracking_uri: str,
        reason: str = "manual",
        as_of: str = "",
        since: str = "",
        windows_days: str = "",
        data_version: str = "",
    ) -> None:
        data = dsl.importer(artifact_uri=data_uri, artifact_class=dsl.Dataset, reimport=False)
        known = _sized(components[FINGERPRINT](data=data.output), LIGHT, cached=False)
        values = {
            "tracking_uri": tracking_uri,
            "reason": reason,
            "as_of": as_of,
            "since": since,
            "windows_days": windows_days,
            "data_version": data_version,
            "data_sha256": known.output,
        }
        made = {DATA: data.output}

        def step(stage: Stage) -> Task:
            folders = [DATA] * stage.reads_data + list(stage.needs)
            inputs = {name: made[name] for name in folders} | {name: values[name] for name in told(stage)}
            task = _sized(components[stage.name](**inputs), asked[stage.name], cached=stage.cached)
            made[stage.name] = task.outputs["out"]
            return task

        def run(jobs: Sequence[Stage]) -> None:
            for place, stage in enumerate(jobs, start=1):
                task = step(stage)
                if stage.name == PROBE:
                    with dsl.If(task.outputs["Output"] == "true"):
                        run(jobs[place:])
                    return
                if stage.name == GATES:
                    passed = task.outputs["Output"]
            with dsl.If(passed == "true"):
                step(next(stage for stage in stages if stage.kind == "register"))
            with dsl.Else():
                _sized(components[REFUSED](gates=made[GATES], reason=reason), LIGHT, cached=False)

        run([stage for stage in stages if stage.kind != "register"])

    training.__annotations__ = dict.fromkeys(PARAMETERS, str)  # kfp reads types, and those above are texts of them
    return dsl.pipeline(training, name=project, description=f"{project}: {', '.join(stage.name for stage in stages)}")


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such, so that the source of a step can be read and compared."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _readable(text: str) -> str:
    """Return what kfp wrote with its comments, and with programs as lines: its own way is one quoted text."""
    comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    return comments + yaml.dump(yaml.safe_load(text), Dumper=_Dumper, width=1000, allow_unicode=True)


def _sized(task: Task, asked: Resources, *, cached: bool) -> Task:
    task.set_cpu_request(asked.cpu_request).set_cpu_limit(asked.cpu_limit)
    task.set_memory_request(asked.memory_request).set_memory_limit(asked.memory_limit)
    return task.set_caching_options(enable_caching=cached)
