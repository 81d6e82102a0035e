from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ml import registry, tracking
from ml.artefact import ArtefactError, digest
from ml.registry import Registry, RegistryError, Version
from tests.stages import document


@pytest.fixture
def shop(tracked: Path) -> Registry:
    """Return the registry of a project whose folder is the current one."""
    Path("loop.yaml").write_text(yaml.safe_dump(document()), encoding="utf-8")
    return Registry("shop")


def registered(shop: Registry, content: str) -> Version:
    """Log and register a model that is one file."""
    Path("model").mkdir(exist_ok=True)
    Path("model/booster.txt").write_text(content, encoding="utf-8")
    tags = {"model_sha256": digest(Path("model")), "git_commit": "0123456789abcdef", "train_until": "None"}
    return shop.register(tracking.log_run("shop", params={}, metrics={}, tags={}, folders=[Path("model")]), tags)


def aliases(shop: Registry) -> tuple[str | None, str | None]:
    champion, challenger = shop.holder("champion"), shop.holder("challenger")
    return champion and champion.number, challenger and challenger.number


# --- register ---


def test_a_new_model_is_the_challenger(shop: Registry) -> None:
    assert shop.versions() == []
    assert aliases(shop) == (None, None)
    made = registered(shop, "one")
    assert (made.number, made.sha256) == ("1", digest(Path("model")))
    assert made.tags["git_commit"] == "0123456789abcdef"
    assert made.source == f"{shop.server.get_run(made.run_id).info.artifact_uri}/model"
    assert aliases(shop) == (None, "1")
    assert shop.versions() == [made]


def test_the_same_model_twice_is_one_version(shop: Registry) -> None:
    one, two = registered(shop, "one"), registered(shop, "two")
    assert (one.number, two.number) == ("1", "2")
    again = registered(shop, "one")
    assert again == one
    assert [version.number for version in shop.versions()] == ["2", "1"]
    assert aliases(shop) == (None, "1")


def test_versions_are_sorted_as_numbers() -> None:
    found = [SimpleNamespace(version=number, run_id="r", source="s", tags={}) for number in ("9", "11", "10")]
    server = SimpleNamespace(search_model_versions=lambda query: found if query == "name='shop'" else [])
    assert [version.number for version in Registry("shop", server).versions()] == ["11", "10", "9"]  # type: ignore[arg-type]


class Failing:
    """A registry server that does not answer."""

    def __getattr__(self, name: str) -> Any:
        if name == "search_model_versions":
            return lambda _: []

        def fail(*_: Any) -> None:
            from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds to import

            raise MlflowException("no answer")

        return fail


def test_a_server_that_fails_is_not_taken_for_an_empty_one() -> None:
    broken = Registry("shop", Failing())  # type: ignore[arg-type]
    with pytest.raises(Exception, match="no answer"):
        broken.holder("champion")
    with pytest.raises(Exception, match="no answer"):
        broken.register("run", {"model_sha256": "x"})


# --- promote and roll back ---


def test_the_challenger_becomes_champion_and_remembers_whose_place_it_took(shop: Registry) -> None:
    registered(shop, "one")
    assert shop.promote().number == "1"
    registered(shop, "two")
    assert aliases(shop) == ("1", "2")
    assert shop.promote().number == "2"
    assert aliases(shop) == ("2", "2")
    two, one = shop.versions()
    assert two.tags["replaced_version"] == "1"
    assert "replaced_version" not in one.tags


def test_any_version_can_be_promoted_by_number(shop: Registry) -> None:
    registered(shop, "one")
    registered(shop, "two")
    shop.promote()
    assert shop.promote("1").number == "1"
    assert aliases(shop) == ("1", "2")
    assert shop.versions()[1].tags["replaced_version"] == "2"


def test_promoting_the_champion_again_changes_nothing(shop: Registry) -> None:
    registered(shop, "one")
    shop.promote()
    registered(shop, "two")
    shop.promote()
    shop.promote("2")
    assert shop.versions()[0].tags["replaced_version"] == "1"


def test_a_rollback_is_one_step_back(shop: Registry) -> None:
    for content in ("one", "two", "three"):
        registered(shop, content)
        shop.promote()
    assert shop.rollback().number == "2"
    assert shop.rollback().number == "1"
    assert aliases(shop) == ("1", "3")
    assert [version.tags.get("rolled_back") for version in shop.versions()] == ["true", "true", None]
    with pytest.raises(RegistryError) as caught:
        shop.rollback()
    assert str(caught.value) == (
        "there is nothing to roll back to\n  because: version 1 replaced none\n"
        "  try: make promote VERSION=N, with a version that `make versions` lists"
    )


def test_promoting_forgives_a_rollback(shop: Registry) -> None:
    for content in ("one", "two"):
        registered(shop, content)
        shop.promote()
    shop.rollback()
    shop.promote("2")
    assert [version.tags.get("rolled_back") for version in shop.versions()] == [None, None]


def test_without_a_champion_there_is_nothing_to_roll_back(shop: Registry) -> None:
    with pytest.raises(RegistryError, match="because: no version is champion yet\n"):
        shop.rollback()


def test_a_version_that_is_not_there_is_not_promoted(shop: Registry) -> None:
    with pytest.raises(RegistryError) as caught:
        shop.promote()
    assert str(caught.value) == (
        "there is no challenger\n  because: the registered versions of shop are: none\n"
        "  try: make run registers one when it passes the gates"
    )
    registered(shop, "one")
    registered(shop, "two")
    with pytest.raises(RegistryError) as caught:
        shop.promote("3")
    assert str(caught.value) == (
        "there is no version 3\n  because: the registered versions of shop are: 2, 1\n"
        "  try: make run registers one when it passes the gates"
    )


# --- fetch ---


def test_a_model_is_fetched_in_place_of_what_was_there(shop: Registry) -> None:
    version = registered(shop, "one")
    folder = Path("serving/model")
    folder.mkdir(parents=True)
    (folder / "old").touch()
    assert shop.fetch(version, folder) == folder
    assert [path.name for path in folder.iterdir()] == ["booster.txt"]
    assert digest(folder) == version.sha256
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert shop.fetch(version, Path("made/here")) == Path("made/here")


def test_a_model_that_was_changed_in_the_registry_is_refused(shop: Registry) -> None:
    version, folder = registered(shop, "one"), Path("serving/model")
    shop.fetch(version, folder)
    (Path(version.source.removeprefix("file://")) / "booster.txt").write_text("0ne", encoding="utf-8")
    with pytest.raises(ArtefactError, match=f"the registered one is {version.sha256}"):
        shop.fetch(version, folder)
    assert digest(folder) == version.sha256
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


# --- the commands ---


def test_promote_and_rollback_say_who_is_champion(shop: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    registered(shop, "one")
    registered(shop, "two")
    registry.promote(["1"])
    registry.promote([])
    registry.rollback()
    assert capsys.readouterr().out == (
        "version 1 is the champion\nversion 2 is the champion\nversion 1 is the champion again\n"
    )


def test_fetch_brings_the_champion_or_an_empty_folder(shop: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    default = Path(".serving/model")
    default.mkdir(parents=True)
    (default / "old").touch()
    registry.fetch([])
    assert list(default.iterdir()) == []
    registry.fetch(["new/folder"])
    assert list(Path("new/folder").iterdir()) == []
    assert capsys.readouterr().out == "no champion yet\nno champion yet\n"
    version = registered(shop, "one")
    shop.promote()
    registered(shop, "two")
    registry.fetch([])
    registry.fetch(["new/folder"])
    assert digest(default) == digest(Path("new/folder")) == version.sha256
    assert capsys.readouterr().out == f"{version.sha256}\n" * 2


def test_versions_are_listed_the_newest_first(shop: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    one = registered(shop, "one")
    shop.promote()
    two = registered(shop, "two")
    shop.promote()
    shop.rollback()
    three = registered(shop, "three")
    registry.versions()
    assert capsys.readouterr().out == (
        f"   3  {three.sha256[:12]}  0123456789ab  challenger\n"
        f"   2  {two.sha256[:12]}  0123456789ab  rolled back\n"
        f"   1  {one.sha256[:12]}  0123456789ab  champion\n"
    )
    shop.promote("3")
    registry.versions()
    assert capsys.readouterr().out.startswith(f"   3  {three.sha256[:12]}  0123456789ab  champion, challenger\n")
