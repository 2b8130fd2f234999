"""Which frames stand for a clip: indices at equal intervals (Section 3, Figure 1)."""

import numpy as np

from mvemotion.errors import DataError


def frame_indices(available: int, wanted: int) -> np.ndarray:
    """Indices at equal intervals from the first to the last, both included.

    Parameters
    ----------
    available : int
        Frames there are. If fewer than wanted, some are repeated.
    wanted : int
        Frames to pick.

    Returns
    -------
    np.ndarray
        int64 (wanted,), not decreasing; halves are rounded up.

    Raises
    ------
    DataError
        If nothing is available or wanted.

    Examples
    --------
    >>> frame_indices(750, 4)
    array([  0, 250, 499, 749])
    >>> frame_indices(64, 8)  # the slow branch: every ninth of the fast branch's frames
    array([ 0,  9, 18, 27, 36, 45, 54, 63])
    """
    if available < 1 or wanted < 1:
        raise DataError(f"{wanted} of {available} frames: both must be at least 1")
    steps = max(wanted - 1, 1)
    return (2 * np.arange(wanted) * (available - 1) + steps) // (2 * steps)
