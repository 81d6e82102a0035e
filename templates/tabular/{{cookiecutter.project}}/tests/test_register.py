from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml import register
from ml.register import RegisterError
from ml.registry import Version
from tests.stages import a_contract


class Desk:
    """A registry that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, name: str) -> Desk:
        self.asked.append(("open", name))
        return self

    def register(self, run_id: str, tags: dict[str, str]) -> Version:
        self.asked.append(("register", run_id, tags))
        return Version(number="4", run_id=run_id, source="s", tags=tags)

    def promote(self, number: str) -> None:
        self.asked.append(("promote", number))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    Path("reports/gates.json").write_text(json.dumps({"passed": True}), encoding="utf-8")
    Path("reports/run.json").write_text(json.dumps({"run_id": "r", "tags": {"model_sha256": "abc"}}), encoding="utf-8")
    made = Desk()
    monkeypatch.setattr(register, "Registry", made)
    return made


@pytest.mark.parametrize(("approval", "alias"), [("auto", "champion"), ("manual", "challenger")])
def test_a_model_that_passed_is_registered(
    desk: Desk, approval: str, alias: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(register.contracts, "load", lambda: a_contract(approval=approval))
    register.main()
    promoted = [("promote", "4")] if approval == "auto" else []
    assert desk.asked == [("open", "shop"), ("register", "r", {"model_sha256": "abc"}), *promoted]
    assert capsys.readouterr().out == f"  version 4 of shop is the {alias}\n"
    report = {"name": "shop", "version": "4", "alias": alias, "model_sha256": "abc"}
    assert Path("reports/registered.json").read_text(encoding="utf-8") == json.dumps(report, indent=1) + "\n"


def test_what_was_rolled_back_waits_for_a_person(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"run_id": "r", "tags": {"model_sha256": "abc", "rolled_back": "true"}}
    Path("reports/run.json").write_text(json.dumps(run), encoding="utf-8")
    monkeypatch.setattr(register.contracts, "load", lambda: a_contract(approval="auto"))
    register.main()
    assert [asked[0] for asked in desk.asked] == ["open", "register"]
    assert json.loads(Path("reports/registered.json").read_text(encoding="utf-8"))["alias"] == "challenger"


def test_a_model_that_failed_is_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register.contracts, "load", a_contract)
    Path("reports/gates.json").write_text(json.dumps({"passed": False}), encoding="utf-8")
    with pytest.raises(RegisterError) as caught:
        register.main()
    assert str(caught.value) == (
        "the model is not registered\n  because: reports/gates.json says that a gate failed\n"
        "  try: see reports/gates.md"
    )
    assert desk.asked == []
    assert not Path("reports/registered.json").exists()
