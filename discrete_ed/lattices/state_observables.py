"""Observables of states of bits, as functions of their own."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.lattices.builders import Lattice
from discrete_ed.states import check_states, to_spins


def magnetisation(x: Tensor) -> Tensor:
    """`m = Σ_i s_i / N` of states of bits `(..., D)`: `(...)`.

    >>> magnetisation(torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    tensor([0.5000])
    """
    check_states(x)
    return to_spins(x).mean(-1)


def overlap(x: Tensor, y: Tensor, edges: ArrayLike | None = None) -> Tensor:
    """The overlap `q = Σ_i s_i s'_i / N` of two replicas `(..., D)`; with edges `(E, 2)` the link overlap, the mean of
    `s_i s_j s'_i s'_j` over the edges.

    Raises:
        InputError: states of different shapes, or that aren't bits; edges that aren't pairs of their sites.

    >>> x = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    >>> overlap(x, 1 - x), overlap(x, 1 - x, [(0, 1), (1, 2)])
    (tensor([-1.]), tensor([1.]))
    """
    for name, part in (("x", x), ("y", y)):
        check_states(part, name=name)
    if x.shape != y.shape:
        raise InputError(f"y: expected states of shape {tuple(x.shape)}, as of x, got {tuple(y.shape)}")
    product = to_spins(x) * to_spins(y)
    if edges is None:
        return product.mean(-1)
    pairs = np.asarray(edges)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer) or not len(pairs):
        raise InputError(f"edges: expected pairs of site numbers (E, 2), got shape {pairs.shape} of {pairs.dtype}")
    if pairs.min() < 0 or pairs.max() >= x.shape[-1]:
        raise InputError(
            f"edges: expected sites from 0 to {x.shape[-1] - 1}, got numbers from {pairs.min()} to {pairs.max()}"
        )
    ends = torch.as_tensor(pairs, dtype=torch.long, device=x.device)
    return (product[..., ends[:, 0]] * product[..., ends[:, 1]]).mean(-1)


def correlation_function(x: Tensor, graph: Lattice) -> Tensor:
    """`G(r)`, the mean of `s_i s_j` over all sites `i` and the sites `j` that lie `r = 1, 2, …` cells away in one
    direction, over all directions of at least `2r` cells, of states of bits `(..., D)`: `(..., R)`.

    Raises:
        InputError: states that aren't bits or not of the lattice, a lattice that isn't periodic in all directions.

    >>> from discrete_ed import lattice
    >>> stripes = torch.tensor([[1.0, 0.0] * 8])
    >>> correlation_function(stripes, lattice(4))
    tensor([[0., 1.]])
    """
    check_states(x)
    if x.shape[-1] != graph.sites:
        raise InputError(f"x: expected states of {graph.sites} sites, got {x.shape[-1]}")
    check_periodic(graph)
    s = to_spins(x).reshape(*x.shape[:-1], *graph.shape, -1)
    first = x.ndim - 1
    total = x.new_zeros(*x.shape[:-1], max(graph.shape) // 2)
    for axis, size in enumerate(graph.shape):
        spectrum = torch.fft.fft(s, dim=first + axis).abs() ** 2
        around = torch.fft.ifft(spectrum, dim=first + axis).real.movedim(first + axis, -1) / size
        mean = around.flatten(first, -2).mean(first)
        total[..., : size // 2] += mean[..., 1 : size // 2 + 1]
    directions = (torch.tensor(graph.shape) >= 2 * torch.arange(1, total.shape[-1] + 1)[:, None]).sum(1)
    return total / directions.to(x)


def check_periodic(graph: Lattice) -> None:
    """Raise `InputError` unless the lattice is periodic in all directions."""
    if not all(graph.periodic):
        raise InputError("graph: correlations expected a lattice that is periodic in all directions, got open ones")
