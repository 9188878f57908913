"""Exact answers: by enumeration where the space is small, by structure (layers, lattices) where it isn't."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies import IsingEnergy, RBMEnergy
from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.states import to_spins

MAX_BITS = 20  # 2^20 states: eight megabytes of float64
MAX_RING = 12  # the shorter side of a torus; its transfer matrix takes 4^12 float64, 134 megabytes
CHUNK = 2**14  # states evaluated at once


def _chunks(bits: int, dtype: torch.dtype, device: torch.device | str = "cpu", name: str = "bits") -> Iterator[Tensor]:
    """All states in the order of `enumerate_states`, some at a time."""
    if not 0 <= bits <= MAX_BITS:
        raise InputError(f"{name}: expected 0 to {MAX_BITS} bits to enumerate, got {bits}")
    powers = torch.arange(bits - 1, -1, -1, device=device)
    for start in range(0, 2**bits, CHUNK):
        numbers = torch.arange(start, min(start + CHUNK, 2**bits), device=device)
        yield ((numbers.unsqueeze(-1) >> powers) & 1).to(dtype)


def log_law(energy: Energy, bits: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """`log p(x) = −E(x) − log Z` of all `2^D` states in the order of `enumerate_states`, `(2^D,)`; differentiable.

    All bits are enumerated, frozen ones too. Under `torch.no_grad` the memory is bounded: states are evaluated some
    at a time.

    Args:
        bits: `D`, at most 20.
        dtype: of the states, hence of the arithmetic: that of the energy's parameters.

    Raises:
        InputError: too many bits.

    >>> from discrete_ed import IsingEnergy
    >>> log_law(IsingEnergy(2), 2).exp().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return torch.cat([-energy(x) for x in _chunks(bits, dtype)]).log_softmax(-1)


def log_z(energy: Energy, bits: int, *, dtype: torch.dtype = torch.float32) -> float:
    """`log Z = log Σ_x exp(−E(x))` over all `2^D` states, summed in float64 and in bounded memory.

    Args:
        bits: `D`, at most 20.
        dtype: of the states: that of the energy's parameters.

    Raises:
        InputError: too many bits.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy
    >>> round(log_z(IsingEnergy(3), 3), 6)  # 3 log 2
    2.079442
    """
    with torch.no_grad():
        parts = [(-energy(x).double()).logsumexp(-1) for x in _chunks(bits, dtype)]
    return _number(torch.stack(parts).logsumexp(-1))


class Moments(NamedTuple):
    """First and second moments of a law over bits, float64."""

    marginals: Tensor
    """`p(x_i = 1)`, `(D,)`."""
    pairs: Tensor
    """`p(x_i = 1, x_j = 1)`, `(D, D)`; the marginals on the diagonal."""


def moments(energy: Energy, bits: int, *, dtype: torch.dtype = torch.float32) -> Moments:
    """The marginals `p(x_i = 1)`, `(D,)`, and `p(x_i = 1, x_j = 1)`, `(D, D)`, by enumeration in bounded memory.

    Args:
        bits: `D`, at most 20.
        dtype: of the states: that of the energy's parameters.

    Raises:
        InputError: too many bits.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy
    >>> moments(IsingEnergy(2), 2).pairs.tolist()
    [[0.5, 0.25], [0.25, 0.5]]
    """
    total = log_z(energy, bits, dtype=dtype)
    pairs = torch.zeros(bits, bits, dtype=torch.float64)
    with torch.no_grad():
        for x in _chunks(bits, dtype):
            weight = (-energy(x).double() - total).exp().unsqueeze(-1)
            pairs += x.double().T @ (weight * x.double())
    return Moments(pairs.diagonal().clone(), pairs)


def _layers(energy: RBMEnergy) -> tuple[Tensor, Tensor, Tensor, bool]:
    """`W`, the bias of its rows and of its columns in float64, columns the smaller layer; whether those are hidden."""
    weight, visible, hidden = (
        parameter.detach().double() for parameter in (energy.weight, energy.visible_bias, energy.hidden_bias)
    )
    if weight.shape[1] <= weight.shape[0]:
        return weight, visible, hidden, True
    return weight.T, hidden, visible, False


def rbm_log_z(energy: RBMEnergy) -> float:
    """`log Z` of a restricted Boltzmann machine: the smaller layer is enumerated, the other summed in closed form.

    `Z = Σ_h exp(cᵀh) Π_i (1 + exp(b_i + (W h)_i))`, or the same with the layers exchanged; float64.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> round(rbm_log_z(RBMEnergy(30, 2, scale=0.0)), 6)  # 32 log 2
    22.18071
    """
    weight, outer, inner, _ = _layers(energy)
    parts = [
        (x @ inner + softplus(outer + x @ weight.T).sum(-1)).logsumexp(-1)
        for x in _chunks(len(inner), torch.float64, weight.device, "smaller layer")
    ]
    return _number(torch.stack(parts).logsumexp(-1))


def rbm_marginals(energy: RBMEnergy) -> Tensor:
    """`p(x_i = 1)` of the visible bits of a restricted Boltzmann machine, `(D,)`, float64, as `rbm_log_z` sums.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> rbm_marginals(RBMEnergy(3, 2, scale=0.0))
    tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """
    total = rbm_log_z(energy)
    weight, outer, inner, hidden = _layers(energy)
    marginals = weight.new_zeros(len(outer) if hidden else len(inner))
    for x in _chunks(len(inner), torch.float64, weight.device, "smaller layer"):
        inputs = outer + x @ weight.T
        p = (x @ inner + softplus(inputs).sum(-1) - total).exp()
        marginals += p @ (inputs.sigmoid() if hidden else x)
    return marginals


def torus_log_z(energy: IsingEnergy, shape: tuple[int, int]) -> float:
    """`log Z` of an Ising model on a torus with any bonds and fields, by transfer matrices in float64.

    Site `(r, c)` is bit `r · columns + c`. Each row of the shorter side, `L` spins, is a state of `2^L`; the matrix of
    weights between the first row and the current one, `4^L` numbers, is moved on site by site. A side of two has one
    bond between its two sites, a side of one none. Accurate to rounding while couplings stay below some hundreds.

    Args:
        shape: rows and columns; the shorter side at most 12.

    Raises:
        InputError: the shape doesn't fit the energy or is too large, or a coupling joins sites that aren't neighbours.

    Source: Kramers and Wannier 1941, Physical Review 60, 252.

    >>> from discrete_ed import IsingEnergy
    >>> round(torus_log_z(IsingEnergy(100), (10, 10)), 6)  # 100 log 2
    69.314718
    """
    rows, columns = shape
    if min(shape) < 1 or rows * columns != len(energy.fields):
        raise InputError(f"shape: expected rows × columns = {len(energy.fields)} spins, got {shape}")
    if min(shape) > MAX_RING:
        raise InputError(f"shape: expected a shorter side of at most {MAX_RING}, got {shape}")
    couplings, fields = energy.couplings.detach().double().cpu(), energy.fields.detach().double().cpu()
    site = torch.arange(rows * columns).view(rows, columns)
    if columns > rows:
        site, rows, columns = site.T, columns, rows
    across, down = site.roll(-1, 1), site.roll(-1, 0)
    bonds = torch.zeros_like(couplings, dtype=torch.bool)
    for neighbour in (across, down):
        bonds[site, neighbour] = bonds[neighbour, site] = True
    if couplings[~bonds].any():
        raise InputError(f"energy: expected couplings between neighbours on a torus of shape {shape} only")

    s = to_spins(torch.cat(list(_chunks(columns, torch.float64))))
    last = columns if columns > 2 else columns - 1  # the bond around the ring, unless it is there already
    inside = s @ fields[site].T
    for c in range(last):
        inside += couplings[site[:, c], across[:, c]] * s[:, c, None] * s[:, (c + 1) % columns, None]
    scale = inside[:, 0].max()
    weights = torch.diag((inside[:, 0] - scale).exp())
    for r in range(rows if rows > 2 else rows - 1):
        for c in range(columns):
            bond = couplings[site[r, c], down[r, c]]
            same, opposed = (bond - bond.abs()).exp(), (-bond - bond.abs()).exp()
            zero, one = weights.view(2**columns, 2**c, 2, -1).unbind(2)
            weights = torch.stack([same * zero + opposed * one, opposed * zero + same * one], 2)
            weights = weights.view(2**columns, 2**columns)
            scale = scale + bond.abs()
        if r + 1 < rows:
            top = inside[:, r + 1].max()
            weights = weights * (inside[:, r + 1] - top).exp()
            scale = scale + top
        largest = weights.max()
        weights, scale = weights / largest, scale + largest.log()
    ends = weights.diagonal() if rows > 2 else weights
    return _number(scale + ends.sum().log())


def kaufman_log_z(rows: int, columns: int, coupling: float) -> float:
    """`log Z` of the ferromagnetic Ising model of one coupling on a finite torus, without fields, in closed form.

    With `K` the coupling (`J` of `IsingEnergy`, each pair once), `m` rows, `n` columns and
    `cosh γ_k = cosh 2K coth 2K − cos(πk/n)`, where `γ_0 = 2K + log tanh K` keeps its sign:

        Z = ½ (2 sinh 2K)^{mn/2} [Π_q 2 cosh(mγ_{2q+1}/2) + Π_q 2 sinh(mγ_{2q+1}/2)
                                 + Π_q 2 cosh(mγ_{2q}/2) + Π_q 2 sinh(mγ_{2q}/2)],   q = 0, …, n − 1.

    Raises:
        InputError: a side below 3 (there a pair of sites would have two bonds), or a coupling that isn't positive.

    Source: Kaufman 1949, Physical Review 76, 1232–1243; the sign of γ_0 as in Ferdinand and Fisher 1969, Physical
    Review 185, 832–846.

    >>> round(kaufman_log_z(256, 256, 0.4406867935) / 256**2, 4)  # critical; 0.9297 per site on the infinite lattice
    0.9297
    """
    if rows < 3 or columns < 3:
        raise InputError(f"rows, columns: expected sides of at least 3, got {rows} and {columns}")
    if not 0 < coupling < math.inf:
        raise InputError(f"coupling: expected a positive number, got {coupling}")
    k = coupling
    log_tanh = math.log(math.tanh(k)) if k < 15 else -2 * math.exp(-2 * k)
    base = math.cosh(2 * k) / math.tanh(2 * k) if k < 300 else math.inf
    log_sinh = math.log(math.sinh(2 * k)) if k < 15 else 2 * k - math.log(2)

    def gamma(i: int) -> float:
        if i == 0:
            return 2 * k + log_tanh
        return math.acosh(base - math.cos(math.pi * i / columns)) if base < 1e15 else 2 * k + log_tanh

    terms = []
    for first in (1, 0):
        halves = [rows * gamma(2 * q + first) / 2 for q in range(columns)]
        terms.append((1.0, sum(abs(a) + math.log1p(math.exp(-2 * abs(a))) for a in halves)))
        if all(halves):
            sign = -1.0 if halves[0] < 0 else 1.0
            terms.append((sign, sum(abs(a) + math.log(-math.expm1(-2 * abs(a))) for a in halves)))
    top = max(value for _, value in terms)
    brackets = top + math.log(sum(sign * math.exp(value - top) for sign, value in terms))
    return -math.log(2) + rows * columns / 2 * (math.log(2) + log_sinh) + brackets


def _number(value: Tensor) -> float:
    number = value.item()
    if not math.isfinite(number) and number != -math.inf:
        raise NumericalError(f"log Z: expected a number, got {number}; an energy is NaN or −inf")
    return number
