"""Distances between two sets of real vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from discrete_ed.metrics.two_sample import u_statistic


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """`‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½)` of two sets of vectors `(N, D)`.

    Unlike the Fréchet inception distance it uses the coordinates themselves, not features of a classifier.

    Source: Dowson and Landau 1982, Journal of Multivariate Analysis 12, 450–455.

    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> round(frechet_distance(x, x + 2.0), 3)  # three coordinates, moved by 2 each
    12.0
    """
    a, b = a.double(), b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return ((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def gaussian_mmd(a: Tensor, b: Tensor, scale: float) -> float:
    """The unbiased estimate of MMD² with the kernel `exp(−‖x − y‖² / 2s²)` of scale `s`; may be negative.

    Source: Gretton et al. 2012, Journal of Machine Learning Research 13, 723–773.

    >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    >>> gaussian_mmd(x[:100], x[100:] + 3.0, 1.0) > 0.3 > abs(gaussian_mmd(x[:100], x[100:], 1.0))
    True
    """

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (-torch.cdist(x, y).double().square() / (2 * scale**2)).exp()

    def within(x: Tensor) -> float:
        return kernel(x, x).fill_diagonal_(1.0).sum().item()  # despite rounding errors

    return u_statistic(within(a), kernel(a, b).sum().item(), within(b), len(a), len(b))
