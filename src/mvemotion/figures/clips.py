"""What one clip looks and sounds like."""

import numpy as np
from matplotlib.axes import Axes


def plot_filmstrip(frames: np.ndarray, *, ax: Axes, shown: int = 8, title: str = "") -> Axes:
    """Frames of one clip side by side, at equal intervals, first and last included.

    Parameters
    ----------
    frames : array of uint8, (H, W, T, 3)
        As the store holds a clip's ``video`` or ``face``.
    """
    rows, columns, count, _ = frames.shape
    chosen = np.linspace(0, count - 1, min(shown, count)).round().astype(int)
    strip = np.concatenate([frames[:, :, index] for index in chosen], axis=1)
    ax.imshow(strip, interpolation="nearest")
    ax.set_xticks(columns * (np.arange(len(chosen)) + 0.5), chosen + 1)
    ax.set_yticks([0, rows - 1], ["1", str(rows)])
    ax.set(xlabel=f"Frame (of {count})", ylabel="Row (pixels)", title=title)
    return ax


def plot_log_mel(music: np.ndarray, *, ax: Axes, duration_s: float, title: str = "") -> Axes:
    """Log-mel magnitude of one clip: channel 0 of a stored ``music`` array, float (2, M, L), dB."""
    level = np.asarray(music[0], dtype=np.float32)
    extent = (0, duration_s, 0.5, level.shape[0] + 0.5)
    style = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
    image = ax.imshow(level, extent=extent, **style)
    ax.figure.colorbar(image, ax=ax, label="Level (dB)")
    ax.set(xlabel="Time (s)", ylabel="Mel band", title=title)
    return ax
