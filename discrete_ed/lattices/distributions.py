"""The distribution of overlaps of replicas, with its errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.observables import LONG_BLOCKS, Overlaps
from discrete_ed.metrics.time_series import jackknife

BINS = 40


@dataclass(frozen=True)
class OverlapDistribution:
    """The density `P(q)` of an overlap; its integral is 1.

    >>> OverlapDistribution(np.array([-0.5, 0.5]), np.array([0.5, 0.5]), np.zeros(2)).density.sum().item()
    1.0
    """

    overlap: NDArray[np.float64]
    """the middles of the bins, rising, `(n,)`"""
    density: NDArray[np.float64]
    """`P(q)`, `(n,)`"""
    error: NDArray[np.float64]
    """standard errors, `(n,)`"""


def overlap_distribution(overlaps: Overlaps, *, link: bool = False, bins: int = BINS) -> OverlapDistribution:
    """The distribution of the overlap, or of the link overlap, of pairs of replicas, with errors by the jackknife.

    The overlap of `N` spins has `N + 1` values, `2/N` apart, so that a bin holds a whole number of them. Bins of the
    link overlap hold whole numbers of its smallest steps, from the smallest to the largest value that was measured.

    Args:
        link: whether it is that of the link overlap.
        bins: the largest number of bins.

    Raises:
        InputError: fewer than 4 draws, fewer than one bin.

    >>> from discrete_ed import IsingEnergy, lattice, simulate
    >>> graph = lattice(4)
    >>> run = {"graph": graph, "measure": ["overlaps"], "measurements": 100}
    >>> (hot,) = simulate(IsingEnergy.from_graph(graph), [9.0], **run)
    >>> found = overlap_distribution(hot.overlaps)
    >>> found.overlap[[0, -1]], round(float(found.density.sum() * 2 / 16), 3)
    (array([-1.,  1.]), 1.0)
    """
    if bins < 1:
        raise InputError(f"bins: expected at least 1, got {bins}")
    values = np.asarray(overlaps.link if link else overlaps.overlap, float)
    values = values[:, None] if values.ndim == 1 else values
    if link:
        found = np.unique(values.round(12))
        gap = np.diff(found).min() if len(found) > 1 else 1.0  # between neighbouring values
        step = gap * -(-round((found[-1] - found[0]) / gap + 1) // bins)
        edges = found[0] - gap / 2 + step * np.arange(int((found[-1] - found[0]) / step + 1e-6) + 2)
    else:
        edges = _even_edges(overlaps.sites, bins)
    place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    inside = place[..., None] == np.arange(len(edges) - 1)
    share, error = jackknife(lambda mean: mean, inside.astype(np.float32), blocks=LONG_BLOCKS)
    width = np.diff(edges)
    return OverlapDistribution((edges[1:] + edges[:-1]) / 2, share / width, error / width)


def _even_edges(sites: int, bins: int) -> NDArray[np.float64]:
    """Edges of bins of equally many of the values `−1, −1 + 2/N, …, 1`, fewer at both ends, the same on both sides."""
    values = sites + 1
    step = -(-values // bins)
    step += (1 - step % 2) * (values % 2)  # an odd number of values has a middle one, in the middle of a bin
    count = -(-values // step)
    count += (count * step - values) % 2
    edges = step * (np.arange(count + 1) - count / 2) * 2 / sites
    return np.asarray(np.clip(edges, -1 - 1 / sites, 1 + 1 / sites))
