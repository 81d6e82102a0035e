"""The stages of a repository as a pipeline for Kubeflow: the same commands, in the same image, in the same order."""
