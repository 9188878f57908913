"""Minimisation of any objective over the parameters of a support, with or without an L1 penalty."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize as lbfgs

from discrete_ed.ising.objectives import Objective
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support


def minimise(
    objective: Objective, support: Support, start: Parameters, samples: float, *, penalty: float = 0.0
) -> Parameters:
    """`argmin objective(J, h) + λ Σ_{i<j} |J_ij|` over the free parameters, the others zero; L-BFGS.

    With a penalty each coupling is written `J⁺ − J⁻` with both parts at least zero, which makes the problem smooth.
    Without one, the normal prior of `pseudo_likelihood.refit` keeps the estimates from separable data finite.

    Args:
        start: initial parameters.
        samples: number of samples over which the objective is a mean, or the sum of their weights; the prior is
            divided by it.
        penalty: λ.

    Source: Byrd, Lu, Nocedal and Zhu 1995, SIAM Journal on Scientific Computing 16, 1190–1208 (L-BFGS-B, in scipy).
    """
    p, d = len(support.pairs), len(start.fields)
    i, j = support.pairs.T
    parts = 2 if penalty > 0 else 1
    prior = 0.0 if penalty > 0 else 1 / (samples * PRIOR_SD**2)

    def unpack(v: Array) -> Parameters:
        couplings = v[:p] - v[p : 2 * p] if parts == 2 else v[:p]
        return support.parameters(np.concatenate([couplings, v[parts * p :]]), d)

    def smooth(v: Array) -> tuple[float, Array]:
        value, slope = objective(unpack(v))
        along = slope.couplings[i, j]
        gradient = [along + penalty, penalty - along] if parts == 2 else [along]
        gradient += [slope.fields] if support.with_fields else []
        return value + penalty * v[: parts * p].sum() + prior / 2 * v @ v, np.concatenate(gradient) + prior * v

    first = start.couplings[i, j]
    first = np.concatenate([np.maximum(first, 0), np.maximum(-first, 0)]) if parts == 2 else first
    bounds = [(0, None)] * (2 * p) + [(None, None)] * (d if support.with_fields else 0) if parts == 2 else None
    found = lbfgs(
        smooth,
        np.concatenate([first, start.fields]) if support.with_fields else first,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-7 if parts == 2 else 1e-9, "gtol": 1e-6},
    )
    return unpack(found.x)
