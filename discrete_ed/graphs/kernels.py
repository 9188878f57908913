"""Kernels between rows of features: a distance, a bandwidth and a shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from discrete_ed.graphs.statistics import Floats


@dataclass(frozen=True)
class FeatureKernel:
    """`k(x, y) = exp(−dist(x, y)² / 2σ²)` (`gaussian`) or `exp(−dist(x, y) / σ)` (`laplacian`) between feature rows.

    | distance | is the norm | of differences between |
    |---|---|---|
    | `tv` | L1, halved | rows |
    | `emd` | L1 | cumulative rows |
    | `cramer` | L2 | cumulative rows |
    | `l2` | L2 | rows |
    | `log` | L2 | logarithms of rows, `log(1 + x)` |

    The Laplacian kernel of each distance is positive definite. The Gaussian kernel is positive definite only for the
    L2 norms, not for `tv` and `emd`.

    >>> FeatureKernel("l2", sigma=1.0)(np.zeros((1, 2)), np.zeros((3, 2))).tolist()
    [[1.0, 1.0, 1.0]]
    """

    distance: str
    sigma: float
    """bandwidth σ, in the unit of the distance"""
    bin_width: float = 1.0
    """distance between neighbouring bins, for `emd` and `cramer`"""
    shape: str = "gaussian"
    """`gaussian` or `laplacian`"""

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Rows `(m, K)` and `(n, K)` to kernel values `(m, n)`."""
        if self.distance in ("emd", "cramer"):  # these are integrals over the axis of the bins
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
