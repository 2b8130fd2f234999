"""Colour grading: what brings a painted scene to a clip's brightness, saturation and warmth."""

from dataclasses import dataclass

import numpy as np

from mvemotion.data.synthetic.factors import Factors

LUMA_256 = np.array((77, 150, 29))  # Rec. 601 weights of red, green and blue


@dataclass(frozen=True)
class Grade:
    """A tone curve, then a mix of the channels, in whole numbers."""

    curve: np.ndarray  # uint8 (256,)
    matrix_256: np.ndarray  # int32 (3, 3), from old channels (rows) to new ones

    def apply(self, colours: np.ndarray) -> np.ndarray:
        """Grade RGB colours, uint8 (..., 3); returns a new array."""
        toned = self.curve[colours].astype(np.int32)
        return np.clip((toned @ self.matrix_256 + 128) >> 8, 0, 255).astype(np.uint8)


def fit_grade(sample: np.ndarray, factors: Factors) -> Grade:
    """The grade that gives `sample`, uint8 (H, W, 3), the mean luma `brightness`."""
    counts = np.bincount(((sample @ LUMA_256) >> 8).ravel(), minlength=256)
    levels = np.arange(256) / 255
    gammas = np.geomspace(0.25, 6, 60)
    means = np.array([counts @ levels**gamma for gamma in gammas]) / counts.sum()
    gamma = gammas[int(np.argmin(np.abs(means - factors.brightness)))]
    curve = np.round(255 * levels**gamma).astype(np.uint8)
    return Grade(curve, np.round(256 * _mix(factors)).astype(np.int32))


def _mix(factors: Factors) -> np.ndarray:
    """Towards grey (saturation below 1) or away from it, then warm or cold light."""
    grey = np.tile(LUMA_256[:, None] / 256, (1, 3))
    mix = factors.saturation * np.eye(3) + (1 - factors.saturation) * grey
    return mix * (1 + 0.14 * factors.warmth, 1.0, 1 - 0.18 * factors.warmth)
