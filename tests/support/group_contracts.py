"""Transition matrices of kernels over variables of several values, through the kernels' own pure methods."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from contracts import BISECTIONS, _acceptance
from place import DEVICE, FLOAT, number_of, rounding
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.energies.rbm import RBMEnergy
from discrete_ed.groups import Groups
from discrete_ed.samplers import (
    DMALA,
    DULA,
    BlockGibbs,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Kernel,
    Metropolis,
    PathAuxiliary,
    State,
)


class Listed:
    """A local evaluation looked up in a table of the states of the groups, in which a state is found by its bits."""

    def __init__(self, local: LocalEvaluation, states: Tensor) -> None:
        self.evaluation = Evaluation(*(part.detach() for part in local(states)))
        self.energy = local.energy
        self.row = torch.full((2 ** states.shape[1],), len(states))  # beyond the table for a state that is none
        self.row[number_of(states)] = torch.arange(len(states))

    def __call__(self, x: Tensor) -> Evaluation:
        place = self.row[number_of(x)]
        return Evaluation(self.evaluation.energy[place], self.evaluation.delta[place])


def matrix_of(kernel: Kernel, local: LocalEvaluation, states: Tensor) -> Tensor:
    """`P[x, x']` over the states `(K, D)` of groups; each branch is accepted where bisection says."""
    groups = local.energy.groups
    assert groups is not None
    kernel.init(local, states)
    if isinstance(kernel, BlockGibbs):
        return _block(kernel, local, states, groups)
    table = Listed(local, states)
    here = State(states, *table(states), torch.zeros(len(states), dtype=torch.bool))
    if isinstance(kernel, Gibbs | GibbsSweep):
        return _by_variables(kernel, table, here, groups)
    matrix = torch.zeros(len(states), len(states), dtype=FLOAT)
    probability, propose = _branches(kernel, table, here, groups)
    count = len(probability) // len(states)
    assert torch.allclose(probability.view(count, -1).sum(0), torch.ones(1, dtype=FLOAT), atol=rounding(1e-12))
    likely = probability > 0  # a branch that is never proposed may lead nowhere
    probability, propose = probability[likely], propose(likely)
    rows = torch.arange(len(states)).repeat(count)[likely]
    there = table.row[number_of(propose(torch.full((len(rows),), -torch.inf)).x)]
    matrix.index_put_((rows, there), probability * _acceptance(propose, len(rows)), accumulate=True)
    matrix.diagonal().add_(1 - matrix.sum(1))
    return matrix


def _branches(
    kernel: Kernel, table: Listed, here: State, groups: Groups
) -> tuple[Tensor, Callable[[Tensor], Callable[[Tensor], State]]]:
    """The probability of every branch at every state, and for a mask of branches the proposals `log_u → state`."""
    count = len(here.x)

    def every(choices: list[object]) -> tuple[State, Tensor]:
        start = State(*(part.repeat(len(choices), *[1] * (part.ndim - 1)) for part in here))
        return start, torch.tensor(choices).repeat_interleave(count, 0)

    def some(start: State, mask: Tensor) -> State:
        return State(*(part[mask] for part in start))

    if isinstance(kernel, GibbsWithGradients | Metropolis):
        start, i = every(list(range(groups.bits)))
        if isinstance(kernel, Metropolis):
            choice = groups.movable(start.x, table.energy.free(start.x)).to(FLOAT)
            choice = choice / choice.sum(-1, keepdim=True)
        else:
            choice = kernel.log_proposal(start.delta).exp()
        chance = choice.gather(-1, i[:, None])[:, 0]
        return chance, lambda mask: lambda log_u: kernel.flip(table, some(start, mask), i[mask], log_u)
    if isinstance(kernel, PathAuxiliary):
        movable = groups.totals(here.delta[:1].isfinite().long()) > 0  # the same in all states of a test
        able = [bits for bits, can in zip(groups.variables, movable[0].tolist(), strict=True) if can]
        longest = min(2 * kernel.flips - 1, len(groups.variables))
        paths, lengths = [], []
        for length in range(1, 2 * kernel.flips):
            for chosen in itertools.permutations(able, min(length, len(able))):
                for path in itertools.product(*chosen):
                    rest = [bits[0] for bits in groups.variables if not set(bits) & set(path)]
                    paths.append([*path, *rest][:longest])
                    lengths.append(length)
        start, path = every(paths)
        _, length = every(lengths)
        used = length.clamp(max=len(able))
        chance = kernel.log_path(start.delta, path, used, groups).exp() / (2 * kernel.flips - 1)
        return (
            chance,
            lambda mask: lambda log_u: kernel.follow(table, some(start, mask), path[mask], length[mask], log_u),
        )
    if isinstance(kernel, DMALA | DULA):
        options = [[None, *bits] for bits in groups.variables]
        moves = [[bit in chosen for bit in range(groups.bits)] for chosen in itertools.product(*options)]
        start, flips = every(moves)
        chance = kernel.log_proposal(start.delta, flips, groups).exp()
        if isinstance(kernel, DMALA):
            return chance, lambda mask: lambda log_u: kernel.move(table, some(start, mask), flips[mask], log_u)
        return chance, lambda mask: lambda _: kernel.move(table, some(start, mask), flips[mask])
    raise TypeError(kernel)


def shares(outcome: Callable[[Tensor], Tensor], rows: int, outcomes: int) -> Tensor:
    """The probability of each outcome `0, …, n − 1` that a uniform decides, in order: `(rows, n)`, by bisection."""
    edges = [torch.zeros(rows, dtype=FLOAT)]
    for k in range(outcomes - 1):
        low, high = torch.zeros(rows, dtype=FLOAT), torch.ones(rows, dtype=FLOAT)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = outcome(middle) <= k
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        edges.append(low)
    return torch.stack([*edges, torch.ones(rows, dtype=FLOAT)], 1).diff(dim=1)


def _rank(x: Tensor, before: Tensor, bits: tuple[int, ...]) -> Tensor:
    """Which move of a variable was made, in the order of its bits; the last rank is to stay."""
    moved = (x != before)[:, list(bits)].any(-1)
    place = x[:, list(bits)].argmax(-1) if len(bits) > 1 else torch.zeros(len(x), dtype=torch.long)
    return torch.where(moved, place, len(bits))


def _by_variables(kernel: Gibbs | GibbsSweep, table: Listed, here: State, groups: Groups) -> Tensor:
    """The mean of the matrices of all movable variables (`Gibbs`), or their product."""
    count = len(here.x)
    movable = groups.totals(groups.movable(here.x, table.energy.free(here.x)).to(FLOAT))[0] > 0
    steps = []
    for number, bits in enumerate(groups.variables):

        def resampled(u: Tensor, number: int = number, bits: tuple[int, ...] = bits) -> Tensor:
            if isinstance(kernel, Gibbs):
                variable = torch.full((count,), number)
                return kernel.resample(table, here, variable, u).x
            members = torch.tensor(bits)
            return kernel.update(table, here, members, u[:, None].expand(-1, len(groups.variables))).x

        chance = shares(
            lambda u, resampled=resampled, bits=bits: _rank(resampled(u), here.x, bits), count, len(bits) + 1
        )
        step = torch.zeros(count, count, dtype=FLOAT)
        for k, bit in enumerate(bits):
            there = table.row[number_of(groups.move(here.x, torch.full((count, 1), bit))[0])]
            likely = chance[:, k] > 0  # frozen bits lead to no listed state
            step.index_put_((torch.arange(count)[likely], there[likely]), chance[likely, k], accumulate=True)
        step.diagonal().add_(chance[:, -1])
        steps.append(step)
    if isinstance(kernel, GibbsSweep):
        return torch.linalg.multi_dot(steps)
    return torch.stack([step for step, can in zip(steps, movable.tolist(), strict=True) if can]).mean(0)


def _block(kernel: BlockGibbs, local: LocalEvaluation, states: Tensor, groups: Groups) -> Tensor:
    """`Σ_h p(h|x) p(x'|h)`; the conditional laws of the variables given `h` are found by bisection."""
    machine = of_kind(local.energy, RBMEnergy)
    assert machine is not None
    row = torch.zeros(2**groups.bits, dtype=torch.long)
    row[number_of(states)] = torch.arange(len(states))
    count, hidden = len(states), len(machine.hidden_bias)
    here = kernel.init(local, states)
    up = machine.transform(states).detach()
    total = torch.zeros(count, count, dtype=FLOAT)
    patterns = torch.tensor(list(itertools.product([0.0, 1.0], repeat=hidden)), dtype=FLOAT)
    wide = State(*(part.repeat(len(patterns), *[1] * (part.ndim - 1)) for part in here))
    off = 1 - patterns.repeat_interleave(count, 0)
    chances = []
    for number, bits in enumerate(groups.variables):

        def rank(u: Tensor, number: int = number, bits: tuple[int, ...] = bits) -> Tensor:
            given = torch.full((len(u), len(groups.variables)), 0.5, dtype=FLOAT)
            given[:, number] = u
            return _rank(kernel.sample_both(local, wide, off, given).x, wide.x, bits)

        chances.append(shares(rank, len(off), len(bits) + 1).split(count))
    for h, *by_variable in zip(patterns, *chances, strict=True):
        there = torch.ones(count, count, dtype=FLOAT)
        for bits, chance in zip(groups.variables, by_variable, strict=True):
            value = torch.stack([_rank(states, states[[k]].expand(count, -1), bits) for k in range(count)])
            there = there * chance.gather(1, value)
        total += (h * up + (1 - h) * (1 - up)).prod(-1, keepdim=True) * there
    return total


def grouped(energy: Energy, groups: Groups) -> Energy:
    """The energy with groups."""
    energy = energy.to(DEVICE)
    energy.groups = groups
    return energy
