"""The OpenAPI document tells the truth: its examples are answered, and what it allows or forbids the server does."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from ml.model import Facts, Model
from ml.serve import application
from ml.serving.openapi import document
from ml.serving.requests import MAX_ROWS, media
from ml.serving.service import Service
from ml.signature import Input, Signature

if TYPE_CHECKING:
    from pathlib import Path

checks.load_all_checks()


@schemathesis.serializer("text/csv")
def _as_text(_context, value):
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="session")
def service(model_folder):
    return Service.load(model_folder)


def examine(folder: Path | None, path: str, method: str, mode: GenerationMode, *unsaid: object) -> None:
    """Send what the document allows (or, in negative mode, forbids), and run all checks but those of ``unsaid``."""
    api = schemathesis.openapi.from_asgi("/openapi.json", application(folder))

    @settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case) -> None:
        # What CSV text may hold, no JSON Schema can say.
        text = (checks.positive_data_acceptance, checks.negative_data_rejection)
        case.call_and_validate(excluded_checks=[*unsaid, *(text if case.media_type != "application/json" else ())])

    run()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_the_server_does_what_the_document_says(model_folder, mode):
    examine(model_folder, "/invocations", "POST", mode)


def test_without_a_model_it_says_so(model_folder):
    unsaid = (checks.not_a_server_error, checks.positive_data_acceptance)
    examine(None, "/invocations", "POST", GenerationMode.POSITIVE, *unsaid)


@pytest.mark.parametrize("path", ["/ping", "/metrics"])
def test_what_is_asked_of_every_server(model_folder, path):
    examine(model_folder, path, "GET", GenerationMode.POSITIVE)


class TestDocument:
    def bodies(self, service) -> dict[str, dict[str, object]]:
        return document(service)["paths"]["/invocations"]["post"]["requestBody"]["content"]

    def test_each_example_is_answered(self, service):
        answers = []
        for content_type, body in self.bodies(service).items():
            for example in body["examples"].values():
                content = example["value"]
                content = content.encode() if isinstance(content, str) else orjson.dumps(content)
                answers.append(service.answer(content, content_type))
        assert [answer.status for answer in answers] == [200] * 6
        assert len({answer.body for answer in answers}) == 1
        assert {answer.rows for answer in answers} == {1}

    def test_the_columns_are_those_of_the_signature(self, service):
        row, records, *_ = self.bodies(service)["application/json"]["schema"]["anyOf"]
        names = [entry.name for entry in service.signature.inputs]
        assert list(row["properties"]) == [*names, *service.signature.ignored]
        assert row["required"] == [entry.name for entry in service.signature.inputs if not entry.nullable]
        assert not row["additionalProperties"]
        assert (records["minItems"], records["maxItems"], records["items"]) == (1, MAX_ROWS, row)
        header = self.bodies(service)["text/csv"]["examples"]["header"]["value"].splitlines()[0]
        assert next(csv.reader(io.StringIO(header))) == names

    def test_each_content_type_is_read(self, service):
        assert [(kind.csv, kind.header) for kind in map(media, self.bodies(service))] == [
            (False, True),
            (True, True),
            (True, False),
        ]

    def test_the_answer_names_the_classes(self, service):
        schema = document(service)["paths"]["/invocations"]["post"]["responses"]["200"]["content"]["application/json"]
        row = schema["schema"]["properties"]["predictions"]["items"]
        facts = service.model.facts
        if facts.classes:
            assert row["properties"]["prediction"] == {"enum": list(facts.classes)}
            assert len(row["properties"]["probabilities"]["required"]) == len(facts.classes)
        else:
            assert row["properties"] == {"prediction": {"type": "number"}}

    def test_who_is_described(self, service):
        assert document(service)["info"] == {
            "title": f"Predicts {service.model.facts.target}",
            "version": service.sha256,
        }
        assert document(None)["info"] == {"title": "No model yet", "version": "none"}
        assert list(document(service)["paths"]) == ["/ping", "/invocations", "/metrics"]


class TestExactly:
    """The document of a small signature, word for word."""

    INPUTS = (
        Input(name="age", kind="numeric", whole=True, minimum=0, maximum=9),
        Input(name="price", kind="numeric", nullable=True, maximum=4),
        Input(name="colour", kind="categorical"),
        Input(name="shape", kind="categorical", nullable=True),
        Input(name="code", kind="categorical", whole=True, minimum=1, maximum=9),
        Input(name="member", kind="boolean"),
        Input(name="seen", kind="timestamp", nullable=True, now=True),
    )
    PRICE = {"type": "number", "minimum": -1.7976931348623157e308, "maximum": 4}  # noqa: RUF012 - read only
    SEEN = {  # noqa: RUF012
        "type": "string",
        "format": "date-time",
        "description": "The time of the request, unless it is given.",
    }
    TEXT = {"type": ["string", "integer", "boolean"], "maxLength": 1024}  # noqa: RUF012
    VALUES = {  # noqa: RUF012
        "age": {"type": "integer", "minimum": 0, "maximum": 9},
        "price": {"anyOf": [PRICE, {"type": "null"}]},
        "colour": TEXT,
        "shape": {"anyOf": [TEXT, {"type": "null"}]},
        "code": {"type": "integer", "minimum": 1, "maximum": 9},
        "member": {"enum": [True, False, 0, 1]},
        "seen": {"anyOf": [SEEN, {"type": "null"}]},
    }
    EXAMPLE = {  # noqa: RUF012
        "age": 4,
        "price": 2.0,
        "colour": "red",
        "shape": None,
        "code": 5,
        "member": True,
        "seen": "2026-01-31T12:00:00Z",
    }

    def operation(self, classes=()) -> dict[str, dict[str, object]]:
        facts = Facts(
            task="classification" if classes else "regression",
            target="y",
            classes=tuple(classes),
            weights=(1.0,) * len(classes),
            levels={"colour": ("red", "blue")},
        )
        signature = Signature(inputs=self.INPUTS, ignored=("id",))
        service = Service(model=Model(None, facts), signature=signature, sha256="0" * 64, door=None)
        return document(service)["paths"]["/invocations"]["post"]

    def test_the_request(self):
        row = {
            "type": "object",
            "required": ["age", "colour", "code", "member"],
            "properties": self.VALUES | {"id": {}},
            "additionalProperties": False,
        }
        rows = {"type": "array", "minItems": 1, "maxItems": MAX_ROWS}
        cells = {"type": "array", "prefixItems": [*self.VALUES.values()], "minItems": 7, "maxItems": 7}
        closed = {"type": "object", "additionalProperties": False}
        instances = {"required": ["instances"], "properties": {"instances": rows | {"items": row}}}
        columns = {"columns": {"const": [*self.VALUES]}, "data": rows | {"items": cells}}
        split = {"required": ["columns", "data"], "properties": columns}
        text = "4,2.0,red,,5,True,2026-01-31T12:00:00Z\n"
        assert self.operation([False, True])["requestBody"] == {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [row, rows | {"items": row}, closed | instances, closed | split]},
                    "examples": {
                        "row": {"value": self.EXAMPLE},
                        "rows": {"value": [self.EXAMPLE]},
                        "instances": {"value": {"instances": [self.EXAMPLE]}},
                        "columns": {"value": {"columns": [*self.EXAMPLE], "data": [[*self.EXAMPLE.values()]]}},
                    },
                },
                "text/csv": {
                    "schema": {"type": "string"},
                    "examples": {"header": {"value": f"age,price,colour,shape,code,member,seen\n{text}"}},
                },
                "text/csv; header=absent": {
                    "schema": {
                        "type": "string",
                        "description": "In the order age, price, colour, shape, code, member, seen.",
                    },
                    "examples": {"rows": {"value": text}},
                },
            },
        }

    def test_the_answers(self):
        share = {"type": "number", "minimum": 0, "maximum": 1}
        closed = {"type": "object", "additionalProperties": False}
        shares = closed | {"required": ["false", "true"], "properties": {"false": share, "true": share}}
        row = closed | {
            "required": ["prediction", "probabilities"],
            "properties": {"prediction": {"enum": [False, True]}, "probabilities": shares},
        }
        answers = self.operation([False, True])["responses"]
        assert list(answers) == ["200", "406", "413", "415", "422", "503"]
        content = answers["200"]["content"]
        assert content["text/csv"] == {"schema": {"type": "string"}}
        assert content["application/json"]["schema"]["required"] == ["predictions", "model"]
        assert content["application/json"]["schema"]["properties"]["predictions"] == {"type": "array", "items": row}
        errors = [answers[status]["content"]["application/json"]["schema"] for status in list(answers)[1:]]
        assert all(error == errors[0] for error in errors)
        assert errors[0]["required"] == ["error"]
        assert errors[0]["properties"]["error"]["required"] == ["what", "because", "try"]

    def test_a_regression(self):
        schema = self.operation()["responses"]["200"]["content"]["application/json"]["schema"]
        row = {"required": ["prediction"], "properties": {"prediction": {"type": "number"}}}
        assert schema["properties"]["predictions"]["items"] == {"type": "object", "additionalProperties": False} | row
