"""What serves: the model behind an endpoint, asked of SageMaker, so that rows are compared with its own baseline."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def model(endpoint: str, folder: Path, sagemaker: Any, s3: Any) -> Path | None:
    """Fetch the model that an endpoint serves; None while it serves none.

    Args:
        endpoint: Its name.
        folder: Where to put the model's files.
        sagemaker: A client of SageMaker.
        s3: A client of S3.
    """
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    if not (place := container.get("ModelDataUrl")):
        return None
    bucket, _, key = place.removeprefix("s3://").partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "model.tar.gz"
    s3.download_file(bucket, key, str(archive))
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    return folder
