"""What the container's headers say of a clip, without its pictures and its sound."""

import pandas as pd

CONTAINER_NUMBERS = (  # what the file's headers say; never its pictures or sound
    *("size_bytes", "duration_s", "fps", "width", "height", "video_frames", "keyframes"),
    *("video_start_s", "video_bit_rate", "audio_rate_hz", "audio_channels", "audio_bit_rate"),
)
CONTAINER_WORDS = ("container", "encoder", "video_codec", "video_profile", "audio_codec")


def container_features(clips: pd.DataFrame) -> pd.DataFrame:
    """One row a clip: the container's numbers, and its words as indicator columns."""
    numbers = clips[list(CONTAINER_NUMBERS)].astype(float)
    words = clips[list(CONTAINER_WORDS)].fillna("none").astype(str)
    return pd.concat([numbers, pd.get_dummies(words, dtype=float)], axis=1)
