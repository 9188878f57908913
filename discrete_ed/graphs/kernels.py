"""Kernels between rows of features: a distance, a bandwidth and a shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from discrete_ed.graphs.statistics import Floats


@dataclass(frozen=True)
class Kernel:
    """`k(x, y) = exp(−dist(x, y)² / 2σ²)` (`gaussian`) or `exp(−dist(x, y) / σ)` (`laplacian`) between feature rows.

    | distance | is the norm | of differences between |
    |---|---|---|
    | `tv` | L1, halved | rows |
    | `emd` | L1 | cumulative rows |
    | `cramer` | L2 | cumulative rows |
    | `l2` | L2 | rows |
    | `log` | L2 | logarithms of rows, `log(1 + x)` |

    The Laplacian kernel of each is positive definite; the Gaussian one only of the L2 norms, not of `tv` and `emd`.
    """

    distance: str
    sigma: float
    """bandwidth σ, in the unit of the distance"""
    bin_width: float = 1.0
    """distance between neighbouring bins, for `emd` and `cramer`"""
    shape: str = "gaussian"
    """`gaussian` or `laplacian`"""

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """`(m, K)` and `(n, K)` to `(m, n)`."""
        if self.distance in ("emd", "cramer"):  # integrals over the bins' axis
            x, y = x.cumsum(axis=1), y.cumsum(axis=1)
        elif self.distance == "log":
            x, y = np.log1p(x), np.log1p(y)
        distances = cdist(x, y, "cityblock" if self.distance in ("tv", "emd") else "euclidean")
        distances *= {"tv": 0.5, "emd": self.bin_width, "cramer": np.sqrt(self.bin_width)}.get(self.distance, 1.0)
        if self.shape == "laplacian":
            return np.exp(-distances / self.sigma)
        return np.exp(-(distances**2) / (2 * self.sigma**2))

    @property
    def positive_definite(self) -> bool:
        """Whether MMD is a distance under this kernel, never negative and zero only for equal mean features."""
        return self.shape == "laplacian" or self.distance not in ("tv", "emd")
