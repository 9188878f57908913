"""Ising models on a torus, solved exactly: by transfer matrices and, for one coupling, by Kaufman's formula."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import check_kind
from discrete_ed.errors import InputError
from discrete_ed.likelihood.enumeration import number
from discrete_ed.names import TORUS_SIDE
from discrete_ed.states import enumerate_states, to_spins

MAX_RING = 12  # the shorter side of a torus; its transfer matrix takes 4^12 float64, 134 megabytes
BLOCK = 2**12  # number of samples made at once


class _Rows:
    """A torus divided into rows of its shorter side: the weights of each row, and of each pair of adjacent rows.

    All weights are logarithms, since those of strongly coupled and frustrated spins span too many orders of magnitude.
    """

    def __init__(self, energy: IsingEnergy, shape: tuple[int, int], most: int) -> None:
        check_kind(energy, IsingEnergy)
        rows, columns = shape
        if min(shape) < 1 or rows * columns != len(energy.fields):
            raise InputError(f"shape: expected rows × columns = {len(energy.fields)} spins, got {shape}")
        if min(shape) > most:
            raise InputError(f"shape: expected a shorter side of at most {most}, got {shape}")
        self.couplings, fields = energy.to_scipy(), energy.fields.detach().double().cpu()
        site = torch.arange(rows * columns).view(rows, columns)
        if columns > rows:
            site, rows, columns = site.T, columns, rows
        across, self.down = site.roll(-1, 1), site.roll(-1, 0)
        pairs = [torch.stack([site.flatten(), neighbour.flatten()]).numpy() for neighbour in (across, self.down)]
        i, j = np.concatenate([*pairs, *(pair[::-1] for pair in pairs)], 1)
        bonds = coo_array((np.ones(len(i)), (i, j)), shape=self.couplings.shape).tocsr()
        inside = self.couplings.multiply(bonds > 0)
        if abs(self.couplings - inside).sum() > 0:
            raise InputError(f"energy: expected couplings between neighbours on a torus of shape {shape} only")
        self.site, self.rows, self.columns = site, rows, columns
        self.s = to_spins(enumerate_states(columns, dtype=torch.float64))
        self.inside = self.s @ fields[site].T
        last = columns if columns > 2 else columns - 1  # the bond around the ring; two sites are joined already
        for c in range(last):
            bond = self._between(site[:, c], across[:, c])
            self.inside += bond * self.s[:, c, None] * self.s[:, (c + 1) % columns, None]

    def between(self, r: int) -> Tensor:
        """Couplings of row `r` with the row below, `(columns,)`; zero if the bonds of these rows were counted
        before."""
        if r == self.rows - 1 and self.rows <= 2:
            return torch.zeros(self.columns, dtype=torch.float64)
        return self._between(self.site[r], self.down[r])

    def _between(self, i: Tensor, j: Tensor) -> Tensor:
        """The coupling of each pair of sites."""
        return torch.from_numpy(np.asarray(self.couplings[i.tolist(), j.tolist()], float).reshape(-1))

    def log_weights(self) -> Iterator[Tensor]:
        """For each row, the log weight `(2^L, 2^L)` of the states of the first row and of this row, summed over all
        between.

        The last matrix belongs to the first row again, so the trace of its weights is Z.
        """
        states = 2**self.columns
        weights = torch.full((states, states), -torch.inf, dtype=torch.float64)
        weights.diagonal().copy_(self.inside[:, 0])
        for r in range(self.rows):
            yield weights
            for c, bond in enumerate(self.between(r)):
                zero, one = weights.view(states, 2**c, 2, -1).unbind(2)
                same, opposed = torch.logaddexp(zero + bond, one - bond), torch.logaddexp(zero - bond, one + bond)
                weights = torch.stack([same, opposed], 2).view(states, states)
            if r + 1 < self.rows:
                weights = weights + self.inside[:, r + 1]
        yield weights


def torus_log_z(energy: IsingEnergy, shape: tuple[int, int]) -> float:
    """`log Z` of an Ising model on a torus with any bonds and fields, by transfer matrices in float64.

    Site `(r, c)` is bit `r · columns + c`. Each row of the shorter side, `L` spins, is a state of `2^L`; the matrix of
    weights between the first row and the current one, `4^L` numbers, is updated site by site, in logarithms. A side of
    two has one bond between its two sites, a side of one has none.

    Args:
        shape: rows and columns; the shorter side at most 12.

    Raises:
        InputError: the shape doesn't fit the energy or is too large, or a coupling joins sites that aren't neighbours.

    Source: Kramers and Wannier 1941, Physical Review 60, 252.

    >>> from discrete_ed import IsingEnergy
    >>> round(torus_log_z(IsingEnergy(100), (10, 10)), 6)  # 100 log 2
    69.314718
    """
    (weights,) = deque(_Rows(energy, shape, MAX_RING).log_weights(), maxlen=1)
    return number(weights.diagonal().logsumexp(0))


def torus_sample(
    energy: IsingEnergy, count: int, shape: tuple[int, int], *, generator: torch.Generator | None = None
) -> Tensor:
    """Independent samples from exactly the law of an Ising model on a torus, any bonds and fields, `(count, D)`.

    The transfer matrices of `torus_log_z` give the law of the first row, and of each row given the first and the next
    row. So the cost is the same at every temperature and for frustrated models.

    Args:
        count: number of samples.
        shape: rows and columns; the shorter side at most 10 (memory grows as `rows · 4^L`).

    Raises:
        InputError: as in `torus_log_z`, or a `count` below zero.

    >>> g = torch.Generator().manual_seed(0)
    >>> ring = 2.0 * (torch.eye(9).roll(1, 0) + torch.eye(9).roll(-1, 0))
    >>> torus_sample(IsingEnergy(ring), 4, (9, 1), generator=g).shape
    torch.Size([4, 9])
    """
    if count < 0:
        raise InputError(f"count: expected at least 0, got {count}")
    lattice = _Rows(energy, shape, TORUS_SIDE)  # sampling keeps a matrix for every row
    *until, closed = lattice.log_weights()
    x = torch.empty(count, shape[0] * shape[1], dtype=energy.fields.dtype)
    for start in range(0, count, BLOCK):
        n = min(BLOCK, count - start)
        first = closed.diagonal().softmax(0).multinomial(n, replacement=True, generator=_on_cpu(generator))
        below = first
        for r in range(lattice.rows - 1, 0, -1):
            log_weight = until[r][first] + (lattice.s[below] * lattice.between(r)) @ lattice.s.T
            below = log_weight.softmax(1).multinomial(1, replacement=True, generator=_on_cpu(generator)).squeeze(1)
            x[start : start + n, lattice.site[r]] = ((lattice.s[below] + 1) / 2).to(x.dtype)
        x[start : start + n, lattice.site[0]] = ((lattice.s[first] + 1) / 2).to(x.dtype)
    return x.to(energy.fields.device)


def _on_cpu(generator: torch.Generator | None) -> torch.Generator | None:
    if generator is None or generator.device.type == "cpu":
        return generator
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return torch.Generator().manual_seed(int(seed))


def kaufman_log_z(rows: int, columns: int, coupling: float) -> float:
    """`log Z` of the ferromagnetic Ising model with one common coupling on a finite torus, without fields, in closed
    form.

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
