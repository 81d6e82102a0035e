"""Drift: rows counted by bucket (`measure`), and what moved between the baseline and the current ones (`compare`)."""
