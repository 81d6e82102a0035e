from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import ValidationError

from ml import params
from ml.model import Settings
from ml.params import Params, ParamsError
from tests.stages import changed

if TYPE_CHECKING:
    from pathlib import Path

PARAMS = """\
prepare: {as_of: null, window_days: null, test_share: 0.2, entity_share: 0.3}
train:
  {seed: 7, rounds: 40, patience: 5, validation_share: 0.15, learning_rate: 0.3, num_leaves: 7, min_rows_in_leaf: 4,
   threads: 1}
"""


def the_params(**changes: Any) -> Params:
    return Params.model_validate(changed(yaml.safe_load(PARAMS), **changes))


def test_this_repositorys_parameters_can_be_used() -> None:
    assert params.load().train.rounds >= 1


def test_the_parameters_are_read_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert params.load() == the_params()


def test_the_model_gets_its_settings() -> None:
    assert the_params().train.settings() == Settings(
        seed=7, rounds=40, patience=5, learning_rate=0.3, num_leaves=7, min_rows_in_leaf=4, threads=1
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2025-03-01T12:00:00+02:00", datetime(2025, 3, 1, 10)),  # noqa: DTZ001 - the data's times have no zone
        ("2025-03-01T12:00:00", datetime(2025, 3, 1, 12)),  # noqa: DTZ001
        (None, None),
    ],
)
def test_a_time_with_a_zone_becomes_utc(given: str | None, meant: datetime | None) -> None:
    assert the_params(prepare__as_of=given).prepare.as_of == meant


ALLOWED = {
    "prepare__window_days": [None, 1e-9],
    "prepare__test_share": [1e-9, 1 - 1e-9],
    "prepare__entity_share": [1e-9, 1 - 1e-9],
    "train__rounds": [1],
    "train__patience": [1],
    "train__validation_share": [1e-9, 1 - 1e-9],
    "train__learning_rate": [1e-9, 2],
    "train__num_leaves": [2],
    "train__min_rows_in_leaf": [1],
    "train__threads": [1],
}
REFUSED = {
    "prepare__as_of": ["soon"],
    "prepare__window_days": [0],
    "prepare__test_share": [0, 1],
    "prepare__entity_share": [0, 1],
    "prepare__unheard_of": [1],
    "train__seed": [0.5],
    "train__rounds": [0],
    "train__patience": [0],
    "train__validation_share": [0, 1],
    "train__learning_rate": [0],
    "train__num_leaves": [1],
    "train__min_rows_in_leaf": [0],
    "train__threads": [0],
}


def test_parameters_are_not_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        the_params().train.rounds = 1  # type: ignore[misc]


@pytest.mark.parametrize("place", ALLOWED)
def test_values_that_can_be_meant(place: str) -> None:
    for value in ALLOWED[place]:
        the_params(**{place: value})


@pytest.mark.parametrize("place", REFUSED)
def test_values_that_cannot_be_meant(place: str) -> None:
    for value in REFUSED[place]:
        with pytest.raises(ValidationError):
            the_params(**{place: value})


def refused(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        params.load(path)
    return str(caught.value)


def test_a_refusal_names_the_values(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    assert refused(path, PARAMS.replace("rounds: 40", "rounds: 0").replace("threads: 1", "threads: none")) == (
        f"{path} cannot be used\n  because: train.rounds: Input should be greater than or equal to 1; "
        "train.threads: Input should be a valid integer, unable to parse string as an integer\n  try: mend these values"
    )
    assert refused(path, "a: [").startswith(f"{path} cannot be read\n  because: while parsing a flow node expected ")
    assert refused(path, "a: [").endswith("\n  try: mend it")
    assert refused(path, "a: [").count("\n") == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"cannot be read\n  because: .*No such file"):
        params.load(tmp_path / "params.yaml")
