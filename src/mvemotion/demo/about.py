"""What the page says of itself: the network, where it came from, limits, colours."""

from dataclasses import asdict
from pathlib import Path

from mvemotion.demo.examples import EXAMPLES
from mvemotion.demo.uploads import Limits
from mvemotion.figures import EMOTION_COLOURS, LINES
from mvemotion.files import read_json
from mvemotion.networks import count_parameters
from mvemotion.prediction import Predictor
from mvemotion.specs import EMOTIONS, find_network
from mvemotion.timeline import describe_reading, is_shipped

DASHES = {"-": "", "--": "7 4", "-.": "8 4 2 4"}  # Matplotlib's line styles in SVG's words
SHIPPED = (
    "Not for real use.",
    "The network that comes with the package was trained on synthetic clips: music videos drawn "
    "and composed by a program. It has never seen a camera picture or heard a recorded voice; on "
    "real videos its answers are arbitrary, and confident all the same.",
)
GIVEN = (
    "A research demo.",
    "What you see are the guesses of a network, from weights that were named when this page was "
    "started. How good they are, its evaluation says; decide nothing about people by them.",
)


def about(
    predictor: Predictor, weights: Path, *, limits: Limits, hop_s: float, is_local: bool
) -> dict:
    """All that the page needs to know before any upload, JSON-ready."""
    headline, notice = SHIPPED if is_shipped(predictor.weights_sha256) else GIVEN
    trained = predictor.trained
    return {
        "network": trained.network_id,
        "is_shipped": is_shipped(predictor.weights_sha256),
        "headline": headline,
        "notice": notice,
        "facts": _facts(predictor, weights, hop_s),
        "window_s": trained.clip_format.duration_s,
        "is_local": is_local,
        "limits": {key: asdict(limits)[key] for key in ("upload_mb", "minutes")},
        "emotions": [
            {
                "name": emotion,
                "colour": EMOTION_COLOURS[emotion],
                "dash": DASHES[LINES[index % len(LINES)]],
            }
            for index, emotion in enumerate(EMOTIONS)
        ],
        "examples": [asdict(example) for example in EXAMPLES],
    }


def read_card(weights: Path) -> dict:
    """What the files beside the weights say of how they were made; empty if they stand alone."""
    paths = (weights.with_suffix(".json"), weights.parent / "run.json")
    sidecar, run = (read_json(path) if path.is_file() else {} for path in paths)
    return sidecar.get("provenance", {}) | sidecar | run


def _facts(predictor: Predictor, weights: Path, hop_s: float) -> list[tuple[str, str]]:
    """Label and value, in the order to show them; what the card does not say is left out."""
    trained, card = predictor.trained, read_card(weights)
    place = f"Table {find_network(trained.network_id).table} of the paper"
    clips = ", ".join(f"{count} {split}" for split, count in card.get("clips", {}).items())
    facts = [
        ("Network", f"{trained.network_id} ({place})"),
        ("Parameters", f"{count_parameters(trained.network).total:,}"),
        ("Weights", f"from {_origin(predictor, weights)}"),
        ("Made", card.get("time_utc", "")[:10]),
        ("On clips", clips),
        ("SHA-256", predictor.weights_sha256),
        ("One answer", f"for {trained.clip_format.duration_s:g} s, every {hop_s:g} s"),
        ("Reading", describe_reading(predictor.abstain_below, predictor.temperature)),
    ]
    return [(label, value) for label, value in facts if value]


def _origin(predictor: Predictor, weights: Path) -> str:
    """The file and its folder; no more of this computer's paths than is of use."""
    if is_shipped(predictor.weights_sha256):
        return "the package itself"
    return f"{weights.resolve().parent.name}/{weights.name}"
