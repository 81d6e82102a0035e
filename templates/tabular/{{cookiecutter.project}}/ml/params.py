"""How a run is made: `params.yaml` as frozen, validated types."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ml.errors import LoopError
from ml.model import Settings

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class ParamsError(LoopError):
    """`params.yaml` cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prepare(_Part):
    """Which rows a run sees."""

    since: datetime | None = None
    as_of: datetime | None
    window_days: Annotated[float, Field(gt=0)] | None
    recent_days: Annotated[float, Field(gt=0)] | None = None
    """The test is `test_share` of the rows of the newest so many days, if that is enough; None: of all rows."""
    test_share: Share
    entity_share: Share

    @field_validator("since", "as_of")
    @classmethod
    def _utc(cls, moment: datetime | None) -> datetime | None:
        """Bring a time with a zone to UTC; the data holds UTC without one."""
        return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment


class Train(_Part):
    """How the model is fitted."""

    seed: int
    rounds: Count
    patience: Count
    validation_share: Share
    learning_rate: Annotated[float, Field(gt=0)]
    num_leaves: Annotated[int, Field(ge=2)]
    min_rows_in_leaf: Count
    threads: Count

    def settings(self) -> Settings:
        """Return what `ml/model.py` needs of these."""
        return Settings(**self.model_dump(exclude={"validation_share"}))


class Run(_Part):
    """What a run is told beside `params.yaml`: on AWS by the controller, by hand through the same options."""

    since: str = ""
    """An ISO time; empty leaves `prepare.since`."""
    as_of: str = ""
    """An ISO time; empty leaves `prepare.as_of`."""
    windows_days: str = ""
    """Whole numbers with commas between; rows for the longest are kept, and the test is of the shortest. Empty leaves
    `prepare.window_days`."""

    def lengths(self) -> list[int]:
        """Return the windows in days; none where the run is told of none.

        Raises:
            ValueError: One is no whole number.
        """
        return [int(days) for days in self.windows_days.split(",")] if self.windows_days else []

    def over(self, how: Prepare) -> Prepare:
        """Return ``how`` with what this run was told.

        Raises:
            ParamsError: It cannot be meant.
        """
        told: dict[str, object] = {name: when for name in ("since", "as_of") if (when := getattr(self, name))}
        try:
            if lengths := self.lengths():
                told |= {"window_days": max(lengths), "recent_days": min(lengths)}
            return Prepare.model_validate(how.model_dump() | told)
        except ValueError as error:
            because = " ".join(str(error).split())
            raise ParamsError(
                f"a run cannot be told {told or self.windows_days}",
                because=because,
                attempt="an ISO time for --since and --as-of, whole numbers of days for --windows-days",
            ) from error


class Params(_Part):
    """The whole of `params.yaml`."""

    prepare: Prepare
    train: Train


def load(path: Path | str = "params.yaml") -> Params:
    """Read and validate the parameters.

    Raises:
        ParamsError: The file is missing, is no YAML, or holds a value that cannot be meant.
    """
    try:
        return Params.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ParamsError(f"{path} cannot be read", because=" ".join(str(error).split()), attempt="mend it") from error
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ParamsError(f"{path} cannot be used", because=reasons, attempt="mend these values") from error
