from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.contract.golden import Golden
from loopwright.contract.inference import Wishes, infer
from loopwright.contract.text import loop_yaml, schema_py
from loopwright.tables.ingest import ingest
from loopwright.tables.simulate import SOURCE, simulate
from realdata import real_data

TEMPLATE = Path(__file__).parents[2] / "templates" / "tabular" / "{{cookiecutter.project}}"
GOLDEN = Golden(rows=12, sha256="0123456789abcdef" * 4)
SHOP = Wishes(target="purchased", time_column="session_at", entity="customer_id", label_delay_days=7)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.parquet"
    simulate(path)
    return infer(path, SHOP)


@pytest.fixture(scope="module")
def contract():
    """The `ml.contract` of the template, imported as a generated repository imports it."""
    sys.path.insert(0, str(TEMPLATE))
    try:
        yield importlib.import_module("ml.contract")
    finally:
        sys.path.remove(str(TEMPLATE))
        for name in [name for name in sys.modules if name.partition(".")[0] == "ml"]:
            del sys.modules[name]


@pytest.fixture
def decide(tmp_path):
    def call(columns, **wishes):
        path = tmp_path / "table.parquet"
        pl.DataFrame(columns).write_parquet(path)
        return infer(path, Wishes(**wishes))

    return call


@pytest.fixture
def load(contract, tmp_path):
    def call(inference, project="shop"):
        path = tmp_path / "loop.yaml"
        path.write_text(loop_yaml(inference, project=project, golden=GOLDEN), encoding="utf-8")
        return contract.load(path)

    return call


def entries(text):
    """Return what the schema says of each column: type, checks with their arguments, other keywords."""
    [call] = [node.value for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    found = {}
    for name, column in zip(call.args[0].keys, call.args[0].values, strict=True):
        checks = {ast.unparse(check.func): check for check in column.args[1:]}
        found[name.value] = (
            ast.unparse(column.args[0]),
            {
                name: [ast.literal_eval(argument) for argument in check.args]
                + [f"{word.arg}={ast.unparse(word.value)}" for word in check.keywords]
                for name, check in checks.items()
            },
            {word.arg: ast.literal_eval(word.value) for word in column.keywords},
        )
    return found


def with_levels(inference, levels):
    """Put ``levels`` in the place of those of the column `country`."""
    columns = [
        replace(column, levels=dict.fromkeys(levels, 1)) if column.name == "country" else column
        for column in inference.profile.columns
    ]
    return replace(inference, profile=replace(inference.profile, columns=tuple(columns)))


def test_the_template_is_what_the_simulator_gives(shop):
    """The template's own contract is the one of the simulated shop, but for a range that depends on the seed."""
    ours, theirs = entries(schema_py(shop, source=SOURCE)), entries((TEMPLATE / "ml" / "schema.py").read_text())
    for columns in (ours, theirs):
        columns["days_since_purchase"][1].clear()
    assert list(ours) == list(theirs)
    assert ours == theirs


def test_loop_yaml_of_the_shop(shop, load):
    found = load(shop)
    assert (found.task, found.target, found.positive) == ("classification", "purchased", True)
    assert (found.time_column, found.entity, found.quality.label_delay_days) == ("session_at", "customer_id", 7)
    assert (found.metric.name, found.metric.minimum, found.metric.maximum) == ("f1", 0.48, None)
    assert (found.gates.golden.minimum, found.gates.golden.sha256) == (0.42, GOLDEN.sha256)
    assert found.gates.bias.slices == ("country", "device")
    assert found.retraining.windows_days == (30, 60, 120)


def test_what_is_not_inferred_is_as_in_the_template(shop):
    ours = yaml.safe_load(loop_yaml(shop, project="shop", golden=GOLDEN))
    theirs = yaml.safe_load((TEMPLATE / "loop.yaml").read_text())
    for part in ("drift", "quality", "triggers", "retraining", "rollout", "approval", "budget", "metric", "project"):
        assert ours[part] == theirs[part]
    assert list(ours) == list(theirs)


def test_comments_say_why(shop):
    text = loop_yaml(shop, project="shop", golden=GOLDEN)
    assert "positive: true # 27% of the rows whose target is known" in text
    assert (
        '# Always answering "true" reaches an f1 of 0.42; the minimum asks for a tenth of the way from there to 1.'
        in text
    )
    assert "# The entity: a model should not learn single ones by heart.\n" in schema_py(shop, source=SOURCE)


@pytest.mark.parametrize(
    ("target", "metric", "positive"),
    [
        ([i * i % 977 / 7 for i in range(400)], "rmse", None),
        ([i * i % 977 / 7e7 for i in range(400)], "rmse", None),
        ([i * i % 977 * 1e20 for i in range(400)], "mae", None),
        ([i * i % 977 / 7 for i in range(400)], "r2", None),
        (["a", "b", "c", "c"] * 100, "balanced_accuracy", None),
        (["a", "b", "c", "c"] * 100, "log_loss", None),
        (["no", "yes", "no", "no"] * 100, "f1", "yes"),
        ([0, 0, 1] * 133 + [0], "f1", 1),
    ],
)
def test_every_task_loads(decide, load, target, metric, positive):
    found = decide({"x": [i * 7 % 83 / 3 for i in range(400)], "y": target}, target="y", metric=metric)
    loaded = load(found)
    limit = "maximum" if metric in {"rmse", "mae", "log_loss"} else "minimum"
    assert loaded.metric.name == metric
    assert getattr(loaded.metric, limit) == pytest.approx(found.metric.limit)
    assert getattr(loaded.gates.golden, limit) == pytest.approx(found.metric.golden_limit)
    assert loaded.positive == positive
    assert type(loaded.positive) is type(positive)
    assert loaded.gates.bias is None


@given(levels=st.lists(TEXT, min_size=2, max_size=2, unique=True))
@settings(max_examples=300, deadline=None)
def test_any_class_survives_in_both_files(shop, levels):
    classes = dict.fromkeys(sorted(levels), 10)
    column = replace(shop.profile["purchased"], dtype="String", levels=classes)
    columns = tuple(column if other.name == column.name else other for other in shop.profile.columns)
    roles = tuple(replace(role, kind="categorical") if role.name == column.name else role for role in shop.roles)
    metric = replace(shop.metric, trivial=f'always answering "{levels[0]}"')
    found = replace(
        shop,
        profile=replace(shop.profile, columns=columns),
        roles=roles,
        metric=metric,
        classes=classes,
        positive=levels[0],
    )
    assert yaml.safe_load(loop_yaml(found, project="shop", golden=GOLDEN))["positive"] == levels[0]
    assert entries(schema_py(found, source="x"))["purchased"][1] == {"levels": [*sorted(levels), "unseen=0"]}


@given(levels=st.lists(TEXT, min_size=1, max_size=8, unique=True), source=st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_level_and_any_file_name_survive(shop, levels, source):
    text = schema_py(with_levels(shop, levels), source=source)
    assert entries(text)["country"][1] == {"levels": levels}
    assert max(map(len, text.splitlines()[:1])) <= 120
    ast.parse(text.encode("utf-8", "strict"))


def test_schema_stands_as_ruff_would_leave_it(shop, tmp_path):
    rng = np.random.default_rng(5)
    letters = "abcdefgh ,;'\"\\\n\t\0{}éßЖ漢字\u200b\u0301😀"
    schemas = {"schema": schema_py(shop, source=SOURCE)}
    for i in range(150):
        size, most = rng.choice([1, 5, 20, 40]), rng.integers(1, 13)
        levels = {
            "".join(letters[k] for k in rng.integers(0, len(letters), rng.integers(0, size + 1))) for _ in range(most)
        }
        source = [SOURCE, "a'\"\\ 漢.csv", "x" * 99][i % 3]
        schemas[f"schema_{i}"] = schema_py(with_levels(shop, sorted(levels)), source=source)
    assert_ruff_is_content(tmp_path, schemas)


def assert_ruff_is_content(folder, schemas):
    """Lint and format the modules of `ml/` with the configuration of the generated repository."""
    package = folder / "ml"
    package.mkdir()
    shutil.copy(TEMPLATE / "pyproject.toml", folder)
    shutil.copy(TEMPLATE / "ml" / "__init__.py", package)
    for name, text in schemas.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    # Levels hold the letters of any script; that some of them look like others says nothing about the code.
    for words in (["format", "--check"], ["check", "--extend-ignore", "CPY001,RUF001"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "ml"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 45], [0, 500]),
        ([-3, 7], [-200, 200]),
        ([1, 977], [0, 20_000]),
        ([0.0, 1.0], [0, 1]),
        ([0.02, 0.85], [0, 1]),
        ([-0.5, 0.5], [-20, 20]),
        ([-0.001, 0.001], [-0.03, 0.03]),
        ([1.5, 1.6], [0, 3]),
        ([5, 5, None], [0, 60]),
        ([0, 2**62], [0, 2**63 - 1]),
        ([-(2**62), 2**62], [-(2**63) + 1, 2**63 - 1]),
        ([-1e308, 1e308], None),
        ([0.0, 1e30], [0, 2e31]),
    ],
)
def test_ranges_are_wide_and_round(decide, tmp_path, values, expected):
    frame = {"n": values * 20, "x": [i * 7 % 83 / 3 for i in range(len(values) * 20)]}
    frame["y"] = [i * i % 89 / 7 for i in range(len(values) * 20)]
    found = decide(frame, target="y", keep=("n",))
    [role] = [role for role in found.roles if role.name == "n"]
    numeric = replace(found, roles=tuple(replace(r, kind="numeric") if r is role else r for r in found.roles))
    text = schema_py(numeric, source="x")
    assert entries(text)["n"][1] == ({"Check.in_range": expected} if expected else {})


def test_levels_too_long_or_too_many_are_not_listed(shop):
    long = with_levels(shop, ["x" * 101, "y"])
    assert entries(schema_py(long, source="x"))["country"][1] == {}


def test_only_what_is_used_is_imported(decide):
    found = decide({"x": [True, False] * 50, "y": [True, False, False, True] * 25}, target="y")
    text = schema_py(found, source="x")
    assert "import Column, DataFrameSchema\n" in text
    assert "ml.checks" not in text
    assert "MAX_AGE_DAYS: float | None = None\n" in text


def test_nullable_only_where_nulls_were_seen_and_in_the_target(decide):
    frame = {
        "a": [1.5, None, 2.5, 9.5] * 25,
        "b": [1.5, 3.5, 8.5, 2.0] * 25,
        "y": [True, False, False, True, False] * 20,
    }
    frame["t"] = [datetime.fromisoformat("2024-01-01") + timedelta(hours=i) for i in range(100)]
    found = entries(schema_py(decide(frame, target="y", time_column="t"), source="x"))
    assert {name: keywords.get("nullable", False) for name, (_, _, keywords) in found.items()} == {
        "a": True,
        "b": False,
        "y": True,
        "t": False,
    }


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("bike_hourly", {"target": "cnt", "time_column": "rented_at"}),
        ("electricity", {"target": "direction", "time_column": "measured_at"}),
        ("retail_repurchase", {"target": "repurchased", "time_column": "observed_at", "entity": "customer_id"}),
    ],
)
def test_real_data(tmp_path, load, name, wishes):
    source = real_data(name)
    ingest(source, tmp_path / "table.parquet")
    found = infer(tmp_path / "table.parquet", Wishes(**wishes))
    assert load(found).target == wishes["target"]
    assert_ruff_is_content(tmp_path, {"schema": schema_py(found, source=source.name)})
