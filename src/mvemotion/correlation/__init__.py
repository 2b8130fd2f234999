"""Which emotions a network's outputs put together, as Section 5.3 says of three: a test.

Six outputs of one network are never independent. Softmax outputs share out one: what one emotion
gains, others lose, and six exchangeable ones correlate by -1/5 (`EXCHANGEABLE`). So do the right
answers themselves, through whatever they are read. And a network trained through a softmax never
learns what its six logits have in common (`scale_common`), which its sigmoid outputs show. A
correlation is therefore held against what chance would make of the very same outputs:
see `examine_claims`.
"""

from mvemotion.correlation.chance import (
    EXCHANGEABLE,
    correlate,
    examine_claims,
    mean_outputs,
)
from mvemotion.correlation.outputs import (
    Outputs,
    answers,
    example_clips,
    printed_outputs,
    read_outputs,
    scale_common,
)

__all__ = [
    "EXCHANGEABLE",
    "Outputs",
    "answers",
    "correlate",
    "examine_claims",
    "example_clips",
    "mean_outputs",
    "printed_outputs",
    "read_outputs",
    "scale_common",
]
