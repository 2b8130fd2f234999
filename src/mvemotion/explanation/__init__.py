"""Why a network answers as it does: where in its inputs, and from which modality.

`explain_window` explains one window of a recording, `explain_recording` all along it; `write_page`
makes a page of the latter.
"""

from mvemotion.explanation.activation_maps import activation_maps
from mvemotion.explanation.attribution import Ablation
from mvemotion.explanation.page import write_page
from mvemotion.explanation.recordings import (
    RecordingExplanation,
    choose_windows,
    explain_recording,
)
from mvemotion.explanation.windows import WindowExplanation, explain_window, explain_windows

__all__ = [
    "Ablation",
    "RecordingExplanation",
    "WindowExplanation",
    "activation_maps",
    "choose_windows",
    "explain_recording",
    "explain_window",
    "explain_windows",
    "write_page",
]
