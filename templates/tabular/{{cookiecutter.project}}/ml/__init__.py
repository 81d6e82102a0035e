"""The pipeline, the model and its server. `loop.yaml` is the contract, `dvc.yaml` the order of the stages."""
