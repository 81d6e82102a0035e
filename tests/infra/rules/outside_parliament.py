"""parliament as a filter, for the judges' own python: pairs of key and policy text in, findings out, both JSON."""

import json
import sys
import types
import warnings
from importlib.util import find_spec
from pathlib import Path

warnings.simplefilter("ignore")


def _load():
    """Import parliament 1.6, which asks pkg_resources where its own files are; setuptools 82 has it no more."""
    if find_spec("pkg_resources") is None:
        stand_in = types.ModuleType("pkg_resources")
        folder = Path(find_spec("parliament").origin).parent
        stand_in.resource_filename = lambda _module, name: str(folder / name)
        sys.modules["pkg_resources"] = stand_in
    import parliament  # noqa: PLC0415 - after the stand-in

    return parliament


def main():
    parliament = _load()
    found = []
    for key, text in json.load(sys.stdin):
        try:
            policy = parliament.analyze_policy_string(text)
        except Exception as error:  # noqa: BLE001 - what it cannot even read, it has found
            found.append((key, "MALFORMED", repr(error)))
            continue
        found += [(key, finding.issue, str(finding.detail)) for finding in policy.findings]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
