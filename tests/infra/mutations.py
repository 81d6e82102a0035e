"""The mutation matrix: single faults in a stack's exported document, as data.

Where a fault comes from stands beside it: `2.4` is the matrix of security.md, `CKV...` checkov's catalogue, `FSBP` AWS
Security Hub's controls, `anchors` the faults of amazon-sagemaker-drift-detection; the rest are AWS's own pages. None was
taken from how our rules are written. What outside judges see of them stands in `docs/policies.md`.
"""

from __future__ import annotations

from rules.faults import Mutant
from rules.mutants.data import KEYS, STORAGE
from rules.mutants.identity import IDENTITY, TRUST
from rules.mutants.loop import EVENTS, MESSAGES
from rules.mutants.models import IMAGES, SERVING
from rules.mutants.pipelines import FUNCTIONS, PIPELINES
from rules.mutants.watch import NETWORK, STACK, WATCH

GROUPS = {
    "storage": STORAGE,
    "keys": KEYS,
    "identity": IDENTITY,
    "trust": TRUST,
    "images": IMAGES,
    "serving": SERVING,
    "pipelines": PIPELINES,
    "functions": FUNCTIONS,
    "messages": MESSAGES,
    "events": EVENTS,
    "watch": WATCH,
    "stack": STACK,
    "network": NETWORK,
}
"""The faults by family, as rows."""
MUTANTS = [Mutant(*row) for rows in GROUPS.values() for row in rows]
