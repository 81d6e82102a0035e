"""The service: a loaded model that turns the body of a request into the body of an answer.

It knows of no web server, so the latency gate can time the very code that serves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from ml import artefact, model, sanity
from ml.features import features
from ml.serving import responses
from ml.serving.requests import Door, Refused, media
from ml.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from ml.signature import Columns


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer, and what there is to count about it."""

    status: int
    body: bytes
    media: str = responses.JSON
    rows: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    """How many values of each categorical feature the model has never seen; features without any are left out."""
    odd: int = 0
    """How many rows have an answer that cannot be, as `ml/sanity.py` has it."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A model, ready to answer."""

    model: model.Model
    signature: Signature
    sha256: str
    door: Door

    @classmethod
    def load(cls, folder: Path, sha256: str | None = None) -> Self:
        """Load the model in ``folder``; with ``sha256``, refuse any other.

        Raises:
            ArtefactError: The folder holds another model, or none that can be read.
        """
        if sha256:
            artefact.verify(folder, sha256)
        try:
            signature = Signature.load(folder)
            loaded = model.load(folder)
        except Exception as error:
            raise artefact.ArtefactError(
                f"the model in {folder} cannot be loaded",
                because=f"{type(error).__name__}: {error}",
                attempt="fetch the model from the registry again",
            ) from error
        return cls(model=loaded, signature=signature, sha256=artefact.digest(folder), door=Door(signature))

    def answer(self, body: bytes, content_type: str = "", accept: str = "") -> Reply:
        """Answer one request; what is wrong with it is an answer too."""
        try:
            wanted = responses.negotiate(accept)
            columns, rows = self.door.read(body, media(content_type))
        except Refused as error:
            return Reply(status=error.status, body=responses.refusal(error))
        made = features(columns)
        said, facts = model.predict(self.model, made), self.model.facts
        odd = int(np.count_nonzero(sanity.odd(said, facts.believable)))
        found = responses.body(said, facts, self.sha256, wanted)
        return Reply(status=200, body=found, media=wanted, rows=rows, unknown=self._unknown(made), odd=odd)

    def _unknown(self, made: Columns) -> dict[str, int]:
        codes = self.model.facts.codes
        counts = {
            name: sum(value is not None and value not in of for value in made[name]) for name, of in codes.items()
        }
        return {name: count for name, count in counts.items() if count}
