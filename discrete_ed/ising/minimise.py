"""Any objective minimised over the couplings of some pairs, with or without an L1 penalty."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize as lbfgs

from discrete_ed.ising.objectives import Array, Objective
from discrete_ed.ising.restricted import PRIOR_SD


def minimise(
    objective: Objective,
    pairs: Array,
    couplings: Array,
    fields: Array | None,
    samples: int,
    *,
    penalty: float = 0.0,
) -> tuple[Array, Array]:
    """`argmin objective(J, h) + λ Σ_{i<j} |J_ij|` over the couplings of `pairs`, the others zero; L-BFGS.

    With a penalty each coupling is written `J⁺ − J⁻` with both parts at least zero, which makes it smooth. Without one
    the normal prior of `refit` keeps separable data finite.

    Args:
        pairs: `(P, 2)`.
        couplings, fields: where to start, `(D, D)` and `(D,)`; `None` for fields that stay zero.
        samples: number of samples that the objective is a mean of, which the prior is weighed against.
        penalty: λ.

    Returns:
        `J` and `h`.

    Source: Byrd, Lu, Nocedal and Zhu 1995, SIAM Journal on Scientific Computing 16, 1190–1208 (L-BFGS-B, in scipy).
    """
    p, d = len(pairs), len(couplings)
    i, j = pairs.T
    parts = 2 if penalty > 0 else 1
    prior = 0.0 if penalty > 0 else 1 / (samples * PRIOR_SD**2)

    def unpack(v: Array) -> tuple[Array, Array]:
        full = np.zeros((d, d))
        full[i, j] = full[j, i] = v[:p] - v[p : 2 * p] if parts == 2 else v[:p]
        return full, np.zeros(d) if fields is None else v[parts * p :]

    def smooth(v: Array) -> tuple[float, Array]:
        value, slope, h = objective(*unpack(v))
        gradient = [slope[i, j] + penalty, penalty - slope[i, j]] if parts == 2 else [slope[i, j]]
        gradient += [] if fields is None else [h]
        return value + penalty * v[: parts * p].sum() + prior / 2 * v @ v, np.concatenate(gradient) + prior * v

    start = couplings[i, j]
    start = np.concatenate([np.maximum(start, 0), np.maximum(-start, 0)]) if parts == 2 else start
    bounds = [(0, None)] * (2 * p) + [(None, None)] * (0 if fields is None else d) if parts == 2 else None
    found = lbfgs(
        smooth,
        start if fields is None else np.concatenate([start, fields]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-7 if parts == 2 else 1e-9, "gtol": 1e-6},
    )
    return unpack(found.x)
