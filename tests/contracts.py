"""What every energy and every kernel must satisfy, shown exactly on small spaces."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import perm

import torch
from torch import Tensor

from discrete_ed.energies import Energy, IsingEnergy, MLPEnergy, RBMEnergy
from discrete_ed.local import Evaluation, LocalEvaluation
from discrete_ed.samplers import (
    DMALA,
    DULA,
    BlockGibbs,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Kernel,
    PathAuxiliary,
    State,
)
from discrete_ed.states import enumerate_states


def ising(bits: int, scale: float = 0.4) -> IsingEnergy:
    """A spin glass with fields on a complete graph, float64."""
    g = torch.Generator().manual_seed(bits)
    couplings = scale * torch.randn(bits, bits, generator=g, dtype=torch.float64).triu(1)
    return IsingEnergy(couplings + couplings.T, 0.3 * torch.randn(bits, generator=g, dtype=torch.float64))


def torus(rows: int, columns: int, coupling: float | None = None, seed: int = 0) -> IsingEnergy:
    """An Ising model on a torus, float64: of one coupling without fields, or of random couplings and fields."""
    g = torch.Generator().manual_seed(seed)
    site = torch.arange(rows * columns).view(rows, columns)
    couplings = torch.zeros(rows * columns, rows * columns, dtype=torch.float64)
    for shift, axis in ((-1, 0), (-1, 1)):
        value = torch.randn(rows * columns, generator=g, dtype=torch.float64) if coupling is None else coupling
        couplings[site.flatten(), site.roll(shift, axis).flatten()] = value
    couplings = couplings.triu(1) + couplings.tril(-1).T
    fields = torch.randn(rows * columns, generator=g, dtype=torch.float64) if coupling is None else None
    return IsingEnergy(couplings + couplings.T, fields)


def mlp(bits: int) -> MLPEnergy:
    """A small neural energy with steep differences, float64."""
    with torch.random.fork_rng():
        torch.manual_seed(bits)
        energy = MLPEnergy(bits, hidden=(16, 16)).double()
        for parameter in energy.parameters():
            parameter.data.mul_(3)
    return energy


def rbm(visible: int, hidden: int, scale: float = 0.8) -> RBMEnergy:
    """A restricted Boltzmann machine with biases, float64."""
    g = torch.Generator().manual_seed(visible)
    energy = RBMEnergy(visible, hidden, scale=scale, generator=g).double()
    for bias in (energy.visible_bias, energy.hidden_bias):
        bias.data += 0.5 * torch.randn(len(bias), generator=g, dtype=torch.float64)
    return energy


def check_energy(energy: Energy, x: Tensor) -> None:
    """Shapes, flip differences, and free bits of an energy in float64, on states `(B, D)` with `B` divisible by 2."""
    energies = energy(x)
    assert energies.shape == x.shape[:1]
    assert torch.allclose(energy(x.unflatten(0, (2, -1))), energies.unflatten(0, (2, -1)))
    assert torch.allclose(energy(x[0]), energies[0])

    neighbours = (x.unsqueeze(1) - torch.eye(x.shape[1], dtype=x.dtype)).abs()
    differences = torch.stack([energy(neighbours[:, i]) - energies for i in range(x.shape[1])], dim=1)
    assert torch.allclose(energy.flip_delta(x), differences, atol=1e-10)
    assert energy.flip_delta(x[:0]).shape == (0, x.shape[1])

    free = energy.free(x)
    assert free.shape == x.shape
    assert free.dtype == torch.bool
    for i in range(x.shape[1]):  # flipping a free bit changes no bit's freedom
        assert torch.equal(energy.free(neighbours[:, i])[free[:, i]], free[free[:, i]])


class Table:
    """A local evaluation looked up in a table of all states, so that the exact checks stay quick."""

    def __init__(self, local: LocalEvaluation, states: Tensor) -> None:
        self.place = 2 ** torch.arange(states.shape[1] - 1, -1, -1)
        self.evaluation = Evaluation(*(part.detach() for part in local(states)))
        self.energy = local.energy

    def __call__(self, x: Tensor) -> Evaluation:
        place = x.long() @ self.place
        return Evaluation(self.evaluation.energy[place], self.evaluation.delta[place])


def transition_matrix(kernel: Kernel, local: LocalEvaluation, states: Tensor) -> Tensor:
    """`P[x, x']` over all states `(K, D)` in the order of enumeration, through the kernel's own pure methods.

    Everything that the kernel may propose at a state is a branch; their probabilities must sum to one. The probability
    that a branch is accepted is found by bisection on the uniform that the kernel is handed, so nothing of its
    arithmetic is assumed.
    """
    if isinstance(kernel, BlockGibbs):
        return _block_matrix(kernel, local, states)
    kernel.init(local, states)
    table = Table(local, states)
    here = State(states, *table(states), torch.zeros(len(states), dtype=torch.bool))
    if isinstance(kernel, GibbsSweep):
        return _sweep_matrix(kernel, table, here)
    matrix = torch.zeros(len(states), len(states), dtype=torch.float64)
    rows = torch.arange(len(states))
    probability, propose = _branches(kernel, table, here)
    branches = len(probability) // len(states)
    assert torch.allclose(probability.view(branches, -1).sum(0), torch.ones(1, dtype=torch.float64), atol=1e-12)
    there = propose(torch.full((len(probability),), -torch.inf)).x.long() @ table.place
    flow = probability * _acceptance(propose, len(probability))
    matrix.index_put_((rows.repeat(branches), there), flow, accumulate=True)
    matrix[rows, rows] += 1 - matrix.sum(1)
    return matrix


def _branches(kernel: Kernel, table: Table, here: State) -> tuple[Tensor, Callable[[Tensor], State]]:
    """The probability of every branch at every state, branch by branch, and the proposals `log_u → state`."""
    count, bits = here.x.shape

    def every(choices: list[object]) -> tuple[State, Tensor]:
        start = State(*(part.repeat(len(choices), *[1] * (part.ndim - 1)) for part in here))
        return start, torch.tensor(choices).repeat_interleave(count, 0)

    if isinstance(kernel, Gibbs | GibbsWithGradients):
        start, i = every(list(range(bits)))
        if isinstance(kernel, Gibbs):
            free = table.energy.free(start.x)
            choice = (free / free.sum(-1, keepdim=True)).double()
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
    low, high = torch.full((count,), -60.0, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for _ in range(60):
        middle = (low + high) / 2
        accepted = propose(middle).accepted
        low, high = torch.where(accepted, middle, low), torch.where(accepted, high, middle)
    return torch.where(propose(torch.zeros(count, dtype=torch.float64) - 1e-15).accepted, 1.0, low.exp())


def _sweep_matrix(kernel: GibbsSweep, table: Table, here: State) -> Tensor:
    """The product of the classes' matrices; each bit's probability of flipping is found by bisection."""
    count, bits = here.x.shape
    sweep = torch.eye(count, dtype=torch.float64)
    for members in kernel.classes or [(i,) for i in range(bits)]:
        low, high = torch.zeros(count, bits, dtype=torch.float64), torch.ones(count, bits, dtype=torch.float64)
        for _ in range(60):
            middle = (low + high) / 2
            flipped = kernel.update(table, here, torch.tensor(members), middle).x != here.x
            low, high = torch.where(flipped, middle, low), torch.where(flipped, high, middle)
        step = torch.zeros(count, count, dtype=torch.float64)
        for pattern in itertools.product([False, True], repeat=len(members)):
            flips = torch.zeros(bits, dtype=torch.bool)
            flips[list(members)] = torch.tensor(pattern)
            there = (here.x - flips.to(here.x.dtype)).abs().long() @ table.place
            probability = torch.where(flips, low, 1 - low)[:, list(members)].prod(-1)
            step[torch.arange(count), there] = probability
        sweep = sweep @ step
    return sweep


def _block_matrix(kernel: BlockGibbs, local: LocalEvaluation, states: Tensor) -> Tensor:
    """`Σ_h p(h|x) p(x'|h)` over all hidden states."""
    energy = local.energy
    assert isinstance(energy, RBMEnergy)
    h = enumerate_states(len(energy.hidden_bias), dtype=states.dtype)
    with torch.no_grad():
        up, down = kernel.hidden(energy, states), kernel.visible(energy, h)
    to_hidden = (h * up[:, None] + (1 - h) * (1 - up[:, None])).prod(-1)
    to_visible = (states * down[:, None] + (1 - states) * (1 - down[:, None])).prod(-1)
    return to_hidden @ to_visible


def check_frequencies(kernel: Kernel, local: LocalEvaluation, states: Tensor, row: int, draws: int = 100_000) -> None:
    """One step from state `row`, `draws` times, ends where the transition matrix says, within 4.5 standard errors."""
    wanted = transition_matrix(kernel, local, states)[row]
    start = kernel.init(local, states[[row]].expand(draws, -1))
    moved = kernel.step(local, start, generator=torch.Generator().manual_seed(row)).x
    seen = (moved.long() @ Table(local, states).place).bincount(minlength=len(states)) / draws
    error = (wanted * (1 - wanted) / draws).clamp(min=0).sqrt() + 1 / draws
    assert ((seen - wanted).abs() <= 4.5 * error).all()


def law_of(local: LocalEvaluation, states: Tensor) -> Tensor:
    """The probabilities of all states at the inverse temperature of the local evaluation, `(K,)`."""
    return (-local.beta * local.energy(states)).softmax(0).detach()


def detailed_balance_residual(matrix: Tensor, law: Tensor) -> float:
    """The largest `|p(x) P(x, x') − p(x') P(x', x)|`, as a fraction of the largest flow between two states."""
    flow = law.unsqueeze(1) * matrix
    off_diagonal = flow - torch.diag(flow.diagonal())
    return ((flow - flow.T).abs().max() / off_diagonal.max()).item()
