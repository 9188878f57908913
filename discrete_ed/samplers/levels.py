"""Sampling from noise to data: a chain of local conditional laws, one for each noise level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy, evaluation_size
from discrete_ed.energies.local import Evaluation, LocalEvaluation, Taylor
from discrete_ed.energies.noise import DenoisingEnergy, NoiseConditionalEnergy, check_levels
from discrete_ed.energies.probe import check_function
from discrete_ed.errors import InputError
from discrete_ed.perturbations import IndependentBits
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.samplers.gradients import GibbsWithGradients
from discrete_ed.samplers.kernels import Kernel, State, check_numbers, evaluate, start, uniforms
from discrete_ed.states import check_states


@dataclass(frozen=True, eq=False)
class ProductProposals(Kernel):
    """Proposes `J` states of independent bits, and chooses among them and the present state by importance weights.

    With `r` the law of independent bits, each of the `J + 1` states is chosen with a probability proportional to
    `exp(−E(x)) / r(x)`. This iterated sampling importance resampling leaves the energy's law invariant for every `r`
    and `J`, and is reversible. Many bits change at once, so it is good where the law is close to independent bits, as
    that of data given a slightly noisier version is.

    Args:
        proposal: `r`, with one law for each state of the batch.
        candidates: J, the number of proposals in a step.

    Raises:
        InputError: fewer than one proposal.

    Source: Andrieu, Lee and Vihola 2018, Bernoulli 24, 842–872 (the conditional importance resampling kernel).
    """

    proposal: IndependentBits
    candidates: int = 8

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise InputError(f"candidates: expected at least one proposal, got {self.candidates}")

    def evaluations(self, bits: int) -> int:
        del bits
        return self.candidates + 1

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        states = self.propose(state, generator=generator)
        return self.choose(local, state, states, self.log_shares(local, state, states), generator=generator)

    def propose(self, state: State, *, generator: torch.Generator | None = None) -> Tensor:
        """The states to choose from, `(B, J + 1, D)`: the present one, then the proposals."""
        proposed = self.proposal.sample(self.candidates, generator=generator)
        return torch.cat([state.x.unsqueeze(1), proposed], 1)

    def choose(
        self,
        local: LocalEvaluation,
        state: State,
        states: Tensor,
        log_shares: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> State:
        """One of the `states` for each chain, with the probabilities that `log_shares` gives."""
        shares = log_shares.exp().cumsum(1)
        u = uniforms(state, len(states), 1, generator=generator)
        place = (u * shares[:, -1:] >= shares).sum(1).clamp(max=self.candidates)
        x = states[torch.arange(len(states), device=place.device), place]
        return State(x, *local(x), place > 0)

    def log_shares(self, local: LocalEvaluation, state: State, states: Tensor) -> Tensor:
        """The log probability of choosing each of the states `(B, J + 1, D)`, the first of them the present one."""
        with torch.no_grad():
            energies = local.beta * local.energy(states[:, 1:].transpose(0, 1)).T
        log_weight = -torch.cat([state.energy.unsqueeze(1), energies], 1) - self.proposal.log_prob(states)
        return log_weight.log_softmax(1)


@dataclass(frozen=True)
class EnergiesOnly:
    """Local evaluation without differences, where no kernel uses them: it takes no gradient."""

    energy: Energy
    beta: float | Tensor = 1.0
    exact = False

    def __call__(self, x: Tensor) -> Evaluation:
        with torch.no_grad():
            return Evaluation(self.beta * self.energy(x), torch.zeros_like(x))

    def at_beta(self, beta: float | Tensor) -> EnergiesOnly:
        return EnergiesOnly(self.energy, self.beta * beta)


class LevelState(NamedTuple):
    """A batch of chains at the end of one noise level.

    >>> LevelState(step=1, x=torch.zeros(2, 3), mean_energy=-3.2, acceptance=0.4).step
    1
    """

    step: int
    """`k` of the level `t = k / T`; the last one is 0, the data"""
    x: Tensor
    """bits, `(B, D)`"""
    mean_energy: float
    """the mean of `E(x, t)` over the chains"""
    acceptance: float
    """the share of Gibbs-with-gradients proposals that were accepted; without such steps the share of chains that
    moved"""
    effective: float = 1.0
    """how near the proposals of independent bits are to the conditional law, from 0 to 1. With J candidates, their
    effective share `1 / (J Σ_j w_j²)` with normalised importance weights `w_j`; without candidates, the probability
    with which the Metropolis–Hastings rule would accept the sample that is taken. The mean over the chains."""


def levels_passed(count: int, levels: int | None = None) -> list[int]:
    """The numbers `k` of the levels that a chain passes, from T down to 0: all of them, or `levels` even steps.

    Args:
        count: T.
        levels: the number of steps from noise to data, at most T; by default T.

    Raises:
        InputError: a number of levels that is not from 1 to T.

    >>> levels_passed(40, 4)
    [40, 30, 20, 10, 0]
    """
    steps = count if levels is None else levels
    if not 1 <= steps <= count:
        raise InputError(f"levels: expected a number from 1 to {count}, that of the trained levels, got {levels}")
    return [round(count * k / steps) for k in range(steps, -1, -1)]


def sample_levels(
    energy: NoiseConditionalEnergy,
    x: Tensor,
    *,
    levels: int | None = None,
    candidates: int = 8,
    steps: int = 4,
    last_steps: int = 20,
    generator: torch.Generator | None = None,
    callback: Callable[[LevelState], None] | None = None,
) -> Tensor:
    """Samples of the data's law, from independent bits down the noise levels: bits `(B, D)` in, bits `(B, D)` out.

    The free bits start with the density of the noise. At each level, `x_t ~ p(x_t | x_later)` is sampled by one step of
    `ProductProposals` around the state of the later level, and some steps of `GibbsWithGradients`, both of which leave
    this conditional law invariant. If they reached it at every level, and the energy were that of the blurred data at
    every level, then the last states would be exact samples of the data.

    Args:
        energy: the energy of all levels, trained with `noise_level_discrepancy`.
        x: states that determine the frozen bits, `(B, D)`; their free bits have no effect.
        levels: the number of levels that are passed, in even steps; by default all T. Fewer take less time, and each
            conditional law is then wider.
        candidates: J of `ProductProposals`. With 0, the state is replaced by one sample of the independent bits,
            without weights: this needs fewest evaluations and isn't exact.
        steps: Gibbs-with-gradients steps at every level.
        last_steps: steps at the end, with the energy of the data.
        generator: source of randomness.
        callback: called with the state at the end of every level.

    Returns:
        The bits, `(B, D)`.

    Raises:
        InputError: another energy, states of another kind, more levels than there are or less than 1, or a negative
            number of steps or candidates.
        NumericalError: an energy is NaN or −∞.

    >>> from discrete_ed import MLPEnergy
    >>> energy = NoiseConditionalEnergy(MLPEnergy(6, hidden=(8,), noise_levels=True), count=3)
    >>> sample_levels(energy, torch.zeros(4, 6)).shape
    torch.Size([4, 6])
    """
    x = start_of_levels(energy, x, generator=generator)
    passed = levels_passed(energy.noise.count, levels)
    for state in chain_over_levels(
        energy, x, passed, candidates=candidates, steps=steps, last_steps=last_steps, generator=generator
    ):
        x = state.x
        if callback is not None:
            callback(state)
    return x


def start_of_levels(energy: NoiseConditionalEnergy, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """States at the last level: the free bits of `x`, `(B, D)`, are replaced by independent ones."""
    check_levels(energy)
    check_states(x, bits=energy.bits)
    check_function(energy, x)
    return energy.noise.blur(x, energy.free(x), x.new_zeros(len(x)), generator=generator)


def chain_over_levels(
    energy: NoiseConditionalEnergy,
    x: Tensor,
    passed: Sequence[int],
    *,
    candidates: int = 8,
    steps: int = 4,
    last_steps: int = 20,
    generator: torch.Generator | None = None,
    callback: Callable[[int], None] | None = None,
) -> Iterator[LevelState]:
    """The states of `sample_levels` at the end of every level.

    Args:
        x: the states at the level of `passed[0]`, `(B, D)`.
        passed: the numbers `k` of the levels `t = k / T`, falling; an interrupted chain is continued with the rest of
            them, and a chain that ends at `k > 0` samples blurred data.
        callback: called in between with the number of evaluations of the energy since the last call, which
            `level_evaluations` sums up.
    """
    for name, value in (("candidates", candidates), ("steps", steps), ("last_steps", last_steps)):
        if value < 0:
            raise InputError(f"{name}: expected at least 0, got {value}")
    count = energy.noise.count
    for later, k in pairwise(passed):
        with suitable_threads(evaluation_size(energy, x.numel())):
            posterior = DenoisingEnergy(energy, k / count, later / count, x)
            state, accepted, effective = _one_level(posterior, x, candidates, steps, generator)
            if callback is not None:
                callback(level_evaluations(candidates, steps))
            energies = state.energy + (state.x * posterior.evidence).sum(-1)  # E(x, t), without another evaluation
            if k == 0 and last_steps:
                state = start(GibbsWithGradients(), Taylor(energy), state.x)
                for _ in range(last_steps):
                    state = GibbsWithGradients().step(Taylor(energy), state, generator=generator)
                    if callback is not None:
                        callback(1)
                energies = state.energy
            check_numbers(state, count - k)
            x = state.x
        yield LevelState(k, x, energies.mean().item() if len(x) else 0.0, accepted, effective)


def level_evaluations(candidates: int, steps: int) -> int:
    """How often a chain evaluates the energy at one level, without the steps at the end: once before the proposals, for
    each of them, and in each step.

    >>> level_evaluations(8, 4)
    13
    """
    return 1 + max(candidates, 1) + steps


def _one_level(
    posterior: DenoisingEnergy, y: Tensor, candidates: int, steps: int, generator: torch.Generator | None
) -> tuple[State, float, float]:
    """The states after the steps at one level, the share of moves that were accepted, and `LevelState.effective`."""
    learned = posterior.energy.denoises
    local = Taylor(posterior) if steps or not learned else EnergiesOnly(posterior)
    before = evaluate(local, y)
    if learned:
        proposal = IndependentBits.informed(posterior, y)
    else:  # the same, with the evaluation that is needed anyway
        proposal = IndependentBits.around(Evaluation(before.energy, before.delta), y)
    kernel = ProductProposals(proposal, max(candidates, 1))
    states = kernel.propose(before, generator=generator)
    if candidates:
        log_shares = kernel.log_shares(local, before, states)
        state = kernel.choose(local, before, states, log_shares, generator=generator)
        shares = log_shares[:, 1:].double().softmax(1)
        effective = 1 / (candidates * shares.square().sum(1))
    else:
        x = states[:, 1]
        state = evaluate(local, x)._replace(accepted=(x != y).any(-1))
        log_weights = -torch.stack([before.energy, state.energy], 1) - proposal.log_prob(states)
        effective = (log_weights[:, 1] - log_weights[:, 0]).clamp(max=0).exp()
    moved = [] if steps else [state.accepted]
    for _ in range(steps):
        state = GibbsWithGradients().step(local, state, generator=generator)
        moved.append(state.accepted)
    if not len(y):
        return state, 0.0, 0.0
    return state, torch.stack(moved).float().mean().item(), effective.mean().item()
