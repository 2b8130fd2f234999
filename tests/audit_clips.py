"""Small real music videos with planted properties, for the tests of the audit."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from media_files import Movie, write_movie
from mvemotion.audit.signals import RATE_HZ

NOISE = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
SCENE = NOISE.repeat(8, axis=0).repeat(8, axis=1)  # blocks that no encoder blurs away


def moving(index: int, height: int, width: int) -> np.ndarray:
    """A coloured scene that glides past."""
    return np.ascontiguousarray(SCENE[index : index + height, 3 * index : 3 * index + width])


def still(index: int, height: int, width: int) -> np.ndarray:
    """Always the same picture."""
    return moving(0, height, width)


def black(index: int, height: int, width: int) -> np.ndarray:
    """Nothing."""
    return np.zeros((height, width, 3), np.uint8)


def letterboxed(index: int, height: int, width: int) -> np.ndarray:
    """The gliding scene between bars of an eighth of the height each."""
    picture, bar = moving(index, height, width), height // 8
    picture[:bar] = picture[-bar:] = 0
    return picture


def hum(seconds: float, hz: float = 440.0, *, amplitude: float = 0.3) -> np.ndarray:
    """A sine: float32 (n,)."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def write_clip(path: Path, movie: Movie, sound: np.ndarray, *, codec: str = "flac") -> Path:
    """Write a movie with this sound, float32 (n,) at 22,050 Hz, lossless; returns the path."""
    silent = write_movie(path.with_suffix(".silent.mp4"), replace(movie, has_audio=False))
    with av.open(str(silent)) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        audio = target.add_stream(codec, rate=RATE_HZ, layout="mono")
        audio.codec_context.format = "s16" if codec == "flac" else "flt"
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for packet in packets:
            packet.stream = video
        packets += _encode(audio, sound)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            target.mux(packet)
    silent.unlink()
    return path


def _encode(stream, sound: np.ndarray) -> list:
    kind, samples = stream.codec_context.format.name, sound
    if kind == "s16":
        samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    packets = []
    for start in range(0, len(samples), 4096):
        chunk = samples[None, start : start + 4096]
        frame = av.AudioFrame.from_ndarray(chunk, format=kind, layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, start
        packets += stream.encode(frame)
    return packets + stream.encode(None)
