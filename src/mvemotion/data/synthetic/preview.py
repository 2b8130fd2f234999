"""What networks get of a synthetic clip, straight from its factors: no file, no encoder between."""

import av
import numpy as np

from mvemotion.data.convert import music_arrays, video_array
from mvemotion.data.synthetic.factors import Factors
from mvemotion.data.synthetic.movie import render
from mvemotion.data.synthetic.sound import SAMPLE_RATE_HZ
from mvemotion.media.sampling import frame_indices
from mvemotion.media.video import PictureConverter
from mvemotion.specs import ClipFormat


def preview(factors: Factors, clip_format: ClipFormat) -> dict[str, np.ndarray]:
    """The arrays of a clip that is drawn and composed for this alone.

    Parameters
    ----------
    factors : Factors
        Of a clip at least as long as `clip_format` says.
    clip_format : ClipFormat
        Sizes of the arrays.

    Returns
    -------
    dict of np.ndarray
        As `Store.read` gives them, but for the faces: ``music``, ``music_slow``, ``music_fast``:
        float16 (2, M, L); ``video``: uint8 (H, W, T, 3). What an encoder takes away is still there.

    Raises
    ------
    ClipError
        ``too short``.
    """
    frames, waveform = render(factors)
    arrays = music_arrays(waveform.mean(axis=1), SAMPLE_RATE_HZ, clip_format)
    wanted = frame_indices(round(clip_format.duration_s * factors.fps), clip_format.frames)
    converter, size = PictureConverter(), clip_format.frame_size
    shown = [
        converter.squash(av.VideoFrame.from_ndarray(frame, format="rgb24"), size)
        for index, frame in enumerate(frames)
        if index in wanted
    ]
    return arrays | {"video": video_array(shown, clip_format)}
