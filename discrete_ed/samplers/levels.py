"""Sampling from noise to data: a chain of local conditional laws, one for each noise level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy, evaluation_size
from discrete_ed.energies.local import Evaluation, LocalEvaluation, Taylor
from discrete_ed.energies.noise import DenoisingEnergy, NoiseConditionalEnergy
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
        proposed = self.proposal.sample(self.candidates, generator=generator)
        states = torch.cat([state.x.unsqueeze(1), proposed], 1)
        shares = self.log_shares(local, state, states).exp().cumsum(1)
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


def sample_levels(
    energy: NoiseConditionalEnergy,
    x: Tensor,
    *,
    candidates: int = 8,
    steps: int = 4,
    last_steps: int = 20,
    generator: torch.Generator | None = None,
    callback: Callable[[LevelState], None] | None = None,
) -> Tensor:
    """Samples of the data's law, from independent bits down all noise levels: bits `(B, D)` in, bits `(B, D)` out.

    The free bits start with the density of the noise. At each level, `x_t ~ p(x_t | x_later)` is sampled by one step of
    `ProductProposals` around the state of the later level, and some steps of `GibbsWithGradients`, both of which leave
    this conditional law invariant. If they reached it at every level, and the energy were that of the blurred data at
    every level, then the last states would be exact samples of the data.

    Args:
        energy: the energy of all levels, trained with `noise_level_discrepancy`.
        x: states that determine the frozen bits, `(B, D)`; their free bits have no effect.
        candidates: J of `ProductProposals`. With 0, the state is replaced by one sample of the independent bits,
            without weights: this needs fewest evaluations and isn't exact.
        steps: Gibbs-with-gradients steps at every level.
        last_steps: steps at the end, with the energy of the data.
        generator: source of randomness.
        callback: called with the state at the end of every level.

    Returns:
        The bits, `(B, D)`.

    Raises:
        InputError: another energy, states of another kind, or a negative number of steps or candidates.
        NumericalError: an energy is NaN or −∞.

    >>> from discrete_ed import MLPEnergy
    >>> energy = NoiseConditionalEnergy(MLPEnergy(6, hidden=(8,), noise_levels=True), count=3)
    >>> sample_levels(energy, torch.zeros(4, 6)).shape
    torch.Size([4, 6])
    """
    settings = {"candidates": candidates, "steps": steps, "last_steps": last_steps}
    x = start_of_levels(energy, x, generator=generator)
    for state in chain_over_levels(energy, x, **settings, generator=generator):
        x = state.x
        if callback is not None:
            callback(state)
    return x


def start_of_levels(energy: NoiseConditionalEnergy, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """States at the last level: the free bits of `x`, `(B, D)`, are replaced by independent ones."""
    if not isinstance(energy, NoiseConditionalEnergy):
        raise InputError(f"energy: expected a NoiseConditionalEnergy, got {type(energy).__name__}")
    check_states(x, bits=energy.bits)
    check_function(energy, x)
    return energy.noise.blur(x, energy.free(x), x.new_zeros(len(x)), generator=generator)


def chain_over_levels(
    energy: NoiseConditionalEnergy,
    x: Tensor,
    *,
    begin: int | None = None,
    candidates: int = 8,
    steps: int = 4,
    last_steps: int = 20,
    generator: torch.Generator | None = None,
) -> Iterator[LevelState]:
    """The states of `sample_levels` at the end of every level, down to the data.

    Args:
        x: the states at the level `t = begin / T`, `(B, D)`.
        begin: the number of the level of `x`, by default T, independent bits; with a lower number an interrupted chain
            is continued.
    """
    for name, value in (("candidates", candidates), ("steps", steps), ("last_steps", last_steps)):
        if value < 0:
            raise InputError(f"{name}: expected at least 0, got {value}")
    levels = energy.noise.count
    for k in reversed(range(levels if begin is None else begin)):
        with suitable_threads(evaluation_size(energy, x.numel())):
            posterior = DenoisingEnergy(energy, k / levels, (k + 1) / levels, x)
            state, accepted = _one_level(posterior, x, candidates, steps, generator)
            if k == 0 and last_steps:
                state = start(GibbsWithGradients(), Taylor(energy), state.x)
                for _ in range(last_steps):
                    state = GibbsWithGradients().step(Taylor(energy), state, generator=generator)
            check_numbers(state, levels - k)
            x = state.x
            with torch.no_grad():
                mean = energy(x, k / levels).mean().item() if len(x) else 0.0
        yield LevelState(k, x, mean, accepted)


def _one_level(
    posterior: DenoisingEnergy, y: Tensor, candidates: int, steps: int, generator: torch.Generator | None
) -> tuple[State, float]:
    """The states after the steps at one level, and the share of the moves that were accepted."""
    learned = posterior.energy.denoises
    local = Taylor(posterior) if steps or not learned else EnergiesOnly(posterior)
    state = evaluate(local, y)
    if learned:
        proposal = IndependentBits.informed(posterior, y)
    else:  # the same, with the evaluation that is needed anyway
        proposal = IndependentBits.around(Evaluation(state.energy, state.delta), y)
    if candidates:
        state = ProductProposals(proposal, candidates).step(local, state, generator=generator)
    else:
        x = proposal.sample(1, generator=generator).squeeze(1)
        state = evaluate(local, x)._replace(accepted=(x != y).any(-1))
    moved = [] if steps else [state.accepted]
    for _ in range(steps):
        state = GibbsWithGradients().step(local, state, generator=generator)
        moved.append(state.accepted)
    return state, torch.stack(moved).float().mean().item()
