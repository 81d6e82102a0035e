"""The OpenAPI document of the server, made from the signature: what each column may hold, with examples."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from ml.serving.problems import MAX_PROBLEMS
from ml.serving.requests import MAX_BYTES, MAX_ROWS
from ml.serving.responses import CSV, JSON
from ml.serving.values import MAX_TEXT, level, limits

if TYPE_CHECKING:
    from ml.model import Facts
    from ml.serving.service import Service
    from ml.signature import Input, Signature

Document = dict[str, Any]

TEXT: Document = {"type": ["string", "integer", "boolean"], "maxLength": MAX_TEXT}
REFUSALS = {
    "406": "None of the accepted types can be made.",
    "413": f"The body has more than {MAX_BYTES:,} bytes.",
    "415": "The body is of a type, or in a charset, that is not read.",
    "422": f"No rows, more than {MAX_ROWS:,}, or rows that break the data contract: which row, which column, and why.",
    "503": "There is no model yet.",
}
ERROR: Document = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["what", "because", "try"],
            "properties": {name: {"type": "string"} for name in ("what", "because", "try")},
        },
        "problems": {
            "type": "array",
            "maxItems": MAX_PROBLEMS,
            "items": {
                "type": "object",
                "required": ["row", "column", "reason"],
                "properties": {
                    "row": {"type": ["integer", "null"], "description": "Counted from 0; null is the header."},
                    "column": {"type": ["string", "null"]},
                    "reason": {"type": "string"},
                },
            },
        },
        "more_problems": {"type": "integer", "description": "How many problems were found besides these."},
    },
}
MODEL: Document = {
    "type": ["object", "null"],
    "required": ["sha256"],
    "properties": {"sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
}


def document(service: Service | None) -> Document:
    """Return the document; without a model, rows and predictions are any."""
    ping = _json({"type": "object", "required": ["model"], "properties": {"model": MODEL}})
    refusals = {status: _answer(text, _json(ERROR)) for status, text in REFUSALS.items()}
    answer = _answer("One prediction for each row, in its order.", _predictions(service))
    return {
        "openapi": "3.1.0",
        "info": {"title": _title(service), "version": service.sha256 if service else "none"},
        "paths": {
            "/ping": {"get": _operation("Tell that the server is up.", {"200": _answer("It is.", ping)})},
            "/invocations": {
                "post": _operation("Predict rows.", {"200": answer, **refusals})
                | {"requestBody": {"required": True, "content": _bodies(service)}}
            },
            "/metrics": {"get": _operation("Count requests.", {"200": _answer("For Prometheus.", {"text/plain": {}})})},
        },
    }


def _operation(summary: str, responses: Document) -> Document:
    return {"summary": summary, "responses": responses}


def _answer(description: str, content: Document) -> Document:
    return {"description": description, "content": content}


def _json(schema: Document) -> Document:
    return {JSON: {"schema": schema}}


def _title(service: Service | None) -> str:
    return f"Predicts {service.model.facts.target}" if service else "No model yet"


def _bodies(service: Service | None) -> Document:
    if not service:
        return {JSON: {}, CSV: {}}
    inputs, facts = service.signature.inputs, service.model.facts
    names = [entry.name for entry in inputs]
    row = {entry.name: _example(entry, facts) for entry in inputs}
    cells = ["" if value is None else str(value) for value in row.values()]
    records = {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _row(service.signature)}
    split = {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _cells(inputs)}
    return {
        JSON: {
            "schema": {
                "anyOf": [
                    records["items"],
                    records,
                    _exactly({"instances": records}),
                    _exactly({"columns": {"const": names}, "data": split}),
                ]
            },
            "examples": {
                "row": {"value": row},
                "rows": {"value": [row]},
                "instances": {"value": {"instances": [row]}},
                "columns": {"value": {"columns": names, "data": [list(row.values())]}},
            },
        },
        CSV: {
            "schema": {"type": "string"},
            "examples": {"header": {"value": _csv(names, cells)}},
        },
        f"{CSV}; header=absent": {
            "schema": {"type": "string", "description": f"In the order {', '.join(names)}."},
            "examples": {"rows": {"value": _csv(cells)}},
        },
    }


def _exactly(properties: Document) -> Document:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _row(signature: Signature) -> Document:
    inputs, personal = signature.inputs, ", ".join(signature.personal)
    row = {
        "type": "object",
        "required": [entry.name for entry in inputs if not entry.nullable],
        "properties": {entry.name: _value(entry) for entry in inputs} | {name: {} for name in signature.ignored},
        "additionalProperties": False,
    }
    return row | ({"description": f"Refused, because it is personal data: {personal}."} if personal else {})


def _cells(inputs: tuple[Input, ...]) -> Document:
    count = len(inputs)
    return {
        "type": "array",
        "prefixItems": [_value(entry) for entry in inputs],
        "minItems": count,
        "maxItems": count,
    }


def _value(entry: Input) -> Document:
    minimum, maximum = limits(entry)
    number = {"type": "integer" if entry.whole else "number", "minimum": minimum, "maximum": maximum}
    kinds: dict[str, Document] = {
        "numeric": number,
        "boolean": {"enum": [True, False, 0, 1]},
        "categorical": number if entry.whole else TEXT,
        "timestamp": {"type": "string", "format": "date-time"},
    }
    if entry.now:
        kinds["timestamp"]["description"] = "The time of the request, unless it is given."
    schema = kinds[entry.kind]
    return {"anyOf": [schema, {"type": "null"}]} if entry.nullable else schema


def _example(entry: Input, facts: Facts) -> bool | float | int | str | None:
    if known := facts.levels.get(entry.name):
        return int(known[0]) if entry.whole else known[0]
    if entry.kind == "numeric" or entry.whole:
        low = entry.minimum if entry.minimum is not None else min(0.0, entry.maximum or 0.0)
        middle = (low + (entry.maximum if entry.maximum is not None else low + 2)) / 2
        return int(middle) if entry.whole else middle
    if entry.kind == "boolean":
        return True
    if entry.kind == "timestamp":
        return "2026-01-31T12:00:00Z"
    return None if entry.nullable else "text"


def _predictions(service: Service | None) -> Document:
    if not service:
        return {JSON: {}, CSV: {}}
    prediction: Document = {"prediction": {"type": "number"}}
    if service.model.facts.classes:
        names = [level(label) for label in service.model.facts.classes]
        share = {"type": "number", "minimum": 0, "maximum": 1}
        prediction = {
            "prediction": {"enum": list(service.model.facts.classes)},
            "probabilities": _exactly(dict.fromkeys(names, share)),
        }
    rows = {"type": "array", "items": _exactly(prediction)}
    return _json(_exactly({"predictions": rows, "model": MODEL})) | {CSV: {"schema": {"type": "string"}}}


def _csv(*lines: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
