"""Where things lie in the repository; `dvc.yaml` names the same files."""

from pathlib import Path

HISTORY = Path("data/history.parquet")
TRAIN = Path("data/prepared/train.parquet")
TEST = Path("data/prepared/test.parquet")
LABELLED = Path("data/labelled")
"""What the champion answered and what became of it, where the monitor or a platform left it."""
MODEL = Path("model")

REPORTS = Path("reports")
PREPARED = REPORTS / "prepare.json"
PROBED = REPORTS / "probe.json"
TRAINED = REPORTS / "train.json"
METRICS = REPORTS / "metrics.json"
BASELINE = REPORTS / "baseline.json"
PLOTS = REPORTS / "plots"
POINTS = PLOTS / "points.json"
"""What the plots are drawn of."""
GATES = REPORTS / "gates.json"
GATES_TABLE = REPORTS / "gates.md"
CARD = REPORTS / "card.md"
CARD_PAGE = REPORTS / "card.html"
RUN = REPORTS / "run.json"
REGISTERED = REPORTS / "registered.json"

ARCHIVE = Path("model.tar.gz")
"""What SageMaker packs the model into; only a job on AWS has it."""

SERVING = Path(".serving/model")
CHAMPION = Path(".serving/champion")
LOCK = Path("requirements/train.txt")
