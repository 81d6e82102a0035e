"""SageMaker's folders: what a job finds below `/opt/ml`, and what is taken from there when it ends.

Processing: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html. Training:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopwright.execution.objects import Objects

__all__ = ["FAILURE", "hand_processing", "hand_training", "hosts", "lay_processing", "lay_training"]

HOME = "/opt/ml/"
FAILURE = {"Processing": "output/message", "Training": "output/failure"}
"""Where a job says why it failed."""


def hosts(count: int) -> list[str]:
    """Return how SageMaker calls the hosts of a job, in the order that it lists them in."""
    return sorted(f"algo-{number}" for number in range(1, count + 1))


def lay_processing(arguments: Mapping[str, Any], root: Path, objects: Objects) -> None:
    """Lay out a processing job below ``root``, which stands for `/opt/ml`."""
    for given in arguments.get("ProcessingInputs", ()):
        objects.fetch(given["S3Input"]["S3Uri"], _local(root, given["S3Input"]["LocalPath"]))
    for output in _outputs(arguments):
        _local(root, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
    _write(root / "config/processingjobconfig.json", arguments)
    cluster = arguments["ProcessingResources"]["ClusterConfig"]
    _write(root / "config/resourceconfig.json", _resources(cluster, *hosts(1)))


def hand_processing(arguments: Mapping[str, Any], root: Path, objects: Objects) -> dict[str, Any]:
    """Upload the results of a processing job; return what its Describe call says."""
    for output in _outputs(arguments):
        objects.store(_local(root, output["LocalPath"]), output["S3Uri"])
    config = arguments.get("ProcessingOutputConfig", {})
    outputs = {output["OutputName"]: output for output in config.get("Outputs", ())}
    return {
        **arguments,
        "ProcessingJobStatus": "Completed",
        "ProcessingOutputConfig": {**config, "Outputs": outputs},
    }


def lay_training(arguments: Mapping[str, Any], root: Path, objects: Objects, host: str) -> None:
    """Lay out one host of a training job below ``root``, which stands for its `/opt/ml`."""
    channels = {}
    for channel in arguments.get("InputDataConfig", ()):
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        objects.fetch(source["S3Uri"], root / "input/data" / name)
        channels[name] = {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": source["S3DataDistributionType"],
            "RecordWrapperType": "None",
        }
    for folder in ("model", "output/data"):
        (root / folder).mkdir(parents=True)
    config = root / "input/config"
    # SageMaker hands every hyperparameter over as a text.
    _write(config / "hyperparameters.json", {k: str(v) for k, v in arguments.get("HyperParameters", {}).items()})
    _write(config / "inputdataconfig.json", channels)
    _write(config / "resourceconfig.json", _resources(arguments["ResourceConfig"], host))


def hand_training(arguments: Mapping[str, Any], root: Path, objects: Objects, job: str) -> dict[str, Any]:
    """Pack and upload the model of a training job; return what its Describe call says."""
    uri = f"{arguments['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job}/output/model.tar.gz"
    packed = root / "model.tar.gz"
    _pack(root / "model", packed)
    objects.store(packed, uri)
    return {**arguments, "TrainingJobStatus": "Completed", "ModelArtifacts": {"S3ModelArtifacts": uri}}


def _pack(folder: Path, target: Path) -> None:
    """Pack what is in a folder; the same files make the same bytes, whenever they were written."""
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name, filter=lambda entry: entry.replace(mtime=0, deep=False))


def _local(root: Path, path: str) -> Path:
    return root / path.removeprefix(HOME)


def _outputs(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [output["S3Output"] for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", ())]


def _resources(cluster: Mapping[str, Any], host: str) -> dict[str, Any]:
    kind, group, everyone = cluster["InstanceType"], "homogeneousCluster", hosts(cluster["InstanceCount"])
    return {
        "current_host": host,
        "hosts": everyone,
        "current_instance_type": kind,
        "current_group_name": group,
        "instance_groups": [{"instance_group_name": group, "instance_type": kind, "hosts": everyone}],
        "network_interface_name": "eth0",
    }


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
