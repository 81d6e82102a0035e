"""What serves: the model behind an endpoint, asked of SageMaker, so that rows are compared with its own baseline."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

from ml.errors import LoopError, short
from ml.places import client, place

if TYPE_CHECKING:
    from pathlib import Path


def model(endpoint: str, folder: Path) -> Path | None:
    """Fetch the model that an endpoint serves into ``folder``; None while it serves none.

    Raises:
        LoopError: SageMaker or S3 does not say.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who asks AWS waits for it

    try:
        return _model(endpoint, folder, client("sagemaker"))
    except (BotoCoreError, ClientError) as error:
        raise LoopError(
            f"the endpoint {endpoint} does not say what serves",
            because=short(error),
            attempt="let the job describe the endpoint and read its model, or give --model",
        ) from error


def _model(endpoint: str, folder: Path, sagemaker: Any) -> Path | None:
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    if not (uri := container.get("ModelDataUrl")):
        return None
    around, _, name = uri.rpartition("/")
    archive = place(around).fetch(name, folder / "packed")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "model", filter="data")
    return folder / "model"
