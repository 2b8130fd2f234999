"""Files from strangers: how they come in, what they are called, and whether they are let in."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import av

from mvemotion.demo.jobs import in_words
from mvemotion.errors import ClipError
from mvemotion.figures.style import short_name
from mvemotion.prediction import Predictor

MB = 1_000_000
SPARE_MB = 200  # left free on the disk, whatever is uploaded
PATIENCE_S = 60.0  # for the next bytes of an upload
LONGEST_NAME = 120

# Demuxers of files that hold their pictures and sound themselves. Playlists (HLS, DASH, ffconcat,
# SDP) name other files, of this computer or of its network, and are not let in.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,live_flv,asf,ogg,wav,"
    "w64,mp3,flac,aac,ac3,aiff,au,caf,amr,mxf,dv,rm,nut,gif,h264,hevc,m4v,ivf"
)
MEDIA_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/webm",
    "ogg": "video/ogg",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aac": "audio/aac",
}


class RefusedError(Exception):
    """A request that is not granted.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
        What was found, the rule, and the next step.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """What one server takes on, and how long it keeps it."""

    upload_mb: int = 500
    minutes: float = 20.0  # of a recording
    waiting: int = 20  # jobs and uploads at a time
    kept: int = 30  # results
    kept_mb: int = 3000  # of them and their recordings
    kept_s: float = 6 * 3600.0  # since somebody last looked
    silence_s: float = 180.0  # without a question, a page is closed; hidden ones ask each minute


DEFAULT_LIMITS = Limits()


async def receive(
    chunks: AsyncIterator[bytes], path: Path, limits: Limits, *, announced: int | None
) -> None:
    """Stream an upload to a file.

    Parameters
    ----------
    chunks : async iterator of bytes
    path : Path
    limits : Limits
    announced : int or None
        Bytes that the request says it has.

    Raises
    ------
    RefusedError
        413 if it is too large, 408 if it stalls, 507 if the disk is full, 400 if it is empty or
        shorter than announced.
    """
    _check_size(announced or 0, limits)
    _check_disk(path.parent, announced or 0)
    try:
        received = await _write(chunks, path, limits)
    except TimeoutError as error:
        raise RefusedError(408, f"nothing came for {PATIENCE_S:g} s; send it again") from error
    except OSError as error:
        raise RefusedError(507, in_words(error)) from error
    if not received:
        raise RefusedError(400, "the file is empty; choose another one")
    if announced is not None and received != announced:
        raise RefusedError(400, f"{received} of {announced} bytes came; send it again")


async def _write(chunks: AsyncIterator[bytes], path: Path, limits: Limits) -> int:
    received = 0
    async with await anyio.open_file(path, "wb") as file:
        while True:
            with anyio.fail_after(PATIENCE_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                return received
            received += len(chunk)
            _check_size(received, limits)
            await file.write(chunk)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.upload_mb * MB:
        raise RefusedError(
            413,
            f"the file has more than {limits.upload_mb} MB; cut or compress it, or start the "
            "demo with --max-upload-mb",
        )


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_MB * MB:
        raise RefusedError(
            507,
            f"{free / MB:.0f} MB are free on the disk of the computer that runs this page, "
            f"{needed / MB + SPARE_MB:.0f} MB needed; free some space, try again",
        )


def shown_name(name: str) -> str:
    """What an upload is called on the page and in results; never part of a path here.

    Examples
    --------
    >>> shown_name("../../etc/My clip (1).mp4")
    'My clip (1).mp4'
    >>> shown_name("C:\\\\Videos\\\\song.avi")
    'song.avi'
    >>> shown_name("..")
    'recording'
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = short_name(last, LONGEST_NAME)
    return visible if visible.strip(". ") else "recording"


def check_recording(path: Path, predictor: Predictor, minutes: float) -> str:
    """Whether a file can be analysed; returns its media type.

    Raises
    ------
    ClipError
        If it cannot be read, is a playlist, lacks what the network needs, or is too long.
    """
    media_type = _media_type(path)
    duration_s = predictor.open(path).duration_s
    if duration_s > 60 * minutes:
        raise ClipError(
            "too long",
            f"{duration_s / 60:.1f} minutes, at most {minutes:g} are analysed here; cut it, start "
            "the demo with --max-minutes, or use mvemotion predict",
        )
    return media_type


def _media_type(path: Path) -> str:
    try:
        with av.open(str(path), container_options={"format_whitelist": FORMATS}) as container:
            return MEDIA_TYPES.get(container.format.name, "application/octet-stream")
    except av.error.ArgumentError as error:
        raise ClipError(
            "unreadable",
            "not a file that holds pictures and sound itself (a playlist names other files); "
            "choose a video, such as an .mp4",
        ) from error
    except av.FFmpegError:
        return ""  # what is wrong with it, `Predictor.open` says
