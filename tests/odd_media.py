"""What `predict` makes of files as people have them: the cases behind ``data_cards/odd_media.md``.

python tests/odd_media.py      writes that page anew
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import torch

from media_files import Movie, face_picture, tones, turn, write_bare, write_movie
from mvemotion.errors import ClipError
from mvemotion.files import write_text
from mvemotion.networks import create_network
from mvemotion.prediction import Predictor
from mvemotion.runs import TrainedNetwork
from mvemotion.specs import STREAMS, ClipFormat

PAGE = Path(__file__).parents[1] / "data_cards" / "odd_media.md"
FORMAT = ClipFormat(
    duration_s=2.0,
    mel_bands=16,
    frame_size=32,
    frames=16,
    slow_frames=4,
    c3d_size=20,
    c3d_frames=16,
)
NETWORKS = ("music_a2", "video_a2", "video_a2+music_a2+face_a2")
HOP_S = 2.0
INTRODUCTION = """\
# Odd media

What `mvemotion predict` makes of files that are not as the dataset's are: a music network, a video
network and one of all three modalities on files of four seconds where nothing else is said, with
windows of two seconds. Made by `tests/odd_media.py`, which a test runs again.

*Answers* counts windows with an answer; notes stand beside them in the timeline. A file that is
*refused* ends with that word and a message; the other files of the same command are still
predicted, and the exit code is 3.
"""


@dataclass(frozen=True)
class Case:
    """A file: what it is, its ending, and how it is made."""

    what: str
    suffix: str
    make: Callable[[Path], object]


def movie(**options) -> Callable[[Path], object]:
    """Writes a movie with faces in it."""
    facts = {"seconds": 4.0, "height": 96, "width": 128, "draw": face_picture} | options
    return lambda path: write_movie(path, Movie(**facts))


def turned(path: Path) -> None:
    movie()(path)
    turn(path)


def cut(path: Path) -> None:
    """Half of a file whose index comes last is no file; Matroska can be read as far as it goes."""
    movie()(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def words(path: Path) -> None:
    path.write_text("not a video")


def remux(source: Path, path: Path, *, delay_s: float = 0.0, seconds: float | None = None) -> None:
    """Copy packets: later by `delay_s`, or over and over until there are so many seconds."""
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams}
        packets = [p for p in given.demux() if p.dts is not None]
        ends = [(p.pts + p.duration) * p.time_base for p in packets]
        length_s = max(ends) - min(p.dts * p.time_base for p in packets)  # no two at one time
        for turn_number in range(round((seconds or length_s) / float(length_s))):
            shift_s = Fraction(delay_s) + turn_number * length_s
            for packet in packets:
                pts, dts, base = packet.pts, packet.dts, packet.time_base
                packet.stream = streams[packet.stream_index]
                packet.pts, packet.dts = pts + int(shift_s / base), dts + int(shift_s / base)
                packet.time_base = base
                made.mux(packet)
                packet.pts, packet.dts, packet.time_base = pts, dts, base


def later(path: Path) -> None:
    source = path.with_name("source.ts")
    movie()(source)
    remux(source, path, delay_s=3600.0)


def three_hours(path: Path) -> None:
    source = path.with_name("source.m4a")
    sound = {"has_video": False, "channels": 1, "audio_rate_hz": 8000}
    write_movie(source, Movie(seconds=60.0, **sound))
    remux(source, path, seconds=3 * 3600.0)


def bare(path: Path) -> None:
    write_bare(path, Movie(seconds=4.0, has_audio=False, b_frames=0, draw=face_picture))


def with_cover(path: Path) -> None:
    """Sound with a picture attached, as music files have it."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(face_picture(0, 96, 96), format="rgb24")
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
        wave = tones(4.0, 44_100, 2)
        for start in range(0, wave.shape[1] - 1152, 1152):
            chunk = wave[:, start : start + 1152].copy()
            frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44_100, start, Fraction(1, 44_100)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


CASES = (
    Case("as the dataset's clips are: H.264 and AAC in MP4", "mp4", movie()),
    Case("variable frame rate", "mp4", movie(is_variable=True)),
    Case("turned by a quarter, as phones mark it", "mp4", turned),
    Case("no sound", "mp4", movie(has_audio=False)),
    Case("sound alone", "m4a", movie(has_video=False)),
    Case("sound with a cover picture", "mp3", with_cover),
    Case("mono", "mp4", movie(channels=1)),
    Case("5.1 channels", "mp4", movie(channels=6)),
    Case("8 kHz sound", "mp4", movie(audio_rate_hz=8000)),
    Case("sound that ends halfway", "mp4", movie(audio_s=2.0)),
    Case("pictures that end halfway", "mp4", movie(seconds=2.0, audio_s=4.0)),
    Case(
        "pictures that begin a second late",
        "mp4",
        movie(seconds=3.0, audio_s=4.0, video_start_s=1.0),
    ),
    Case(
        "sound that begins a second late",
        "mp4",
        movie(audio_s=3.0, audio_start_s=1.0),
    ),
    Case("sound that begins three seconds late", "mkv", movie(audio_s=1.0, audio_start_s=3.0)),
    Case("a single picture", "mp4", movie(seconds=0.04, audio_s=4.0)),
    Case("half a second", "mp4", movie(seconds=0.5)),
    Case("odd sizes, 161 x 91 pixels", "mkv", movie(width=161, height=91, pixels="yuv444p")),
    Case("4K, 3840 x 2160", "mp4", movie(width=3840, height=2160, fps=5)),
    Case("HEVC, 10 bits", "mp4", movie(codec="libx265", pixels="yuv420p10le")),
    Case(
        "VP9 and Opus in WebM",
        "webm",
        movie(codec="libvpx-vp9", audio_codec="libopus", audio_rate_hz=48_000),
    ),
    Case(
        "AV1 and FLAC in Matroska",
        "mkv",
        movie(codec="libsvtav1", audio_codec="flac", b_frames=0),
    ),
    Case(
        "MPEG-4 and MP3 in AVI", "avi", movie(codec="mpeg4", audio_codec="libmp3lame", b_frames=0)
    ),
    Case("Matroska", "mkv", movie()),
    Case("QuickTime", "mov", movie()),
    Case("MPEG transport stream that begins at one hour", "ts", later),
    Case("bare H.264, which has no times", "h264", bare),
    Case("three hours of sound", "m4a", three_hours),
    Case("MP4 cut in the middle", "mp4", cut),
    Case("Matroska cut in the middle", "mkv", cut),
    Case("empty file", "mp4", lambda path: path.write_bytes(b"")),
    Case("words in a file named .mp4", "mp4", words),
)


def predictors() -> dict[str, Predictor]:
    """The networks, small and untrained: what matters is whether there is an answer."""
    found = {}
    for name in NETWORKS:
        torch.manual_seed(0)
        network = create_network(name, clip_format=FORMAT).eval()
        arrays = {STREAMS[stream].array for stream in network.streams}
        statistics = {a: (-40.0, 20.0) if "music" in a else (120.0, 60.0) for a in arrays}
        trained = TrainedNetwork(network, name, FORMAT, "train", statistics)
        found[name] = Predictor(trained, device="cpu")
    return found


def outcome(predictor: Predictor, path: Path) -> str:
    """How many windows have an answer, and what is noted; or why the file is refused."""
    hop_s = 600.0 if path.stat().st_size > 2_000_000 and path.suffix == ".m4a" else HOP_S
    try:
        timeline = predictor.predict(path, hop_s=hop_s)
    except ClipError as error:
        return f"refused: {error.reason}"
    answers = sum(map(bool, timeline.emotions))
    notes = ", ".join(dict.fromkeys(filter(None, timeline.notes)))
    counted = f"{answers} of {len(timeline.emotions)} answers"
    return f"{counted} ({notes})" if notes else counted


def write_case(case: Case, folder: Path) -> Path:
    """The case's file, in a folder of its own."""
    folder.mkdir(parents=True)
    path = folder / f"video.{case.suffix}"
    case.make(path)
    return path


def page(rows: list[tuple[str, ...]]) -> str:
    """The page, of rows (what, outcome of each network)."""
    head = ("file", *(f"`{name}`" for name in NETWORKS))
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return INTRODUCTION + "\n" + "\n".join(f"| {line} |" for line in lines) + "\n"


def main() -> None:
    """Write the page anew."""
    used = predictors()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for number, case in enumerate(CASES):
            path = write_case(case, Path(folder) / str(number))
            rows.append((case.what, *(outcome(used[name], path) for name in NETWORKS)))
            print(" | ".join(rows[-1]), flush=True)
        write_text(PAGE, page(rows))


if __name__ == "__main__":
    main()
