"""YOURS: features. The same function prepares a training set of a million rows and a request of one.

It works on columns of numpy arrays (`ml/signature.py` says which), so the server needs no data frame library and
training and serving cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.signature import Columns


def features(columns: Columns) -> Columns:
    """Turn the inputs into the model's features.

    A time becomes the hour and the day of the week: a raw date would only ever drift. Everything else goes in as it is;
    null stays null, the model knows what to do with it.

    Args:
        columns: The inputs of the signature, n rows each.

    Returns:
        float64 arrays (numbers, NaN is null) and object arrays (categories, None is null), n rows each.
    """
    made: Columns = {}
    for name, values in columns.items():
        if values.dtype.kind == "M":
            made |= calendar(name, values)
        else:
            made[name] = values
    return made


def calendar(name: str, times: NDArray[np.generic]) -> Columns:
    """Return the hour (0 to 23) and the day of the week (Monday is 0) of each time; NaN where there is none."""
    hours = times.astype("datetime64[h]").astype(np.float64)
    hours[np.isnat(times)] = np.nan
    days = hours // 24
    # 1 January 1970, day 0 of numpy's dates, was a Thursday: 3 when Monday is 0.
    return {f"{name}_hour": hours % 24, f"{name}_weekday": (days + 3) % 7}
