"""Which columns `loopwright new` takes for personal data, and what it makes of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from loopwright.contract.inference import Wishes, infer
from loopwright.contract.summary import summarize
from loopwright.contract.text import schema_py
from loopwright.tables import personal
from loopwright.tables.ingest import ingest
from loopwright.tables.profile import profile
from loopwright.tables.sql import session
from realdata import real_data

ROWS = 60
EMAILS = [f"anna.{i}@example.org" for i in range(ROWS)]
PHONES = [f"+49 (0)30 {i:04}-{i:02}" for i in range(ROWS)]
SSNS = [f"{100 + i}-{10 + i % 80}-{1000 + i}" for i in range(ROWS)]
WORDS = [f"word {i}" for i in range(ROWS)]


def ibans():
    for i in range(ROWS):
        account = f"{i:018}"
        check = 98 - int(f"{account}131400") % 97  # D is 13, E is 14
        yield f"DE{check:02}{account}"


IBANS = list(ibans())


@pytest.fixture
def table(tmp_path):
    def write(**columns):
        path = tmp_path / "table.parquet"
        noise = np.random.default_rng(1).normal(size=ROWS)
        pl.DataFrame({"x": noise, "y": [i % 3 == 0 for i in range(ROWS)]} | columns).write_parquet(path)
        return path

    return write


def found(path):
    return {column.name: column.personal for column in profile(path).columns if column.personal}


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (EMAILS, "e-mail addresses"),
        ([f"  {email.upper()} " for email in EMAILS], "e-mail addresses"),
        (["anna@example.org"] * ROWS, "e-mail addresses"),
        (["by hand", *EMAILS[1:]], "e-mail addresses"),
        ([None, *EMAILS[1:]], "e-mail addresses"),
        (PHONES, "telephone numbers"),
        ([f"(212) 555-{1000 + i}" for i in range(ROWS)], "telephone numbers"),
        ([f"212-555-{1000 + i}" for i in range(ROWS)], "telephone numbers"),
        (SSNS, "social security numbers"),
        (IBANS, "IBANs"),
        ([" ".join(iban[at : at + 4] for at in range(0, 22, 4)) for iban in IBANS], "IBANs"),
    ],
)
def test_values_tell(table, values, what):
    assert found(table(z=values)) == {"z": f"its values look like {what}"}


@pytest.mark.parametrize(
    "values",
    [
        WORDS,
        EMAILS[:50] + WORDS[50:],
        [f"@handle{i}" for i in range(ROWS)],
        [f"a@b{i}" for i in range(ROWS)],
        [f"2024-01-{1 + i % 28:02}" for i in range(ROWS)],
        [f"2024-01-{1 + i % 28:02}T10:{i:02}:00+01:00" for i in range(ROWS)],
        [f"{i / 10:+.1f}" for i in range(ROWS)],
        [f"+{i}%" for i in range(ROWS)],
        [f"{i}.{i}.{i}" for i in range(ROWS)],
        [f"000-10-{1000 + i}" for i in range(ROWS)],
        [f"DE{i:02}{i:018}" for i in range(ROWS)],
        [f"AB-{i:04}" for i in range(ROWS)],
        [f"{i:016x}" for i in range(ROWS)],
        [None] * ROWS,
    ],
    ids=str,
)
def test_other_values_do_not(table, values):
    assert found(table(z=pl.Series(values, dtype=pl.String))) == {}


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "e_mail",
        "billing_email",
        "email_address",
        "iban",
        "ssn",
        "name",
        "first_name",
        "customer_name",
        "surname",
        "username",
        "address",
        "home_address",
        "ip_address",
        "street",
        "passport_number",
        "card_number",
    ],
)
def test_names_tell(table, name):
    assert found(table(**{name: WORDS})) == {name: f"its name is {name}"}
    assert found(table(**{name: [word.split()[1] for word in WORDS]})) == {name: f"its name is {name}"}
    assert found(table(**{name: [i % 2 == 0 for i in range(ROWS)]})) == {}, "a yes or no"
    assert found(table(**{name: [f"level {i % 12}" for i in range(ROWS)]})) == {}, "a few levels"


@pytest.mark.parametrize(
    "name",
    [
        "product_name",
        "file_name",
        "email_opened",
        "emails_sent",
        "phones",
        "address_type",
        "mac_address",
        "street_width",
        "names",
        "rename",
        "ibanez",
        "country",
        "zip_code",
        "customer_id",
    ],
)
def test_other_names_do_not(table, name):
    assert found(table(**{name: WORDS})) == {}


def test_a_phone_may_be_what_kind_of_phone_it_is(table):
    assert found(table(phone=[f"model {i}" for i in range(ROWS)])) == {}
    assert found(table(phone=[f"030/1234{i:02}" for i in range(ROWS)])) == {"phone": "its name is phone"}
    whole = table(phone_number=[49_301_234_000 + i for i in range(ROWS)])
    assert found(whole) == {"phone_number": "its name is phone_number"}
    assert found(table(phone=[i % 20 for i in range(ROWS)])) == {}


def test_a_day_of_birth_is_one_as_a_time_too(table):
    days = pl.datetime_range(pl.datetime(1950, 1, 1), pl.datetime(1950, 3, 1), "1d", eager=True)[:ROWS]
    assert found(table(birth_date=days, seen=days)) == {"birth_date": "its name is birth_date"}


def test_few_of_many_values_are_looked_at(tmp_path, monkeypatch):
    asked = []
    path = tmp_path / "table.parquet"
    pl.DataFrame({"z": [f"a{i}@example.org" for i in range(5000)]}).write_parquet(path)
    monkeypatch.setattr(personal, "_kind", asked.append)
    with session(path) as duck:
        personal.look(duck, path, [("z", "String", 5000)])
    assert len(asked[0]) == personal.LOOKED_AT


# --- what is made of it ---


def decided(path, **wishes):
    return infer(path, Wishes(target="y", **wishes))


def test_it_is_tagged_and_left_out(table):
    inference = decided(table(contact=EMAILS, plan=[f"p{i % 4}" for i in range(ROWS)]))
    assert inference.features == ("x", "plan")
    (warning,) = inference.warnings
    assert (warning.code, warning.columns) == ("personal", ("contact",))
    assert warning.message == (
        "contact looks like personal data (its values look like e-mail addresses): "
        "tagged as pii and left out; no request may carry it"
    )
    text = schema_py(inference, source="a test")
    assert '"contact": Column(pl.String, metadata={"kind": "ignored", "pii": True}),' in text
    assert "# Personal data: its values look like e-mail addresses." in text
    assert text.count('"pii": True}') == 1


def test_neither_the_summary_nor_the_contract_shows_a_value(table):
    inference = decided(table(contact=[f"anna.{i % 5}@example.org" for i in range(ROWS)]))
    summary = summarize(inference)
    (column,) = (column for column in summary.columns if column.name == "contact")
    assert column.use == "left out: personal data: its values look like e-mail addresses"
    assert column.values == "about 5 different ones"
    assert "anna" not in f"{summary}{schema_py(inference, source='a test')}{inference.warnings}"


def test_an_excluded_one_is_tagged_too(table):
    inference = decided(table(contact=EMAILS), exclude=("contact",))
    (role,) = (role for role in inference.roles if role.name == "contact")
    assert (role.reason, role.personal) == ("excluded by request", True)


@pytest.mark.parametrize(
    ("wishes", "duty"), [({"entity": "contact"}, "the entity"), ({"keep": ("contact",)}, "a feature, as asked")]
)
def test_one_with_a_use_is_not_tagged_but_warned_of(table, wishes, duty):
    inference = decided(table(contact=EMAILS), **wishes)
    (message,) = (warning.message for warning in inference.warnings if warning.code == "personal")
    assert f"{duty}, so it is in requests, reports and models" in message
    assert '"pii"' not in schema_py(inference, source="a test").partition("SCHEMA =")[2]


@pytest.mark.parametrize("name", ["bike_hourly", "electricity", "retail_repurchase"])
def test_no_column_of_a_real_data_set_is_taken_for_one(tmp_path, name):
    ingest(real_data(name), tmp_path / "table.parquet")
    assert found(tmp_path / "table.parquet") == {}
