"""YOURS: the data contract, inferred from the seeded simulator of an online shop. Edit it as you learn about your data.

Three doors use it: the first stage (`ml/prepare.py`), the request body (`ml/serve.py`, through the signature that
training puts beside the model) and CI (`tests/test_data_contract.py`).

Each column has a kind: `numeric`, `categorical`, `boolean` and `timestamp` columns can be features; an `ignored` column
stays in the data but never reaches the model. Ranges are wide on purpose: growth passes, a mistaken unit does not.

`"pii": True` beside the kind `ignored` tags personal data: they may be in the data, the first stage drops them, and a
request that carries them is refused.
"""

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

from ml.checks import levels

SCHEMA = DataFrameSchema(
    {
        "session_at": Column(pl.Datetime("us"), metadata={"kind": "timestamp"}),
        # The entity: a model should not learn single ones by heart.
        "customer_id": Column(pl.String, metadata={"kind": "ignored"}),
        "country": Column(pl.String, levels("AT", "DE", "FR", "GB"), metadata={"kind": "categorical"}),
        "device": Column(pl.String, levels("desktop", "mobile", "tablet"), metadata={"kind": "categorical"}),
        "channel": Column(pl.String, levels("direct", "email", "search", "social"), metadata={"kind": "categorical"}),
        "returning": Column(pl.Boolean, metadata={"kind": "boolean"}),
        "pages_viewed": Column(pl.Int64, Check.in_range(0, 500), metadata={"kind": "numeric"}),
        "minutes_on_site": Column(pl.Float64, Check.in_range(0, 1000), metadata={"kind": "numeric"}),
        "basket_value": Column(pl.Float64, Check.in_range(0, 10000), nullable=True, metadata={"kind": "numeric"}),
        "discount_percent": Column(pl.Int64, Check.in_range(0, 500), metadata={"kind": "numeric"}),
        "days_since_purchase": Column(pl.Float64, Check.in_range(0, 4000), nullable=True, metadata={"kind": "numeric"}),
        "purchased": Column(pl.Boolean, nullable=True, metadata={"kind": "boolean"}),
    },
    unique=["customer_id", "session_at"],
    strict=True,
)

MAX_AGE_DAYS: float | None = 3
"""The newest row of a run that is given its end date is at most this old; null where rows have no time."""
