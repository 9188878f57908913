"""What every energy and every kernel must satisfy, shown exactly on small spaces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import perm

import torch
from place import DEVICE, FLOAT, all_states, fixed, normal, number_of, rounding, seeded
from scipy.stats import chi2
from torch import Tensor

from discrete_ed.energies import Energy, IsingEnergy, MLPEnergy, RBMEnergy
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.samplers import (
    DMALA,
    DULA,
    BlockGibbs,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Kawasaki,
    Kernel,
    Metropolis,
    PathAuxiliary,
    State,
    SwendsenWang,
    Wolff,
)
from discrete_ed.samplers.cluster import find_bonds

BISECTIONS = 48 if torch.float64 == FLOAT else 30  # of an interval of length 60: to 2 · 10⁻¹³, or the rounding
FREQUENCY_TESTS = 500  # at most so many chi-square tests: each is passed by a right kernel but once in 10^5 · 500


def ising(bits: int, scale: float = 0.4) -> IsingEnergy:
    """A spin glass with fields on a complete graph."""
    g = fixed(bits)
    couplings = scale * normal(g, bits, bits).triu(1)
    return IsingEnergy(couplings + couplings.T, 0.3 * normal(g, bits))


def ring(bits: int, coupling: float, fields: Sequence[float] | None = None) -> IsingEnergy:
    """A ring of one coupling; below zero and of even length it is an antiferromagnet without frustration."""
    couplings = torch.zeros(bits, bits, dtype=FLOAT)
    i = torch.arange(bits)
    couplings[i, (i + 1) % bits] = coupling
    couplings[(i + 1) % bits, i] = coupling
    return IsingEnergy(couplings, None if fields is None else torch.tensor(fields, dtype=FLOAT))


def torus(rows: int, columns: int, coupling: float | None = None, seed: int = 0) -> IsingEnergy:
    """An Ising model on a torus: of one coupling without fields, or of random couplings and fields."""
    g = fixed(seed)
    site = torch.arange(rows * columns).view(rows, columns)
    couplings = torch.zeros(rows * columns, rows * columns, dtype=FLOAT)
    for shift, axis in ((-1, 0), (-1, 1)):
        value = normal(g, rows * columns) if coupling is None else coupling
        couplings[site.flatten(), site.roll(shift, axis).flatten()] = value
    couplings = couplings.triu(1) + couplings.tril(-1).T
    fields = normal(g, rows * columns) if coupling is None else None
    return IsingEnergy(couplings + couplings.T, fields)


def mlp(bits: int) -> MLPEnergy:
    """A small neural energy with steep differences."""
    with torch.random.fork_rng():
        torch.manual_seed(bits)
        energy = MLPEnergy(bits, hidden=(16, 16)).to(DEVICE, FLOAT)
        for parameter in energy.parameters():
            parameter.data.mul_(3)
    return energy


def rbm(visible: int, hidden: int, scale: float = 0.8) -> RBMEnergy:
    """A restricted Boltzmann machine with biases."""
    g = fixed(visible)
    energy = RBMEnergy(visible, hidden, scale=scale, generator=g).to(DEVICE, FLOAT)
    for bias in (energy.visible_bias, energy.hidden_bias):
        bias.data += 0.5 * normal(g, len(bias))
    return energy


def check_energy(energy: Energy, x: Tensor) -> None:
    """Shapes, flip differences, and free bits of an energy, on states `(B, D)` with `B` divisible by 2."""
    energies = energy(x)
    assert energies.shape == x.shape[:1]
    assert torch.allclose(energy(x.unflatten(0, (2, -1))), energies.unflatten(0, (2, -1)), atol=rounding(1e-10))
    assert torch.allclose(energy(x[0]), energies[0], atol=rounding(1e-10))

    neighbours = (x.unsqueeze(1) - torch.eye(x.shape[1], dtype=x.dtype)).abs()
    differences = torch.stack([energy(neighbours[:, i]) - energies for i in range(x.shape[1])], dim=1)
    assert torch.allclose(energy.flip_delta(x), differences, atol=rounding(1e-10))
    assert energy.flip_delta(x[:0]).shape == (0, x.shape[1])

    free = energy.free(x)
    assert free.shape == x.shape
    assert free.dtype == torch.bool
    for i in range(x.shape[1]):  # flipping a free bit changes no bit's freedom
        assert torch.equal(energy.free(neighbours[:, i])[free[:, i]], free[free[:, i]])


class Table:
    """A local evaluation looked up in a table of all states, so that the exact checks stay quick."""

    def __init__(self, local: LocalEvaluation, states: Tensor) -> None:
        self.evaluation = Evaluation(*(part.detach() for part in local(states)))
        self.energy = local.energy

    def __call__(self, x: Tensor) -> Evaluation:
        place = number_of(x)
        return Evaluation(self.evaluation.energy[place], self.evaluation.delta[place])


class Altered:
    """A local evaluation with a bug."""

    def __init__(self, local: LocalEvaluation, change: Callable[[Evaluation], Evaluation]) -> None:
        self.local, self.change, self.energy = local, change, local.energy

    def __call__(self, x: Tensor) -> Evaluation:
        return self.change(self.local(x))


def transition_matrix(
    kernel: Kernel, local: LocalEvaluation, states: Tensor, start: Sequence[int] | None = None
) -> Tensor:
    """`P[x, x']` over all states `(K, D)` in the order of enumeration, through the kernel's own pure methods; or only
    the rows of the states `start`.

    Everything that the kernel may propose at a state is a branch; their probabilities must sum to one. The probability
    that a branch is accepted is found by bisection on the uniform that the kernel is handed, so nothing of its
    arithmetic is assumed.
    """
    chosen = slice(None) if start is None else list(start)
    if isinstance(kernel, BlockGibbs):
        return _block_matrix(kernel, local, states)[chosen]
    if isinstance(kernel, SwendsenWang | Wolff):
        return _cluster_matrix(kernel, local, states[chosen])
    kernel.init(local, states)
    table = Table(local, states)
    if isinstance(kernel, GibbsSweep):
        here = State(states, *table(states), torch.zeros(len(states), dtype=torch.bool))
        return _sweep_matrix(kernel, table, here)[chosen]
    x = states[chosen]
    here = State(x, *table(x), torch.zeros(len(x), dtype=torch.bool))
    matrix = torch.zeros(len(x), len(states), dtype=FLOAT)
    rows = torch.arange(len(x))
    probability, propose = _branches(kernel, table, here)
    branches = len(probability) // len(x)
    assert torch.allclose(probability.view(branches, -1).sum(0), torch.ones(1, dtype=FLOAT), atol=rounding(1e-12))
    there = number_of(propose(torch.full((len(probability),), -torch.inf)).x)
    flow = probability * _acceptance(propose, len(probability))
    matrix.index_put_((rows.repeat(branches), there), flow, accumulate=True)
    matrix[rows, number_of(x)] += 1 - matrix.sum(1)
    return matrix


def _branches(kernel: Kernel, table: Table, here: State) -> tuple[Tensor, Callable[[Tensor], State]]:
    """The probability of every branch at every state, branch by branch, and the proposals `log_u → state`."""
    count, bits = here.x.shape

    def every(choices: list[object]) -> tuple[State, Tensor]:
        start = State(*(part.repeat(len(choices), *[1] * (part.ndim - 1)) for part in here))
        return start, torch.tensor(choices).repeat_interleave(count, 0)

    if isinstance(kernel, Kawasaki):
        energy = table.energy
        assert isinstance(energy, IsingEnergy)
        pairs = energy.coupled_pairs()[:2]
        start, k = every(list(range(len(pairs[0]))))
        probability = torch.full((len(k),), 1 / len(pairs[0]), dtype=FLOAT)
        return probability, lambda log_u: kernel.exchange(table, start, pairs[0][k], pairs[1][k], log_u)
    if isinstance(kernel, Gibbs | GibbsWithGradients | Metropolis):
        start, i = every(list(range(bits)))
        if not isinstance(kernel, GibbsWithGradients):
            free = table.energy.free(start.x)
            choice = free.to(FLOAT) / free.sum(-1, keepdim=True)
        else:
            choice = kernel.log_proposal(start.delta).exp()
        probability = choice.gather(-1, i[:, None])[:, 0]
        return probability, lambda log_u: kernel.flip(table, start, i, log_u)
    if isinstance(kernel, PathAuxiliary):
        longest = 2 * kernel.flips - 1
        paths = [
            ([*path, *(i for i in range(bits) if i not in path)][:longest], length)
            for length in range(1, longest + 1)
            for path in itertools.permutations(range(bits), length)
        ]
        start, path = every([path for path, _ in paths])
        _, length = every([length for _, length in paths])
        used = length.minimum(start.delta.isfinite().sum(-1))  # a path is cut where no bit can be flipped any more,
        alike = torch.tensor([[perm(bits - k, max(0, n - k)) for n in range(longest + 1)] for k in range(bits + 1)])
        probability = kernel.log_path(start.delta, path, used).exp() / longest / alike[used, length]  # so some are one
        return probability, lambda log_u: kernel.follow(table, start, path, length, log_u)
    if isinstance(kernel, DMALA | DULA):
        start, flips = every(list(itertools.product([False, True], repeat=bits)))
        probability = kernel.log_proposal(start.delta, flips).exp()
        if isinstance(kernel, DMALA):
            return probability, lambda log_u: kernel.move(table, start, flips, log_u)
        return probability, lambda _: kernel.move(table, start, flips)
    raise TypeError(kernel)


def _acceptance(propose: Callable[[Tensor], State], count: int) -> Tensor:
    low, high = torch.full((count,), -60.0, dtype=FLOAT), torch.zeros(count, dtype=FLOAT)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        accepted = propose(middle).accepted
        low, high = torch.where(accepted, middle, low), torch.where(accepted, high, middle)
    return torch.where(propose(torch.zeros(count, dtype=FLOAT) - 1e-15).accepted, 1.0, low.exp())


def _sweep_matrix(kernel: GibbsSweep, table: Table, here: State) -> Tensor:
    """The product of the classes' matrices; each bit's probability of flipping is found by bisection."""
    count, bits = here.x.shape
    sweep = torch.eye(count, dtype=FLOAT)
    for members in kernel.classes or [(i,) for i in range(bits)]:
        low, high = torch.zeros(count, bits, dtype=FLOAT), torch.ones(count, bits, dtype=FLOAT)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            flipped = kernel.update(table, here, torch.tensor(members), middle).x != here.x
            low, high = torch.where(flipped, middle, low), torch.where(flipped, high, middle)
        step = torch.zeros(count, count, dtype=FLOAT)
        for pattern in itertools.product([False, True], repeat=len(members)):
            flips = torch.zeros(bits, dtype=torch.bool)
            flips[list(members)] = torch.tensor(pattern)
            there = number_of((here.x - flips.to(here.x.dtype)).abs())
            probability = torch.where(flips, low, 1 - low)[:, list(members)].prod(-1)
            step[torch.arange(count), there] = probability
        sweep = sweep @ step
    return sweep


def _block_matrix(kernel: BlockGibbs, local: LocalEvaluation, states: Tensor) -> Tensor:
    """`Σ_h p(h|x) p(x'|h)` over all hidden states."""
    energy = local.energy
    assert isinstance(energy, RBMEnergy)
    h = all_states(len(energy.hidden_bias))
    with torch.no_grad():
        up, down = kernel.hidden(energy, states), kernel.visible(energy, h)
    to_hidden = (h * up[:, None] + (1 - h) * (1 - up[:, None])).prod(-1)
    to_visible = (states * down[:, None] + (1 - states) * (1 - down[:, None])).prod(-1)
    return to_hidden @ to_visible


def _cluster_matrix(kernel: SwendsenWang | Wolff, local: LocalEvaluation, states: Tensor) -> Tensor:
    """All sets of joined pairs, whose probabilities are found by bisection, and all coins of all spins, or all spins
    whose cluster may be flipped."""
    count, bits = states.shape
    bonds = find_bonds(local)
    here = kernel.init(local, states)
    low, high = torch.zeros(count, len(bonds.i), dtype=FLOAT), torch.ones(count, len(bonds.i)).to(FLOAT)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        joined = (kernel if isinstance(kernel, SwendsenWang) else SwendsenWang()).join(local, here, bonds, middle)
        low, high = torch.where(joined, middle, low), torch.where(joined, high, middle)
    joins = all_states(len(bonds.i)).bool()
    probability = torch.where(joins, low[:, None], 1 - low[:, None]).prod(-1)
    row, which = (probability > 1e-15).nonzero(as_tuple=True)
    every = all_states(bits + 1) if isinstance(kernel, SwendsenWang) else torch.arange(bits)
    coins = every.repeat(len(row), *[1] * (every.ndim - 1))
    row, which = row.repeat_interleave(len(every)), which.repeat_interleave(len(every))
    start = State(*(part[row] for part in here))
    there = number_of(kernel.flip(local, start, bonds, joins[which], coins).x)
    matrix = torch.zeros(count, 2**bits, dtype=FLOAT)
    return matrix.index_put_((row, there), probability[row, which] / len(every), accumulate=True)


def check_frequencies(kernel: Kernel, local: LocalEvaluation, states: Tensor, row: int, draws: int = 100_000) -> None:
    """One step of the kernel from state `row`, `draws` times, ends where the transition matrix says."""
    start = kernel.init(local, states[[row]].expand(draws, -1))
    moved = kernel.step(local, start, generator=seeded(row)).x
    assert chi_square(moved, transition_matrix(kernel, local, states, [row])[0]) > 1e-5 / FREQUENCY_TESTS


def chi_square(bits: Tensor, law: Tensor) -> float:
    """The p-value of draws `(N, D)` under a law over all states `(2^D,)`; those expected less than 5 times are one."""
    seen = number_of(bits).bincount(minlength=len(law)).to(FLOAT)
    wanted = law * len(bits)
    if seen[law < rounding(1e-11, 1e-7)].any():  # where a right kernel can't go, but for rounding
        return 0.0
    rare = wanted < 5
    seen, wanted = (torch.cat([part[~rare], part[rare].sum()[None]]) for part in (seen, wanted))
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    return float(chi2.sf(((seen - wanted) ** 2 / wanted).sum().item(), max(len(wanted) - 1, 1)))


def law_of(local: LocalEvaluation, states: Tensor) -> Tensor:
    """The probabilities of all states at the inverse temperature of the local evaluation, `(K,)`."""
    return (-local.beta * local.energy(states)).softmax(0).detach()


def detailed_balance_residual(matrix: Tensor, law: Tensor) -> float:
    """The largest `|p(x) P(x, x') − p(x') P(x', x)|`, as a fraction of the largest flow between two states."""
    flow = law.unsqueeze(1) * matrix
    off_diagonal = flow - torch.diag(flow.diagonal())
    return ((flow - flow.T).abs().max() / off_diagonal.max()).item()
