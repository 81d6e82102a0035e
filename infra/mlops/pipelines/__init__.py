"""The two pipelines: authored with the SageMaker SDK from `dvc.yaml`, compiled into the repository, filled by a stack.

`stages` reads `dvc.yaml`. `author` writes it as pipelines with the SDK, which `make compile` alone needs. `source` says
whether what that left in `definitions/` is what there is now, and `compiled` puts a stack's own values in.
"""
