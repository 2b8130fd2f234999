"""Small real media files for tests: every picture carries its index, every channel its tone."""

import os
import struct
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

BITS = 10
TONES_HZ = (440, 660, 880, 1100, 1320, 1540)  # one a channel
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
TICKS = 12_800  # a second, of the video's time base


def barcode(index: int, height: int, width: int) -> np.ndarray:
    """A picture that spells its index: one black or white bar a bit; uint8 RGB (H, W, 3)."""
    bits = [(index >> bit) & 1 for bit in range(BITS)]
    bars = np.array(bits, np.uint8) * 200 + 30
    columns = np.arange(width) * BITS // width
    return np.broadcast_to(bars[columns][None, :, None], (height, width, 3)).copy()


def read_barcode(picture: np.ndarray) -> int:
    """The index that a picture spells, at whatever size."""
    brightness = picture.reshape(*picture.shape[:2], -1).mean(axis=(0, 2))
    edges = np.linspace(0, len(brightness), BITS + 1)
    middles = ((edges[:-1] + edges[1:]) / 2).astype(int)
    return sum(int(brightness[middle] > 130) << bit for bit, middle in enumerate(middles))


def draw_face(picture: np.ndarray, row: int, column: int, side: int) -> None:
    """Draw, in place, a face that the cascades take for one, in about this square."""

    def ellipse(x, y, radius_x, radius_y, grey):
        centre = (round(column + x * side), round(row + y * side))
        axes = (max(1, round(radius_x * side)), max(1, round(radius_y * side)))
        colour = (grey,) * 3 if picture.ndim == 3 else grey
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    ellipse(0.5, 0.5, 0.42, 0.56, 190)  # head
    ellipse(0.5, 0.05, 0.44, 0.22, 60)  # hair
    for x in (0.32, 0.68):
        ellipse(x, 0.40, 0.13, 0.10, 120)  # eye socket
        ellipse(x, 0.33, 0.13, 0.03, 50)  # brow
        ellipse(x, 0.42, 0.08, 0.045, 40)  # eye
    ellipse(0.5, 0.52, 0.05, 0.12, 215)  # bridge of the nose
    ellipse(0.5, 0.64, 0.09, 0.03, 130)  # its shadow
    ellipse(0.5, 0.79, 0.17, 0.045, 90)  # mouth
    ellipse(0.5, 0.98, 0.20, 0.05, 150)  # chin


def face_picture(index: int, height: int, width: int) -> np.ndarray:
    """A drawn face in every third picture, else a plain one."""
    picture = np.full((height, width, 3), 130, np.uint8)
    if index % 3 == 0:
        side = int(0.6 * min(height, width))
        draw_face(picture, (height - side) // 2, (width - side) // 2, side)
        picture = cv2.GaussianBlur(picture, (0, 0), max(side / 40, 0.5))
    return picture


@dataclass(frozen=True)
class Movie:
    """What to write; `write_movie` does."""

    seconds: float = 2.0
    audio_s: float | None = None  # None: as long as the video
    fps: int = 25
    height: int = 64
    width: int = 96
    draw: Callable[[int, int, int], np.ndarray] = barcode
    video_start_s: float = 0.0
    audio_start_s: float = 0.0
    codec: str = "libx264"
    group: int = 12  # pictures from one keyframe to the next
    b_frames: int = 2
    has_open_groups: bool = False
    audio_rate_hz: int = 44_100
    channels: int = 2
    has_audio: bool = True
    has_video: bool = True
    audio_codec: str = "aac"
    pixels: str = "yuv420p"
    is_variable: bool = False  # every third picture comes late


def write_movie(path: Path, movie: Movie = Movie()) -> Path:
    """Write H.264 (or another codec) and AAC; returns the path, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _own_scheduling(), av.open(str(path), "w") as container:
        video = _add_video(container, movie) if movie.has_video else None
        audio = _add_audio(container, movie) if movie.has_audio else None
        packets = [*_video_packets(video, movie), *_audio_packets(audio, movie)]
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for packet in packets:
            container.mux(packet)
    return path


@contextmanager
def _own_scheduling():
    """Undo what the AV1 encoder does to a process of root: real time, ahead of everything else."""
    if not hasattr(os, "sched_setscheduler"):  # not Linux
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def turn(path: Path) -> None:
    """Make players turn the picture a quarter, as phones do, by the track's display matrix."""
    content = path.read_bytes()
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    place = content.index(upright, content.index(b"tkhd"))  # the video track comes first
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])


def write_bare(path: Path, movie: Movie) -> Path:
    """Write H.264 without a container, so that nothing says when a picture is shown."""
    source = write_movie(path.with_suffix(".mp4"), movie)
    with av.open(str(source)) as given, av.open(str(path), "w", format="h264") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path


def damage_packet(path: Path, number: int) -> None:
    """Overwrite the video packet of this number, in decoding order, with nonsense."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        place, size = packets[number].pos, packets[number].size
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes((37 * i + 255) % 256 for i in range(size)))


def _add_video(container, movie: Movie) -> av.VideoStream:
    stream = container.add_stream(movie.codec, rate=movie.fps)
    stream.width, stream.height, stream.pix_fmt = movie.width, movie.height, movie.pixels
    stream.codec_context.time_base = Fraction(1, TICKS)
    stream.codec_context.gop_size = movie.group
    stream.codec_context.thread_count = 1
    stream.codec_context.max_b_frames = movie.b_frames
    if movie.codec == "libx264":
        opened = int(movie.has_open_groups)
        stream.options = {
            "preset": "ultrafast",
            "crf": "18",
            "sc_threshold": "0",
            "x264-params": f"bframes={movie.b_frames}:b-adapt=0:open-gop={opened}",
        }
    if movie.codec == "libx265":
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"}
    return stream


def _add_audio(container, movie: Movie) -> av.AudioStream:
    return container.add_stream(
        movie.audio_codec, rate=movie.audio_rate_hz, layout=LAYOUTS[movie.channels]
    )


def _video_packets(stream, movie: Movie) -> list[av.Packet]:
    packets = []
    for index in range(round(movie.seconds * movie.fps) if stream else 0):
        picture = movie.draw(index, movie.height, movie.width)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        late = 0.6 * (index % 3 == 1) if movie.is_variable else 0.0
        frame.pts = round((movie.video_start_s + (index + late) / movie.fps) * TICKS)
        frame.time_base = Fraction(1, TICKS)
        packets += stream.encode(frame)
    return packets + (stream.encode(None) if stream else [])


def tones(seconds: float, rate_hz: int, channels: int) -> np.ndarray:
    """One sine a channel, 440 and 660 Hz, at half of full scale: float32 (channels, N)."""
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    sines = [0.5 * np.sin(2 * np.pi * hz * time_s) for hz in TONES_HZ[:channels]]
    return np.array(sines, np.float32)


def _audio_packets(stream, movie: Movie) -> list[av.Packet]:
    if stream is None:
        return []
    seconds = movie.seconds if movie.audio_s is None else movie.audio_s
    sound = tones(seconds, movie.audio_rate_hz, movie.channels)
    packets = []
    for start in range(0, sound.shape[1], 1024):
        chunk = np.ascontiguousarray(sound[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=LAYOUTS[movie.channels])
        frame.sample_rate = movie.audio_rate_hz
        frame.pts = start + round(movie.audio_start_s * movie.audio_rate_hz)
        frame.time_base = Fraction(1, movie.audio_rate_hz)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
