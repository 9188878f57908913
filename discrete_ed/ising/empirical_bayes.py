"""Empirical Bayes: couplings of all edges as samples of one normal law, whose mean and spread are learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from discrete_ed.ising.parameters import Array


@dataclass(frozen=True, eq=False)
class CommonLaw:
    """The common law of the couplings of all edges, and the posterior of each coupling."""

    couplings: Array
    """posterior means, `(D, D)`"""
    errors: Array
    """posterior standard deviations, `(D, D)`"""
    mean: float
    """`μ`."""
    sd: float
    """`τ`."""


def common_law(couplings: Array, errors: Array) -> CommonLaw:
    """Fit `J_e ~ N(μ, τ²)` for every edge to estimates `Ĵ_e | J_e ~ N(J_e, se_e²)`.

    `μ` and `τ` maximise the likelihood of the estimates (expectation–maximisation). With `w = τ² / (τ² + se²)` the
    posterior deviation is `√(w se² + (1 − w)² / Σ 1/(τ² + se²))`: its second term is the uncertainty of `μ`,
    which matters if there are few edges. The uncertainty of `τ` is neglected.

    Args:
        couplings: estimates, `(D, D)`; zero for pairs that are no edge.
        errors: their standard errors, `(D, D)`.

    Source: Morris 1983, Journal of the American Statistical Association 78, 47–55.
    """
    i, j = np.nonzero(np.triu(couplings, 1))
    value, variance = couplings[i, j], errors[i, j] ** 2
    mean, spread = value.mean(), value.var()
    for _ in range(500):
        weight = spread / (spread + variance)
        posterior = mean + weight * (value - mean)
        mean, spread = posterior.mean(), float(((posterior - mean) ** 2 + weight * variance).mean())
    weight = spread / (spread + variance)
    posterior = mean + weight * (value - mean)
    full, error = np.zeros_like(couplings), np.zeros_like(errors)
    full[i, j] = full[j, i] = posterior
    of_mean = 1 / (1 / (spread + variance)).sum()
    error[i, j] = error[j, i] = np.sqrt(weight * variance + (1 - weight) ** 2 * of_mean)
    return CommonLaw(full, error, float(mean), float(np.sqrt(spread)))
