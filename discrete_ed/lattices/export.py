"""Time series of simulations for pandas and ArviZ."""

from __future__ import annotations

from typing import Any

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.lattices.observables import Series


def series_to_pandas(*series: Series) -> Any:
    """Time series as a table with a row for each draw of each chain: `temperature`, `chain`, `draw`, `energy`,
    `magnetisation`, and where they were measured `wave` and `sublattice_0`, `sublattice_1`, ….

    Raises:
        InputError: pandas, which is optional, is not installed.

    >>> series = Series(np.full((5, 2), -2.0), np.ones((5, 2)), sites=16, temperature=2.0)
    >>> series_to_pandas(one).groupby("temperature").energy.mean().to_dict()  # doctest: +SKIP
    {2.0: -2.0}
    """
    try:
        import pandas
    except ImportError:
        raise InputError("series_to_pandas: expected pandas to be installed (pip install pandas)") from None
    tables = []
    for each in series:
        arrays = arrays_of(each)
        draws, chains = arrays["energy"].shape
        place = {"temperature": each.temperature, "chain": np.tile(np.arange(chains), draws)}
        parts = {name: part.ravel() for name, part in arrays.items()}
        tables.append(pandas.DataFrame({**place, "draw": np.repeat(np.arange(draws), chains), **parts}))
    return pandas.concat(tables, ignore_index=True)


def series_to_arviz(series: Series) -> Any:
    """A time series as ArviZ's `InferenceData`: `posterior` has `energy`, `magnetisation` and what else was measured,
    `(chain, draw)`, so that its diagnostics and plots apply.

    Raises:
        InputError: ArviZ, which is optional, is not installed, or has another major version than 0.

    >>> series = Series(np.full((5, 2), -2.0), np.ones((5, 2)), sites=16, temperature=2.0)
    >>> series_to_arviz(one).posterior.energy.shape  # doctest: +SKIP
    (2, 5)
    """
    try:
        import arviz
    except ImportError:
        raise InputError("series_to_arviz: expected ArviZ to be installed (pip install 'arviz<1')") from None
    if not arviz.__version__.startswith("0."):
        raise InputError(f"series_to_arviz: expected ArviZ before version 1, got {arviz.__version__}")
    return arviz.from_dict(posterior={name: part.T for name, part in arrays_of(series).items()})


def arrays_of(series: Series) -> dict[str, Any]:
    """The arrays of a series by name, each `(draw, chain)`."""
    parts: dict[str, Any] = {"energy": series.energy, "magnetisation": series.magnetisation}
    if series.wave is not None:
        parts["wave"] = series.wave
    if series.sublattices is not None:
        parts |= {f"sublattice_{k}": series.sublattices[..., k] for k in range(np.shape(series.sublattices)[-1])}
    return {name: np.atleast_2d(np.asarray(part, float).T).T for name, part in parts.items()}
