"""A trained network on recordings of any length: emotion over time (Figure 7)."""

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate
from tqdm import tqdm

from mvemotion.data.batches import InputPipeline
from mvemotion.data.window_inputs import TAIL_S, Window, read_window
from mvemotion.data.window_pictures import WindowPictures
from mvemotion.devices import open_fabric
from mvemotion.errors import DataError, InputError
from mvemotion.layers import channels_last_
from mvemotion.media.windows import Recording
from mvemotion.paths import shipped_weights
from mvemotion.runs import TrainedNetwork, load_weights
from mvemotion.specs import EMOTIONS, STREAMS
from mvemotion.timeline import Timeline, window_starts

SHIPPED_NOTICE = (
    "no weights given: those of the package are used, which learned from synthetic clips only; "
    "on real videos the answers are arbitrary; name a run or a file for real use"
)


def predict(
    path: str | Path,
    weights: str | Path | TrainedNetwork | None = None,
    *,
    hop_s: float = 5.0,
    device: str = "auto",
    batch_size: int = 4,
    abstain_below: float = 0.0,
    temperature: float = 1.0,
) -> Timeline:
    """Emotion over time in one recording; for several, `Predictor` loads the network once.

    Parameters
    ----------
    path : str or Path
        Anything that FFmpeg reads, of any length; for music networks also sound alone.
    weights : str, Path or TrainedNetwork, optional
        A weights file, or the folder of a run; if not given, those that come with the package,
        with a warning, for they are not for real use.
    hop_s : float
        Seconds from one window to the next.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    batch_size, abstain_below, temperature
        As for `Predictor`.

    Returns
    -------
    Timeline
        Its first window equals what `evaluate` says of the same 30 s as a clip.

    Raises
    ------
    ClipError
        If the file cannot be read, or lacks the sound or pictures that the network needs.
    InputError
        If an option does not fit.
    DataError
        If the weights do not.

    Examples
    --------
    >>> timeline = predict("video.mp4", "runs/music_a2")  # doctest: +SKIP
    >>> timeline.to_frame()[["start_s", "emotion"]]  # doctest: +SKIP
    """
    if weights is None:
        warnings.warn(SHIPPED_NOTICE, stacklevel=2)
        weights = shipped_weights()
    options = {"abstain_below": abstain_below, "temperature": temperature}
    predictor = Predictor(weights, device=device, batch_size=batch_size, **options)
    return predictor.predict(path, hop_s=hop_s)


class Predictor:
    """A trained network, ready for recordings.

    Parameters
    ----------
    weights : str, Path or TrainedNetwork
        A weights file, or the folder of a run.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    batch_size : int
        Windows at a time.
    faces, detector : str
        In which pictures of a window faces are searched and with what, as in `prepare`; as in the
        clips that the network learned from, if not given.
    abstain_below : float
        The least probability that names an emotion, from 0 to 1.
    temperature : float
        What the logits are divided by: `mvemotion.temperature.read_temperature` knows it.

    Raises
    ------
    InputError
        If an option does not fit.
    DataError
        If the weights do not.
    """

    def __init__(
        self,
        weights: str | Path | TrainedNetwork,
        *,
        device: str = "auto",
        batch_size: int = 4,
        faces: str | None = None,
        detector: str | None = None,
        abstain_below: float = 0.0,
        temperature: float = 1.0,
    ):
        if not 0 <= abstain_below <= 1:
            raise InputError(f"abstain below {abstain_below}: a probability from 0 to 1 is needed")
        if not 0 < temperature < math.inf:
            raise InputError(f"temperature {temperature}: must be finite, and more than 0")
        trained, self.weights_sha256 = _load(weights)
        self.trained = _check_statistics(trained)
        self._fabric = open_fabric(device)
        self.network = self._fabric.to_device(channels_last_(trained.network)).eval()
        streams = self.network.streams
        self._pipeline = InputPipeline(streams, trained.clip_format, trained.statistics)
        self._arrays = {STREAMS[name].array for name in streams}
        self.abstain_below, self.temperature = abstain_below, temperature
        self._batch_size = batch_size
        prepared = {"faces": "sampled", "detector": "coarse"} | trained.preparation
        self._pictures = WindowPictures(
            self._arrays,
            trained.clip_format,
            faces=faces or prepared["faces"],
            detector=detector or prepared["detector"],
            crop_bars=bool(prepared.get("crop_bars")),
        )

    def open(self, path: str | Path) -> Recording:
        """A recording that has what the network needs; nothing is decoded yet.

        Raises
        ------
        ClipError
            If the file cannot be read, or lacks the sound or pictures.
        """
        needs = {"video" if name in ("video", "face") else "audio" for name in self._arrays}
        return Recording(path, needed=needs, welcome={"video"})

    def predict(
        self,
        path: str | Path,
        *,
        hop_s: float = 5.0,
        progress: bool = False,
        on_window: Callable[[int, int], object] | None = None,
    ) -> Timeline:
        """Emotion over time in one recording; see `predict`.

        Parameters
        ----------
        path : str or Path
        hop_s : float
            Seconds from one window to the next.
        progress : bool
            Show a progress bar.
        on_window : callable, optional
            Called after each window is answered: ``on_window(answered, windows)``. What it raises
            ends the prediction.
        """
        recording = self.open(path)
        window_s = self.trained.clip_format.duration_s
        starts = window_starts(recording.duration_s, window_s, hop_s, tail_s=TAIL_S)
        windows, shown = self.windows(recording, starts), None if progress else True
        bar = tqdm(windows, total=len(starts), desc=recording.path.name, disable=shown)
        answers = []
        for answer in self._answers(bar):
            answers.append(answer)
            if on_window:
                on_window(len(answers), len(starts))
        logits, notes, thumbnails = zip(*answers, strict=True)
        return Timeline(
            source=Path(path).name.encode(errors="replace").decode(),  # names need not be UTF-8
            network=self.trained.network_id,
            duration_s=recording.duration_s,
            window_s=window_s,
            starts_s=np.array(starts),
            logits=np.stack(logits),
            notes=notes,
            thumbnails=thumbnails,
            abstain_below=self.abstain_below,
            temperature=self.temperature,
            weights_sha256=self.weights_sha256,
        )

    def windows(self, recording: Recording, starts_s: Sequence[float]) -> Iterator[Window]:
        """What the windows that begin at these seconds hold, in one pass over the recording."""
        window_s = self.trained.clip_format.duration_s
        whole = window_starts(recording.duration_s, window_s, window_s, tail_s=TAIL_S)
        self._pictures.prepare(recording, whole)  # whichever windows are wanted
        excerpts = recording.read(
            starts_s,
            window_s,
            choose=self._pictures.choose,
            converters=self._pictures.converters,
        )
        clip_format = self.trained.clip_format
        return (read_window(excerpt, self._arrays, clip_format) for excerpt in excerpts)

    def inputs(self, windows: Sequence[Window]) -> dict[str, Tensor]:
        """{stream: standardised (B, C, ...)}, on the network's device, of windows with items."""
        batch = default_collate([window.item for window in windows])
        return self._pipeline(self._fabric.to_device(batch))

    def _answers(self, windows: Iterable[Window]) -> Iterator[tuple[np.ndarray, str, np.ndarray]]:
        """Logits, note and thumbnail of each window, some windows at a time."""
        waiting: list[Window] = []
        for window in windows:
            waiting.append(window)
            if len(waiting) == self._batch_size:
                yield from self._answer(waiting)
                waiting = []
        yield from self._answer(waiting)

    @torch.no_grad()
    def _answer(self, windows: list[Window]) -> Iterator[tuple[np.ndarray, str, np.ndarray]]:
        whole = [window for window in windows if window.item]
        logits = iter(())
        if whole:
            logits = iter(self.network(self.inputs(whole)).double().cpu().numpy())
        unknown = np.full(len(EMOTIONS), np.nan)
        for window in windows:
            yield next(logits) if window.item else unknown, window.note, window.thumbnail


def _load(weights: str | Path | TrainedNetwork) -> tuple[TrainedNetwork, str]:
    """The network, and the SHA-256 of its file if it is from one."""
    if isinstance(weights, TrainedNetwork):
        return weights, ""
    path = Path(weights)
    path = path / "weights.safetensors" if path.is_dir() else path
    trained = load_weights(path)
    with path.open("rb") as file:
        return trained, hashlib.file_digest(file, "sha256").hexdigest()


def _check_statistics(trained: TrainedNetwork) -> TrainedNetwork:
    needed = {STREAMS[name].array for name in trained.network.streams}
    missing = sorted(needed - set(trained.statistics))
    if missing:
        raise DataError(
            f"weights of {trained.network_id}: no mean and deviation of {', '.join(missing)}; a "
            "recording is standardised with those of the training clips, so give them: "
            "mvemotion import-keras --statistics-from STORE"
        )
    return trained
