"""What ``evaluate.py`` runs in the project's own python: it knows the Pulumi SDK, and nothing of Loopwright."""
