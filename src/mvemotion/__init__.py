"""mvemotion: replication of multimodal emotion classification for music videos.

Pandeya, Bhattarai, Lee: Deep-Learning-Based Multimodal Emotion Classification for Music Videos.
Sensors 2021, 21, 4927. https://doi.org/10.3390/s21144927
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "EMOTIONS": "mvemotion.specs",
    "ClipFormat": "mvemotion.specs",
    "list_networks": "mvemotion.specs",
    "create_network": "mvemotion.networks",
    "count_parameters": "mvemotion.networks",
    "count_flops": "mvemotion.networks",
    "predict": "mvemotion.prediction",
    "Predictor": "mvemotion.prediction",
    "Timeline": "mvemotion.timeline",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Import lazily, so that `import mvemotion` and every `--help` stay fast."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mvemotion' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
