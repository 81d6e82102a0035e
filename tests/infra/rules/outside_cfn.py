"""CloudFormation's resource schemas, as cfn-lint bundles them, for the judges' own python; JSON in, JSON out.

Terraform and CloudFormation name most properties alike: `destination_s3_uri` is `DestinationS3Uri`. Where a schema has
a property of that name, its value is held against it: types, enumerations, patterns, limits, and what a nested object
lacks. What has another name is left out and counted, so that the share that was looked at is known.
"""

import json
import sys

import regex
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from jsonschema import Draft7Validator, ValidationError, validators

CONDITIONAL = ("anyOf", "oneOf", "allOf", "if", "not", "required", "dependentRequired", "dependencies")
"""Left out at the top: they say which properties go together, and Terraform has some of them in other resources."""


def _pattern(_validator, pattern, value, _schema):
    """Hold a text against a pattern in Java's dialect, which the schemas are written in."""
    if isinstance(value, str) and not regex.search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


VALIDATOR = validators.extend(Draft7Validator, {"pattern": _pattern})


class Schema:
    """One type of one region, and how much of what it was given it knows."""

    def __init__(self, region, kind):
        found = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
        self.root = {name: value for name, value in found.items() if name not in CONDITIONAL}
        self.validator = VALIDATOR(self.root)
        self.known = self.unknown = 0

    def resolved(self, schema):
        """Follow references."""
        while "$ref" in schema:
            target = self.root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema

    def fitted(self, value, schema):
        """Return a value by CloudFormation's names, without what has another name there or is not known yet."""
        schema = self.resolved(schema)
        if isinstance(value, list):
            if "properties" in schema and len(value) == 1:
                return self.fitted(value[0], schema)
            return [self.fitted(item, schema.get("items", {})) for item in value]
        if not isinstance(value, dict) or "properties" not in schema:
            return value
        names = {name.lower(): name for name in schema["properties"]}
        fitted = {}
        for name, item in value.items():
            known = names.get(name.replace("_", ""))
            if known is None or self._is_pairs(item, schema["properties"][known]):
                self.unknown += 1
            elif item is not None:
                self.known += 1
                fitted[known] = self.fitted(item, schema["properties"][known])
        return fitted

    def _is_pairs(self, value, schema):
        """Tell whether CloudFormation has a list of names and values where Terraform has a map."""
        return isinstance(value, dict) and self.resolved(schema).get("type") == "array"


def main():
    """Judge every resource."""
    given = json.load(sys.stdin)
    found, counts = [], {}
    for address, kind, body in given["resources"]:
        schema = Schema(given["region"], kind)
        fitted = schema.fitted(body, schema.root)
        errors = [error for error in schema.validator.iter_errors(fitted) if "${" not in error.message]
        found += [(address, ".".join(map(str, error.absolute_path)), error.message[:300]) for error in errors]
        known, unknown = counts.get(kind, (0, 0))
        counts[kind] = (known + schema.known, unknown + schema.unknown)
    json.dump({"found": found, "counts": counts}, sys.stdout)


if __name__ == "__main__":
    main()
