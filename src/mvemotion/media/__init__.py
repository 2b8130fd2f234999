"""From one media file to arrays: decoding, spectrograms, pictures and faces (no emotion here)."""
