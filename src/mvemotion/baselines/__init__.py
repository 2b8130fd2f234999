"""What stands beside the paper's networks: shortcuts to beat, and classifiers of another kind."""

from mvemotion.baselines.container import CONTAINER_NUMBERS, CONTAINER_WORDS, container_features
from mvemotion.baselines.scoring import LABELS, ROW_ZERO, evaluate_baseline

__all__ = [
    "CONTAINER_NUMBERS",
    "CONTAINER_WORDS",
    "LABELS",
    "ROW_ZERO",
    "container_features",
    "evaluate_baseline",
]
