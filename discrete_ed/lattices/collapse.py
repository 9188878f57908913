"""The Binder cumulants of several sizes around the critical temperature, fitted together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import chdtrc

Array = NDArray[np.float64]

MOST = 60  # steps of the fit; good ones need about ten
DEGREE = 4
"""degree of the polynomials through curves"""


class Collapse:
    """The cumulants of all sizes, fitted together: `U_L(T) = f(a_L (T − T_c)) + c (L/L_min)^−ω`.

    Args:
        temperatures: ascending.
        curves: values and errors, `(2, L, T)`.
        omega: `ω`; None leaves out the correction.
        start: a temperature near `T_c`.
    """

    def __init__(self, temperatures: Array, sizes: Sequence[int], curves: Array, omega: float | None, start: float):
        self.t, self.value = temperatures, curves[0]
        spread = np.ptp(self.value)
        self.error = np.maximum(curves[1], 1e-4 * spread + 1e-12)
        self.falls = None if omega is None else (np.array(sizes, float) / sizes[0]) ** -omega
        self.width, self.slope = np.ptp(temperatures) / 2, spread / np.ptp(temperatures)
        self.start = start
        self.degree = min(DEGREE, len(temperatures) - 1)
        logs = np.log(np.array(sizes, float) / sizes[-1])  # slopes start as if ν = 1
        level = float(np.mean([np.interp(start, temperatures, row) for row in self.value]))
        first = np.concatenate([[0.0, level, 0.0], logs, np.zeros(self.degree - 1)])
        self.free = np.flatnonzero(np.r_[True, True, self.falls is not None, np.ones(len(first) - 3, bool)])
        self.first = first
        fit = least_squares(self._misfit, first[self.free], x_scale="jac", max_nfev=MOST)
        self.found, self.jacobian = fit.x, fit.jac
        freedom = max(1, self.value.size - len(self.free))
        self.chance = float(chdtrc(freedom, 2 * fit.cost))
        """probability of so large a misfit, if the errors are right and the fit is"""
        self.excess = max(1.0, float(np.sqrt(2 * fit.cost / freedom)))
        """how much larger the misfit is than the errors"""

    def _misfit(self, free: Array) -> Array:
        parameters = self.first.copy()
        parameters[self.free] = free
        shift, level, correction = parameters[:3]
        logs, shape = np.split(parameters[3:], [len(self.value)])
        x = np.exp(logs)[:, None] * ((self.t - self.start) / self.width - shift)
        fitted = level - self.slope * self.width * np.polyval([*shape[::-1], 1.0, 0.0], x)
        if self.falls is not None:
            fitted += (correction * self.falls)[:, None]
        return np.asarray(((self.value - fitted) / self.error).ravel())

    def resampled(self, noise: Array) -> dict[str, Array]:
        """The parameters for curves with further noise `(n, L, T)`, in units of the errors, to first order."""
        moved = self.found - (np.linalg.pinv(self.jacobian) @ noise.reshape(len(noise), -1).T).T
        parameters = np.tile(self.first, (len(noise), 1))
        parameters[:, self.free] = moved
        return {
            "critical": self.start + self.width * parameters[:, 0],
            "binder": parameters[:, 1],
            "correction": parameters[:, 2],
            "slopes": np.exp(parameters[:, 3 : 3 + len(self.value)].T),
        }
