"""A recording of any length, read once, window by window, in memory that does not grow with it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from mvemotion.media.container import (
    AUDIO_MARGIN_S,
    INTERLEAVING_S,
    AudioTrack,
    find_streams,
    open_container,
    timed_packets,
)
from mvemotion.media.picture_times import (
    MiscountedError,
    PacketTimes,
    PictureTimes,
    times_by_decoding,
)

Choice = Callable[[int], Mapping[str, Iterable[int]]]
Converters = Mapping[str, Callable[[av.VideoFrame], object]]

BOTH = frozenset({"audio", "video"})


@dataclass(frozen=True)
class Excerpt:
    """What one window of a recording holds.

    Attributes
    ----------
    start_s : float
        Where the window begins, in seconds from the recording's start.
    waveform : np.ndarray
        Mono, float32 (n,); up to a quarter second longer than the window, shorter where the sound
        ends, empty without any.
    sample_rate_hz : int
        Of the waveform; 0 without any.
    pictures : dict
        For each kind of picture, what its converter made, by index within the window.
    available : int
        Pictures of the window that decode.
    times_s : np.ndarray
        float64 (available,), when each of them is shown, in seconds from the recording's start.
    """

    start_s: float
    waveform: np.ndarray
    sample_rate_hz: int
    pictures: dict[str, dict[int, object]]
    available: int
    times_s: np.ndarray


class Recording:
    """A media file of any length.

    Its packets are read once to know how long sound and pictures are, and when each picture is
    shown; nothing is decoded for that, unless the codec demands it.

    Parameters
    ----------
    path : Path
        Any container and codecs that FFmpeg reads.
    needed : set of str
        ``"audio"``, ``"video"`` or both.
    welcome : set of str
        What is read where it is there, and may be missing.

    Raises
    ------
    ClipError
        ``unreadable``, ``no audio`` or ``no video``.
    """

    def __init__(
        self, path: str | Path, *, needed: Set[str] = BOTH, welcome: Set[str] = frozenset()
    ):
        self.path = Path(path)
        self._needed, self._welcome = needed, welcome
        with open_container(self.path) as container:
            streams = self._find_streams(container)
            self._origin_s = (container.start_time or 0) / av.time_base
            self._times, self._sound_end_s = self._survey(container, streams)
        if self._times is None:
            self._count_pictures()

    @property
    def duration_s(self) -> float:
        """Seconds until all that is needed has ended."""
        ends_s = {"audio": self._sound_end_s, "video": self._times.end_s}
        return max(ends_s[kind] for kind in self._needed) - self._origin_s

    def read(
        self, starts_s: Sequence[float], length_s: float, *, choose: Choice, converters: Converters
    ) -> Iterator[Excerpt]:
        """Decode the file once, from its start to the end of the last window.

        Parameters
        ----------
        starts_s : sequence of float
            Where windows begin, in seconds from the recording's start; increasing.
        length_s : float
            Of each window.
        choose : callable
            From the count of a window's pictures to the indices wanted of each kind.
        converters : mapping
            For each kind, from a decoded picture to what is kept of it; called once a picture,
            however many windows show it.

        Yields
        ------
        Excerpt
            One a window, in their order, each as soon as it is complete.
        """
        pending = deque(float(start) for start in starts_s)
        while pending:
            reader = _Reader(self, length_s, choose, converters)
            try:
                yield from reader.read(pending)
            except MiscountedError:  # count by decoding, then go on with the pending windows
                self._count_pictures()

    def _find_streams(self, container) -> dict[str, av.AudioStream | av.VideoStream]:
        return find_streams(container, self._needed) | find_streams(
            container, self._welcome, strict=False
        )

    def _survey(self, container, streams: Mapping) -> tuple[PictureTimes | None, float]:
        """Times of the pictures (None: to be found by decoding), and when the sound ends."""
        video, packets, sound_end_s = streams.get("video"), PacketTimes(), -np.inf
        for packet, _ in timed_packets(container, *streams.values()):
            if packet.stream is video:
                packets.add(packet)
            elif packet.pts is not None:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                sound_end_s = max(sound_end_s, end_s)
        times = packets.display(video) if video else PictureTimes(np.zeros(0))
        return times, sound_end_s

    def _count_pictures(self) -> None:
        with open_container(self.path) as container:
            stream = find_streams(container, ("video",))["video"]
            packets = (packet for packet, _ in timed_packets(container, stream))
            self._times = times_by_decoding(packets, stream)


class _Reader:
    """One pass over the packets, for the windows that are still pending."""

    def __init__(self, recording: Recording, length_s: float, choose: Choice, converters):
        self._recording, self._length_s = recording, length_s
        self._times: PictureTimes = recording._times
        self._choose, self._converters = choose, converters
        self._kept: dict[str, dict[int, object]] = {kind: {} for kind in converters}
        self._wanted: dict[str, set[int]] = {kind: set() for kind in converters}
        self._audio: AudioTrack | None = None

    def read(self, pending: deque[float]) -> Iterator[Excerpt]:
        self._want(pending)
        with open_container(self._recording.path) as container:
            streams = self._recording._find_streams(container)
            if "audio" in streams:
                self._audio = AudioTrack(streams["audio"], np.inf, self._recording._origin_s)
            for time_s in self._feed(container, streams):
                while pending and self._is_complete(pending[0], time_s):
                    yield self._excerpt(pending.popleft())
                    self._forget(pending)
                if not pending:
                    return

    # --- Pictures ---------------------------------------------------------------------------------
    def _span(self, start_s: float) -> tuple[int, int]:
        origin_s = self._recording._origin_s
        begin_s = origin_s + start_s if start_s > 0 else -np.inf
        return self._times.span(begin_s, origin_s + (start_s + self._length_s))

    def _want(self, pending: Iterable[float]) -> None:
        for start_s in pending:
            first, end = self._span(start_s)
            chosen = self._choose(end - first) if end > first else {}
            for kind, indices in chosen.items():
                self._wanted[kind].update(first + int(index) for index in indices)

    def _feed(self, container, streams: Mapping) -> Iterator[float]:
        """Decode packet by packet; yields how far, in seconds, and at last infinity."""
        pictures = self._times.decoder(streams.get("video"), set().union(*self._wanted.values()))
        origin_s = self._recording._origin_s
        for packet, time_s in timed_packets(container, *streams.values()):
            if packet.stream is streams.get("audio"):
                self._audio.feed(packet)
            else:
                self._keep(pictures.feed(packet))
            yield time_s - origin_s - INTERLEAVING_S
        if self._audio:
            self._audio.feed(None)
        self._keep(pictures.feed(None))
        yield np.inf

    def _keep(self, pictures: Iterable[tuple[int, av.VideoFrame]]) -> None:
        for index, frame in pictures:
            for kind, convert in self._converters.items():
                if index in self._wanted[kind]:
                    self._kept[kind][index] = convert(frame)

    # --- Windows ----------------------------------------------------------------------------------
    def _is_complete(self, start_s: float, passed_s: float) -> bool:
        """Whether a window has all that will come of it; `passed_s` is surely behind us."""
        end_s = start_s + self._length_s
        has_pictures = self._has_pictures(start_s)
        if has_pictures and (not self._audio or self._has_samples_until(end_s + AUDIO_MARGIN_S)):
            return True
        if passed_s < end_s + AUDIO_MARGIN_S:
            return False
        if not has_pictures and not self._times.is_counted:
            raise MiscountedError
        return True

    def _has_pictures(self, start_s: float) -> bool:
        first, end = self._span(start_s)
        missing = (
            index
            for kind, indices in self._chosen(start_s).items()
            for index in indices
            if first + int(index) not in self._kept[kind]
        )
        return end == first or next(missing, None) is None

    def _chosen(self, start_s: float) -> Mapping[str, Iterable[int]]:
        first, end = self._span(start_s)
        return self._choose(end - first) if end > first else {}

    def _has_samples_until(self, time_s: float) -> bool:
        track = self._audio
        return bool(track.samples) and track.end >= time_s * track.sample_rate_hz

    def _excerpt(self, start_s: float) -> Excerpt:
        first, end = self._span(start_s)
        pictures = {
            kind: {
                int(index): self._kept[kind][first + int(index)]
                for index in indices
                if first + int(index) in self._kept[kind]
            }
            for kind, indices in self._chosen(start_s).items()
        }
        rate_hz = self._audio.sample_rate_hz if self._audio else 0
        times_s = self._times.times_s[first:end] - self._recording._origin_s
        return Excerpt(start_s, self._waveform(start_s), rate_hz, pictures, end - first, times_s)

    def _waveform(self, start_s: float) -> np.ndarray:
        if not self._audio or not self._audio.samples:
            return np.zeros(0, np.float32)
        rate_hz = self._audio.sample_rate_hz
        count = round((self._length_s + AUDIO_MARGIN_S) * rate_hz)
        return self._audio.stretch(round(start_s * rate_hz), count)

    def _forget(self, pending: deque[float]) -> None:
        """Drop what no pending window needs."""
        if not pending:
            return
        first, _ = self._span(pending[0])
        for kept in self._kept.values():
            for index in [index for index in kept if index < first]:
                del kept[index]
        if self._audio:
            self._audio.forget(round(pending[0] * self._audio.sample_rate_hz))
