"""Loopwright generates ML repositories whose retraining loop is already closed."""

__all__ = ["__version__"]

__version__ = "0.1.0"
