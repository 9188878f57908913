"""Distances between sets of real vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed.metrics.two_sample import mmd2
from discrete_ed.metrics.vectors import frechet_distance, gaussian_mmd


def test_the_distances_tell_sets_apart(generator):
    x = torch.randn(2000, 2, generator=generator)
    y = torch.randn(2000, 2, generator=generator) * 2
    assert frechet_distance(x, y) == pytest.approx(2.0, abs=0.2)  # 2 (2 − 1)² in two dimensions
    wanted = 1 / 3 + 1 / 9 - 2 / 6  # E k for kernels of scale 1: 1/(1+2), 1/(1+8), 1/(1+5)
    assert gaussian_mmd(x, y, 1.0) == pytest.approx(wanted, abs=0.02)
    assert abs(gaussian_mmd(x[:1000], x[1000:], 1.0)) < 0.005


def test_gaussian_mmd_is_the_u_statistic_of_any_kernel(generator):
    x, y = torch.randn(30, 3, generator=generator), torch.randn(20, 3, generator=generator) + 0.5

    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(-1) / (2 * 0.7**2))

    wanted = mmd2(x.double().numpy(), y.double().numpy(), kernel, unbiased=True)
    assert gaussian_mmd(x, y, 0.7) == pytest.approx(wanted, abs=1e-6)


def test_the_frechet_distance_of_normal_laws_is_known(generator):
    """`‖μ_a − μ_b‖² + Σ (σ_a − σ_b)²` where the covariances commute."""
    x = torch.randn(50_000, 2, generator=generator)
    y = torch.randn(50_000, 2, generator=generator) * torch.tensor([3.0, 0.5]) + torch.tensor([1.0, 0.0])
    assert frechet_distance(x, y) == pytest.approx(1 + 4 + 0.25, abs=0.15)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
