"""One pass over a media file: its facts, its audio, and the video packets to decode later."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from mvemotion.errors import ClipError
from mvemotion.media.audio import mix_to_mono
from mvemotion.media.video import VideoTrack

# Streams are interleaved in a file; once one of them is this far past the end of the clip, what is
# still missing of the other will not come.
INTERLEAVING_S = 10.0
LATE_S = 0.2  # sound that begins later than this after the recording keeps its time (assumption 9)
AUDIO_MARGIN_S = 0.25  # beyond the clip's end, so that the resampling filter has its right half


@dataclass
class AudioTrack:
    """A stretch of an audio stream, decoded from its start and mixed to mono as it comes."""

    stream: av.AudioStream
    limit_s: float
    origin_s: float = 0.0  # when the recording begins
    start_s: float = np.nan
    sample_rate_hz: int = 0
    samples: int = 0
    dropped: int = 0
    damaged_packets: int = 0
    chunks: list[np.ndarray] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether `limit_s` seconds have been decoded."""
        return bool(self.samples) and self.samples >= self.limit_s * self.sample_rate_hz

    @property
    def lead(self) -> int:
        """Samples of silence before the first one, where the sound begins late; else 0."""
        late_s = self.start_s - self.origin_s
        return round(late_s * self.sample_rate_hz) if late_s > LATE_S else 0

    @property
    def end(self) -> int:
        """Samples from the recording's start to the last one decoded; 0 before there is one."""
        return self.samples and self.lead + self.samples

    @property
    def waveform(self) -> np.ndarray:
        """Mono samples as decoded, float32 (N,), neither clipped nor normalised."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, np.float32)

    def stretch(self, first: int, count: int) -> np.ndarray:
        """`count` samples from this one of the recording on; fewer where the sound has ended.

        Before sound that begins late there is silence; a stretch of nothing else is empty.
        """
        begin = first - self.lead - self.dropped
        sound = self.waveform[max(begin, 0) : max(begin + count, 0)]
        return np.pad(sound, (-begin, 0)) if begin < 0 < len(sound) else sound

    def forget(self, end: int) -> None:
        """Drop whole decoded frames that end before this sample of the recording."""
        while self.chunks and self.lead + self.dropped + len(self.chunks[0]) <= end:
            self.dropped += len(self.chunks.pop(0))

    def feed(self, packet: av.Packet | None) -> None:
        """Decode one packet (None: what the decoder still holds), unless there is enough."""
        if self.is_complete:
            return
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.FFmpegError:
            self.damaged_packets += packet is not None
            return
        for frame in frames:
            self._append(frame)

    def _append(self, frame: av.AudioFrame) -> None:
        if not self.samples:
            self.sample_rate_hz = frame.sample_rate
            self.start_s = frame.time if frame.time is not None else np.nan
        if frame.sample_rate != self.sample_rate_hz:
            raise ClipError(
                "unreadable",
                f"audio changes from {self.sample_rate_hz} to {frame.sample_rate} Hz; "
                "one rate is needed; convert the file",
            )
        channels = len(frame.layout.channels)
        self.chunks.append(mix_to_mono(frame.to_ndarray(), channels))
        self.samples += frame.samples


@dataclass(frozen=True)
class Recording:
    """What one demuxing pass found: facts for the manifest, audio, and the video to decode."""

    facts: dict[str, object]
    audio: AudioTrack
    video: VideoTrack


@contextmanager
def open_recording(path: Path, duration_s: float) -> Iterator[Recording]:
    """Demux the first seconds of a file once; decode its audio, keep its video packets.

    Parameters
    ----------
    path : Path
        Any container and codecs that FFmpeg reads.
    duration_s : float
        Seconds from the file's start to read; nothing beyond is held in memory.

    Raises
    ------
    ClipError
        ``unreadable``, ``no audio`` or ``no video``.
    """
    with open_container(path) as container:
        yield _demux(container, duration_s)


@contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a media file.

    Raises
    ------
    ClipError
        ``unreadable``.
    """
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise ClipError("unreadable", _explain(path, error)) from error
    with container:
        yield container


def _explain(path: Path, error: Exception) -> str:
    if not path.exists():
        return "no such file; the path of a recording is needed; look for a slip in it"
    if path.is_dir():
        return "a folder; the path of a recording is needed; name the files in it"
    size = path.stat().st_size
    found = f"{size} bytes, {getattr(error, 'strerror', None) or error}"
    return f"{found}; an audio-visual file that FFmpeg reads is needed; replace or remove it"


def _demux(container: av.container.InputContainer, duration_s: float) -> Recording:
    streams = find_streams(container)
    audio_stream, video_stream = streams["audio"], streams["video"]
    start_s = (container.start_time or 0) / av.time_base
    end_s = start_s + duration_s
    audio = AudioTrack(audio_stream, duration_s + AUDIO_MARGIN_S, start_s)
    packets = []
    for packet, time_s in timed_packets(container, audio_stream, video_stream):
        if packet.stream is audio_stream:
            audio.feed(packet)
        elif time_s < end_s:
            packets.append(packet)
            continue
        if time_s > end_s + INTERLEAVING_S or (audio.is_complete and time_s >= end_s):
            break
    audio.feed(None)
    _check_decoded(audio, packets)
    video = VideoTrack(packets, video_stream.codec_context, end_s)
    return Recording(_facts(container, audio, video_stream), audio, video)


def find_streams(
    container: av.container.InputContainer,
    kinds: Collection[str] = ("audio", "video"),
    *,
    strict: bool = True,
) -> dict[str, av.AudioStream | av.VideoStream]:
    """The first stream of each kind that can be decoded; a cover picture is no video.

    Raises
    ------
    ClipError
        ``no audio`` or ``no video``, unless not `strict`: then the kind is left out.
    """
    cover = av.stream.Disposition.attached_pic
    videos = [s for s in container.streams.video if not s.disposition & cover]
    streams = {"audio": list(container.streams.audio), "video": videos}
    found = ", ".join(s.type for s in container.streams) or "nothing"
    there = {kind: streams[kind][0] for kind in kinds if _can_decode(streams[kind])}
    for kind in sorted(set(kinds) - set(there)) if strict else ():
        rule = f"{' and '.join(sorted(kinds))} needed"
        raise ClipError(f"no {kind}", f"streams found: {found}; {rule}; replace or remove it")
    return there


def _can_decode(streams: list) -> bool:
    return bool(streams) and streams[0].codec_context is not None


def timed_packets(container, *streams) -> Iterator[tuple[av.Packet, float]]:
    """Packets with content, and their decoding times; a file cut short ends where it is cut."""
    packets, time_s = container.demux(*streams), 0.0
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        ticks = packet.dts if packet.dts is not None else packet.pts
        time_s = time_s if ticks is None else float(ticks * packet.time_base)
        if packet.size:
            yield packet, time_s


def _check_decoded(audio: AudioTrack, packets: list[av.Packet]) -> None:
    remedy = "the file is empty or cut short; replace or remove it"
    if not audio.samples:
        raise ClipError("no audio", f"an audio stream without one decodable sample; {remedy}")
    if not packets:
        raise ClipError("no video", f"a video stream without one packet; {remedy}")


def _facts(container, audio: AudioTrack, video: av.VideoStream) -> dict[str, object]:
    """Container metadata: alone it predicts the class of half the published clips, so keep it."""
    codec, sound = video.codec_context, audio.stream.codec_context
    return {
        "duration_s": (container.duration or 0) / av.time_base or np.nan,
        "container": container.format.name,
        "encoder": container.metadata.get("encoder", ""),
        "video_codec": codec.name,
        "video_profile": str(codec.profile or ""),
        "fps": float(video.average_rate) if video.average_rate else np.nan,
        "width": codec.width,
        "height": codec.height,
        "video_bit_rate": video.bit_rate or codec.bit_rate,
        "audio_codec": sound.name,
        "audio_rate_hz": audio.sample_rate_hz,
        "audio_channels": len(sound.layout.channels),
        "audio_bit_rate": audio.stream.bit_rate or sound.bit_rate,
        "audio_start_s": audio.start_s,
    }
