"""Export of chains to other programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from discrete_ed.errors import InputError
from discrete_ed.samplers import State


def to_arviz(states: Iterable[State]) -> Any:
    """States of chains as ArviZ's `InferenceData`: `posterior.x`, `(chain, draw, bit)`, and sample statistics.

    The statistics are `lp`, which is `−β E` up to a constant, and `accepted`. ArviZ's diagnostics, plots and files then
    apply.

    Raises:
        InputError: no states; ArviZ, which is optional, is not installed, or has another major version than 0.

    Source: Kumar, Carroll, Hartikainen and Martin 2019, Journal of Open Source Software 4, 1143.

    >>> from itertools import islice
    >>> from discrete_ed import Exact, Gibbs, IsingEnergy, chain
    >>> data = to_arviz(islice(chain(Gibbs(), Exact(IsingEnergy(6)), torch.zeros(4, 6)), 50))  # doctest: +SKIP
    >>> data.posterior.x.shape  # doctest: +SKIP
    (4, 50, 6)
    """
    try:
        import arviz
    except ImportError:
        raise InputError("to_arviz: expected ArviZ to be installed (pip install 'arviz<1')") from None
    if not arviz.__version__.startswith("0."):
        raise InputError(f"to_arviz: expected ArviZ before version 1, got {arviz.__version__} (pip install 'arviz<1')")
    kept = [(state.x.bool(), -state.energy, state.accepted) for state in states]
    if not kept:
        raise InputError("states: expected at least one, got none")
    x, lp, accepted = (torch.stack(parts, 1).cpu().numpy() for parts in zip(*kept, strict=True))
    statistics = {"lp": lp, "accepted": accepted}
    return arviz.from_dict(posterior={"x": x}, sample_stats=statistics, dims={"x": ["bit"]})
