"""When each picture of a long recording is shown, and a decoder that makes only wanted ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import av
import numpy as np

from mvemotion.media.video import SKIPPABLE, cut_positions


class MiscountedError(Exception):
    """A picture that its packet promised did not decode; count by decoding instead."""


@dataclass(frozen=True)
class PictureTimes:
    """Presentation times of a recording's pictures, in display order.

    Attributes
    ----------
    times_s : np.ndarray
        float64 (N,), increasing, in the container's own time.
    packets : np.ndarray or None
        int64 (P,), presentation ticks of the packets in decoding order; None where pictures have
        to be counted by decoding.
    display : np.ndarray or None
        int64 (N,), presentation ticks in display order.
    """

    times_s: np.ndarray
    packets: np.ndarray | None = None
    display: np.ndarray | None = None
    cuts: np.ndarray | None = None  # positions of the packets that begin a closed group

    @property
    def is_counted(self) -> bool:
        """Whether every picture is known to decode."""
        return self.packets is None

    @property
    def end_s(self) -> float:
        """End of the last picture, minus infinity without any."""
        if not len(self.times_s):
            return -np.inf
        span_s = self.times_s[-1] - self.times_s[0]
        return float(self.times_s[-1] + span_s / max(len(self.times_s) - 1, 1))

    def span(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Index of the first picture shown from `start_s` on, and of the first from `end_s` on."""
        first, end = np.searchsorted(self.times_s, [start_s, end_s])
        return int(first), int(end)

    def decoder(self, stream: av.VideoStream | None, wanted: set[int]) -> "PlainDecoder":
        """A decoder of the wanted pictures, by index; to be fed every packet of the stream."""
        if stream is None:
            return NoDecoder()
        stream.codec_context.thread_type = "NONE"
        if self.packets is None:
            return PlainDecoder(stream.codec_context)
        return SkippingDecoder(stream.codec_context, self, wanted)


class NoDecoder:
    """Stands for pictures where there are none."""

    def feed(self, packet: av.Packet | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """Nothing."""
        return iter(())


class PlainDecoder:
    """Decodes everything, and counts what comes."""

    def __init__(self, codec: av.VideoCodecContext):
        self._codec = codec
        self._count = 0

    def feed(self, packet: av.Packet | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """Index and picture of all that one packet (None: the end) completes."""
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            return  # what a sequential reader would not show either
        for frame in frames:
            yield self._count, frame
            self._count += 1


class SkippingDecoder:
    """Decodes wanted pictures and what they refer to, as `VideoTrack` does for a single clip."""

    def __init__(self, codec: av.VideoCodecContext, times: PictureTimes, wanted: set[int]):
        self._codec = codec
        self._index = {int(times.display[i]): i for i in wanted}
        self._is_wanted = np.isin(times.packets, list(self._index))
        self._group_ends = _group_ends(self._is_wanted, times.cuts)
        self._position = -1

    def feed(self, packet: av.Packet | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """Index and picture of the wanted ones that one packet completes."""
        self._position += 1
        if packet is None or self._position > self._group_ends[self._position]:
            return
        try:
            yield from self._decode(packet)
        except av.FFmpegError as error:
            raise MiscountedError from error

    def _decode(self, packet: av.Packet) -> Iterator[tuple[int, av.VideoFrame]]:
        is_wanted = self._is_wanted[self._position]
        # A picture that no other refers to is skipped; the others are what decoding rests on.
        self._codec.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        yield from self._chosen(self._codec.decode(packet))
        if self._position == self._group_ends[self._position]:
            self._codec.skip_frame = "DEFAULT"
            yield from self._chosen(self._codec.decode(None))
            self._codec.flush_buffers()

    def _chosen(self, frames) -> Iterator[tuple[int, av.VideoFrame]]:
        return ((self._index[frame.pts], frame) for frame in frames if frame.pts in self._index)


@dataclass
class PacketTimes:
    """Times of a stream's packets in decoding order, without their content."""

    ticks: list[int | None] = field(default_factory=list)
    is_keyframe: list[bool] = field(default_factory=list)
    is_discard: list[bool] = field(default_factory=list)

    def add(self, packet: av.Packet) -> None:
        """Note one packet."""
        self.ticks.append(packet.pts)
        self.is_keyframe.append(packet.is_keyframe)
        self.is_discard.append(packet.is_discard)

    def display(self, stream: av.VideoStream) -> PictureTimes | None:
        """Display times without decoding, None where packets cannot tell them."""
        if stream.codec_context.name not in SKIPPABLE or not self.ticks or None in self.ticks:
            return None
        ticks = np.array(self.ticks)
        shown = np.sort(ticks[~np.array(self.is_discard)])
        if (np.diff(shown) == 0).any():
            return None
        times_s = np.array([float(tick * stream.time_base) for tick in shown.tolist()])
        return PictureTimes(times_s, ticks, shown, cut_positions(ticks, np.array(self.is_keyframe)))


def times_by_decoding(packets: Iterable[av.Packet], stream: av.VideoStream) -> PictureTimes:
    """Display times of all pictures that decode, found by decoding them."""
    codec, times_s = stream.codec_context, []
    codec.thread_type = "NONE"
    rate = stream.average_rate or codec.framerate or 25  # the codec's own may be its clock's
    step_s = float(1 / rate)  # only for containers without times
    decoder = PlainDecoder(codec)
    for packet in chain(packets, [None]):
        for index, frame in decoder.feed(packet):
            is_timed = frame.pts is not None
            times_s.append(float(frame.pts * stream.time_base) if is_timed else index * step_s)
    return PictureTimes(np.maximum.accumulate(np.array(times_s)) if times_s else np.zeros(0))


def _group_ends(is_wanted: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """For each packet, the last wanted one of its closed group; -1 if there is none."""
    ends = np.full(len(is_wanted), -1)
    for start, end in zip(cuts, [*cuts[1:], len(is_wanted)], strict=True):
        wanted = np.flatnonzero(is_wanted[start:end])
        ends[start:end] = start + wanted[-1] if len(wanted) else -1
    return ends
