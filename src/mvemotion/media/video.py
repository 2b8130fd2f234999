"""Exact pictures of a clip, decoding no more than they need (Section 3, Figure 1)."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from mvemotion.errors import ClipError
from mvemotion.media.bars import Bars

Converted = TypeVar("Converted")

# AREA averages every source pixel (FAST_BILINEAR aliases); the flags make it exact on every CPU.
SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
SKIPPABLE = ("h264", "hevc", "mpeg4")  # decoders whose pictures are the same with others skipped
PLANAR_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


class VideoTrack:
    """The pictures of one clip, addressed by display order over those that decode.

    A picture's index is its rank among the presentation times of the packets: decoding is not
    needed to know it, so packets that no wanted picture depends on are never decoded. Where a
    packet turns out not to decode, the index is counted again by decoding everything.

    Parameters
    ----------
    packets : list of av.Packet
        Video packets in decoding order.
    codec : av.VideoCodecContext
        Their decoder.
    end_s : float
        Presentation time at which the clip ends; later pictures are not part of it.
    """

    def __init__(self, packets: list[av.Packet], codec: av.VideoCodecContext, end_s: float):
        self._packets = packets
        self._codec = codec
        self._time_base = packets[0].time_base  # pictures out of a flushed decoder have none
        self._end_s = end_s
        self._codec.thread_type = "NONE"  # threads hold pictures back, and clips run in parallel
        shown = [p for p in packets if not p.is_discard and p.pts is not None and self._is_in(p)]
        self._display = sorted(p.pts for p in shown)
        self._times_s = [float(pts * self._time_base) for pts in self._display]
        is_timed = all(p.pts is not None for p in packets)
        is_unique = len(set(self._display)) == len(self._display)
        self._is_indexed = codec.name in SKIPPABLE and is_timed and is_unique
        if not self._is_indexed:
            self._count_by_decoding()

    def __len__(self) -> int:
        """Count of pictures that decode within the clip."""
        return len(self._times_s)

    @property
    def start_s(self) -> float:
        """Presentation time of the first picture: often later than the audio's."""
        return self._times_s[0] if self._times_s else np.nan

    @property
    def span_s(self) -> float:
        """Seconds from the first picture to the end of the last."""
        times = self._times_s
        if len(times) < 2:
            return 0.0
        return (times[-1] - times[0]) * len(times) / (len(times) - 1)

    @property
    def keyframes(self) -> int:
        """Count of keyframes within the clip."""
        return sum(p.is_keyframe for p in self._packets if p.pts is None or self._is_in(p))

    def read(
        self,
        choose: Callable[[int], Iterable[int]],
        convert: Callable[[int, av.VideoFrame], Converted],
    ) -> dict[int, Converted]:
        """Convert chosen pictures.

        Parameters
        ----------
        choose : callable
            From the count of pictures to the indices wanted.
        convert : callable
            From an index and a decoded picture to what is kept of it. Called once a picture,
            again from the start if the count turned out to be wrong.

        Returns
        -------
        dict
            What `convert` returned, by index in display order.

        Raises
        ------
        ClipError
            ``no video`` if no picture decodes.
        """
        if not len(self):
            raise ClipError("no video", "no picture of it decodes; replace or remove it")
        wanted = {int(index) for index in choose(len(self))}
        converted = {index: convert(index, frame) for index, frame in self._pictures(wanted)}
        if self._is_indexed and converted.keys() != wanted:
            self._count_by_decoding()
            return self.read(choose, convert)
        return dict(sorted(converted.items()))

    def _pictures(self, wanted: set[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        if not self._is_indexed:
            yield from ((i, f) for i, f in enumerate(self._decode_all()) if i in wanted)
            return
        index = {self._display[i]: i for i in wanted}
        for frame in self._decode_needed(index):
            if frame.pts in index:
                yield index[frame.pts], frame

    def _decode_needed(self, wanted_pts: Iterable[int]) -> Iterator[av.VideoFrame]:
        """Decode wanted pictures and their references only; nothing more after a failure."""
        for group in closed_groups(self._packets):
            needed = [i for i, packet in enumerate(group) if packet.pts in wanted_pts]
            if not needed:
                continue
            try:
                yield from self._decode_group(group[: needed[-1] + 1], wanted_pts)
            except av.FFmpegError:
                return

    def _decode_group(self, group, wanted_pts) -> Iterator[av.VideoFrame]:
        for packet in group:
            # A picture that no other refers to is skipped; the others are what decoding rests on.
            self._codec.skip_frame = "DEFAULT" if packet.pts in wanted_pts else "NONREF"
            yield from self._codec.decode(packet)
        self._codec.skip_frame = "DEFAULT"
        yield from self._codec.decode(None)
        self._codec.flush_buffers()

    def _decode_all(self) -> Iterator[av.VideoFrame]:
        """Every picture of the clip that decodes, in display order."""
        self._codec.flush_buffers()
        self._codec.skip_frame = "DEFAULT"
        for packet in [*self._packets, None]:
            try:
                frames = self._codec.decode(packet)
            except av.FFmpegError:
                continue  # what a sequential reader would not show either
            yield from (frame for frame in frames if self._is_in(frame))
        self._codec.flush_buffers()

    def _count_by_decoding(self) -> None:
        self._is_indexed = False
        step_s = float(1 / (self._codec.framerate or 25))  # only for containers without times
        self._times_s = [
            i * step_s if frame.pts is None else float(frame.pts * self._time_base)
            for i, frame in enumerate(self._decode_all())
        ]

    def _is_in(self, timed: av.Packet | av.VideoFrame) -> bool:
        return timed.pts is None or float(timed.pts * self._time_base) < self._end_s


def closed_groups(packets: list[av.Packet]) -> list[list[av.Packet]]:
    """Split packets, in decoding order, into the groups that `cut_positions` finds."""
    ticks = np.array([p.pts for p in packets])
    cuts = cut_positions(ticks, np.array([p.is_keyframe for p in packets])).tolist()
    return [packets[a:b] for a, b in zip(cuts, [*cuts[1:], len(packets)], strict=True)]


def cut_positions(ticks: np.ndarray, is_keyframe: np.ndarray) -> np.ndarray:
    """Where packets can be parted so that no picture refers to one on the other side.

    That is at a keyframe shown after all before it and before all after it. An open group of
    pictures, whose leading pictures also refer to the previous group, stays with it.

    Parameters
    ----------
    ticks : np.ndarray
        int (P,), presentation times in decoding order.
    is_keyframe : np.ndarray
        bool (P,).

    Returns
    -------
    np.ndarray
        Positions at which groups begin, the first of them 0.
    """
    latest = np.maximum.accumulate(ticks)  # up to each packet
    earliest = np.minimum.accumulate(ticks[::-1])[::-1]  # from each packet on
    keys = np.flatnonzero(is_keyframe)
    keys = keys[keys > 0]
    is_closed = (latest[keys - 1] < ticks[keys]) & (ticks[keys] == earliest[keys])
    return np.concatenate([[0], keys[is_closed]])


class PictureConverter:
    """Decoded pictures to arrays, upright, with one scaler for all (assumption 2)."""

    def __init__(self):
        self._scaler = VideoReformatter()
        self._recolourer = VideoReformatter()

    def squash(self, frame: av.VideoFrame, size: int) -> np.ndarray:
        """The whole picture scaled to a square whatever its shape: uint8 RGB (size, size, 3)."""
        scaled = self._scaler.reformat(
            frame, width=size, height=size, format="rgb24", interpolation=SCALING, threads=1
        )
        return upright(scaled.to_ndarray(), frame.rotation)

    def squash_inside(self, frame: av.VideoFrame, size: int, bars: Bars) -> np.ndarray:
        """The picture between black bars, scaled as by `squash`."""
        if bars.is_none:
            return self.squash(frame, size)
        inside = np.ascontiguousarray(bars.crop(self.full(frame)))
        return self.squash(av.VideoFrame.from_ndarray(inside, format="rgb24"), size)

    def shrink(self, frame: av.VideoFrame, width: int) -> np.ndarray:
        """The whole picture at `width` pixels before it is turned upright: uint8 RGB (H, W, 3)."""
        height = max(round(frame.height * width / frame.width), 1)
        scaled = frame.reformat(width, height, "rgb24", interpolation=SCALING, threads=1)
        return upright(scaled.to_ndarray(), frame.rotation)

    def full(self, frame: av.VideoFrame) -> np.ndarray:
        """The picture at its own size: uint8 RGB (H, W, 3)."""
        coloured = self._recolourer.reformat(frame, format="rgb24", threads=1)
        return upright(coloured.to_ndarray(), frame.rotation)

    def luma(self, frame: av.VideoFrame) -> np.ndarray:
        """Brightness at the picture's own size: uint8 (H, W)."""
        if frame.format.name not in PLANAR_LUMA:
            frame = frame.reformat(format="gray", threads=1)
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return upright(rows[: frame.height, : frame.width], frame.rotation)


def upright(picture: np.ndarray, rotation: int) -> np.ndarray:
    """Turn by the container's display rotation, degrees counterclockwise, in quarter turns."""
    return np.ascontiguousarray(np.rot90(picture, round(rotation / 90) % 4))
