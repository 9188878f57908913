"""Ground states of Ising models: by annealing and tempering, or exactly by integer programming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.errors import InputError, NumericalError, check_seed
from discrete_ed.samplers import GibbsSweep, anneal, colour_classes
from discrete_ed.samplers.interactions import Interactions

SearchName = Literal["annealing", "exact"]


@dataclass(frozen=True, eq=False)
class GroundState:
    """A state of low energy, and what is known about it.

    >>> from discrete_ed import IsingEnergy, ground_state, lattice
    >>> found = ground_state(IsingEnergy.from_graph(lattice(4)))
    >>> found.energy, found.proven
    (-32.0, False)
    """

    state: NDArray[np.uint8]
    """bits, `(D,)`"""
    energy: float
    """`E` of the state"""
    hits: float
    """share of the chains that ended with this energy; 1 for the exact method"""
    proven: bool
    """whether no state has a lower energy"""


def ground_state(
    energy: IsingEnergy,
    *,
    method: SearchName = "annealing",
    chains: int = 64,
    sweeps: int = 1000,
    seed: int = 0,
    seconds: float = 60.0,
) -> GroundState:
    """A state of the lowest energy.

    `annealing` cools chains from `T = 3` to `T = 0.1`, in units of the root mean square of the field on a spin's
    neighbours, by compiled sweeps; that many chains end with the same lowest energy is evidence, no proof. `exact`
    proves it by branch and cut (HiGHS, in scipy): spins and products of coupled spins are integers, with the
    inequalities of edges and of closed walks of four edges, which are enough to make small glasses easy; it takes
    seconds for some hundred couplings, and grows exponentially.

    Args:
        chains, sweeps: number of chains and of temperatures of annealing.
        seconds: time after which the exact method gives up.

    Raises:
        InputError: an unknown method, no chains or sweeps, a model without couplings and fields.
        NumericalError: the exact method didn't finish in time.

    Source: the inequalities from Barahona and Mahjoub 1986, Mathematical Programming 36, 157–173.

    >>> from discrete_ed import IsingEnergy, lattice, plus_minus_couplings
    >>> graph = lattice(4)
    >>> glass = IsingEnergy.from_graph(graph, plus_minus_couplings(graph))
    >>> ground_state(glass).energy == ground_state(glass, method="exact").energy
    True
    """
    check_seed(seed)
    if method not in get_args(SearchName):
        raise InputError(f"method: expected one of {', '.join(get_args(SearchName))}, got {method!r}")
    whole = all(isinstance(number, int | np.integer) and number >= 1 for number in (chains, sweeps))
    if not whole or not seconds > 0:
        raise InputError(
            "chains, sweeps, seconds: expected positive numbers, the first two whole, got "
            f"{chains}, {sweeps} and {seconds}"
        )
    return _annealed(energy, chains, sweeps, seed) if method == "annealing" else _proven(energy, seconds)


def _annealed(energy: IsingEnergy, chains: int, sweeps: int, seed: int) -> GroundState:
    model = Interactions.of(energy)
    scale = float(np.sqrt((model.couplings.multiply(model.couplings).sum(1) + model.fields**2).mean()))
    if not scale > 0:
        raise InputError("energy: expected one with couplings or fields, got none, whose states all have one energy")
    betas = np.geomspace(1 / 3, 10, sweeps) / scale
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(chains, energy.bits, generator=generator) < 0.5).float()
    x = anneal(GibbsSweep(colour_classes(energy)), Exact(energy), x, betas.tolist(), generator=generator)
    bits = x.numpy().astype(np.uint8)
    energies = model.energies(bits)
    best = int(energies.argmin())
    hits = float(np.isclose(energies, energies[best], rtol=1e-9, atol=1e-6 * scale).mean())
    return GroundState(bits[best], float(energies[best]), hits, proven=False)


def _proven(energy: IsingEnergy, seconds: float) -> GroundState:
    """Minimise `Σ_ij 2 J_ij y_ij − 2 Σ_i h_i x_i`, that is `E` but for a constant, with `y_ij = x_i xor x_j`."""
    i, j, coupling = (part.cpu().numpy() for part in energy.coupled_pairs())
    fields = energy.fields.detach().double().cpu().numpy()
    spins, pairs = energy.bits, len(i)
    cost = np.concatenate([-2 * fields, 2 * coupling.astype(float)])
    # y <= x_i + x_j, y <= 2 − x_i − x_j, y >= x_i − x_j, y >= x_j − x_i
    signs = np.array([[-1, -1, 1], [1, 1, 1], [1, -1, -1], [-1, 1, -1]])
    upper = np.array([0, 2, 0, 0])
    edges = np.arange(pairs)
    blocks, limits = [], []
    for sign, limit in zip(signs, upper, strict=True):
        columns = np.stack([i, j, spins + edges], 1)
        blocks.append(_rows(columns, np.tile(sign, (pairs, 1)), spins + pairs))
        limits.append(np.full(pairs, limit))
    squares = _squares(spins, i, j)
    for odd in ((0,), (1,), (2,), (3,), (0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)):
        sign = np.full(4, -1)
        sign[list(odd)] = 1
        blocks.append(_rows(spins + squares, np.tile(sign, (len(squares), 1)), spins + pairs))
        limits.append(np.full(len(squares), len(odd) - 1))
    fixed = np.zeros(spins + pairs), np.ones(spins + pairs)
    if not fields.any() and spins:
        fixed[1][0] = 0  # flipping all spins changes nothing, so one of them may be given
    found = milp(
        cost,
        integrality=np.ones(spins + pairs),
        bounds=Bounds(*fixed),
        constraints=LinearConstraint(vstack(blocks).tocsr(), ub=np.concatenate(limits)),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    if found.status != 0 or found.x is None:
        raise NumericalError(
            f"ground_state: expected a proof within {seconds:g} seconds for {spins} spins, got none; allow more "
            "seconds, or take annealing"
        )
    bits = np.round(found.x[:spins]).astype(np.uint8)
    return GroundState(bits, float(Interactions.of(energy).energies(bits[None])[0]), 1.0, proven=True)


def _rows(columns: NDArray[np.int64], values: NDArray[np.int64], width: int) -> coo_array:
    row = np.repeat(np.arange(len(columns)), columns.shape[1])
    return coo_array((values.ravel().astype(float), (row, columns.ravel())), shape=(len(columns), width))


def _squares(spins: int, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.int64]:
    """The closed walks of four edges, `(S, 4)`, as numbers of edges in order around the square."""
    number = {(int(a), int(b)): k for k, (a, b) in enumerate(zip(i, j, strict=True))}
    number |= {(b, a): k for (a, b), k in number.items()}
    beside: list[set[int]] = [set() for _ in range(spins)]
    for a, b in number:
        beside[a].add(b)
    found = {
        (a, b, c, d)
        for a in range(spins)
        for b in beside[a]
        for d in beside[a]
        if a < b < d
        for c in beside[b] & beside[d]
        if c > a
    }
    rows = [[number[a, b], number[b, c], number[c, d], number[d, a]] for a, b, c, d in sorted(found)]
    return np.array(rows, np.int64).reshape(-1, 4)
