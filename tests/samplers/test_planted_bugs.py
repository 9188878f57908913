"""The classic bugs of kernels, planted: the exact checks find every one of them."""

from __future__ import annotations

import pytest
import torch
from contracts import (
    Altered,
    check_frequencies,
    detailed_balance_residual,
    ising,
    law_of,
    rbm,
    torus,
    transition_matrix,
)
from place import all_states, rounding

from discrete_ed import (
    DMALA,
    BlockGibbs,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    PathAuxiliary,
)
from discrete_ed.energies.local import Evaluation
from discrete_ed.samplers import State
from discrete_ed.samplers.kernels import accept

pytestmark = pytest.mark.anywhere

RING = torus(2, 3)


class PathWithReplacement(PathAuxiliary):
    """The bug: bits drawn without replacement are weighed as if drawn with it."""

    def log_path(self, delta, path, length, groups=None):
        del groups
        on_path = torch.arange(path.shape[-1]) < length.unsqueeze(-1)
        return ((-delta / 2).log_softmax(-1).gather(-1, path) * on_path).sum(-1)


class StalePath(PathAuxiliary):
    """The bug: the way back uses the differences from the start."""

    def follow(self, local, state, path, length, log_u):
        return super().follow(Altered(local, lambda e: Evaluation(e.energy, state.delta)), state, path, length, log_u)


class NoReverse(DMALA):
    """The bug: no proposal ratio."""

    def move(self, local, state, flips, log_u):
        x = torch.where(flips, 1 - state.x, state.x)
        proposed = local(x)
        return accept(state, x, proposed, log_u < state.energy - proposed.energy)


class StaleGradient(DMALA):
    """The bug: the proposal back from the old differences."""

    def move(self, local, state, flips, log_u):
        return super().move(Altered(local, lambda e: Evaluation(e.energy, state.delta)), state, flips, log_u)


class WrongSign(Gibbs):
    """The bug: the difference enters with the wrong sign."""

    def flip(self, local, state, i, log_u):
        return super().flip(local, state._replace(delta=-state.delta), i, log_u)


class MetropolisForGibbs(Gibbs):
    """Another rule that is right: the checks must not reject it."""

    def flip(self, _local, state, i, log_u):
        accepted = log_u < -state.delta.gather(-1, i.unsqueeze(-1)).squeeze(-1)
        x = state.x.scatter(-1, i.unsqueeze(-1), 1 - state.x.gather(-1, i.unsqueeze(-1)))
        return State(torch.where(accepted.unsqueeze(-1), x, state.x), state.energy, state.delta, accepted)


MUTANTS = [StalePath(2), NoReverse(0.7), StaleGradient(0.7), WrongSign()]


@pytest.mark.parametrize("kernel", MUTANTS, ids=lambda kernel: type(kernel).__name__)
def test_planted_bugs_break_detailed_balance(kernel):
    local, states = Exact(ising(6)), all_states(6)
    assert detailed_balance_residual(transition_matrix(kernel, local, states), law_of(local, states)) > 1e-3


def test_a_proposal_that_is_not_normalised_is_found():
    with pytest.raises(AssertionError):
        transition_matrix(PathWithReplacement(2), Exact(ising(6)), all_states(6))


def test_the_checks_accept_another_correct_rule():
    local, states = Exact(ising(6)), all_states(6)
    matrix = transition_matrix(MetropolisForGibbs(), local, states)
    assert detailed_balance_residual(matrix, law_of(local, states)) < rounding(1e-10)


def test_a_wrong_class_and_a_stale_sweep_break_the_law():
    class Unchecked(GibbsSweep):
        def init(self, local, x):
            return GibbsSweep().init(local, x)

    class Stale(GibbsSweep):
        def update(self, local, state, members, u):
            stale = local(torch.zeros_like(state.x))
            return super().update(local, state._replace(delta=stale.delta), members, u)

    states = all_states(6)
    law = law_of(Exact(RING), states)
    for kernel in (Unchecked(((0, 1, 5), (2, 3, 4))), Stale()):
        matrix = transition_matrix(kernel, Exact(RING), states)
        assert (law @ matrix - law).abs().max() > 1e-4


class NoHiddenBias(BlockGibbs):
    """The bug: the hidden biases are forgotten."""

    def hidden(self, energy, x):
        return (x @ energy.weight).sigmoid()


class NotTransposed(BlockGibbs):
    """The bug: the way down uses the weights of the way up; only a square machine lets it pass."""

    def visible(self, energy, h):
        return (energy.visible_bias + h @ energy.weight).sigmoid()


@pytest.mark.parametrize("kernel", [NoHiddenBias(), NotTransposed()], ids=lambda kernel: type(kernel).__name__)
def test_wrong_layers_break_the_law_of_a_machine(kernel):
    local, states = Exact(rbm(5, 5)), all_states(5)
    law = law_of(local, states)
    assert (law @ transition_matrix(kernel, local, states) - law).abs().max() > 1e-3


def test_steps_that_draw_by_another_law_than_they_weigh_by_are_found():
    class MeanField(BlockGibbs):
        """The bug: probabilities are passed on where draws should be."""

        def sample_both(self, local, state, _u_hidden, u_visible):
            energy = local.energy
            x = (u_visible < self.visible(energy, self.hidden(energy, state.x))).to(state.x.dtype)
            return State(x, energy(x).detach(), state.delta, (x != state.x).any(-1))

    class TooKeen(GibbsWithGradients):
        """The bug: bits are drawn in proportion to `exp(−Δ)`, and weighed as if by `exp(−Δ/2)`."""

        def choose(self, delta, u):
            return super().choose(2 * delta, u)

    class SharedCoin(Gibbs):
        """The bug: one uniform serves for the choice and for the flip."""

        def step(self, local, state, *, generator=None):
            u = torch.rand(state.x.shape, generator=generator)
            i = u.argmax(-1)
            return self.flip(local, state, i, u.gather(-1, i[:, None])[:, 0].log())

    for kernel, energy in (
        (MeanField(), rbm(6, 4)),
        (TooKeen(), ising(6)),
        (SharedCoin(), ising(6)),
    ):
        with pytest.raises(AssertionError):
            check_frequencies(kernel, Exact(energy), all_states(6), 11)


def test_a_step_that_does_not_draw_what_it_states_is_found():
    class HalfDrawn(DMALA):
        """The bug: `step` forgets the step size, so proposals are drawn by another law than they are weighed by."""

        def step(self, local, state, *, generator=None):
            u = torch.rand(state.x.shape, generator=generator)
            u_accept = torch.rand(len(state.x), generator=generator)
            return self.move(local, state, u < (-state.delta / 2).sigmoid(), u_accept.log())

    with pytest.raises(AssertionError):
        check_frequencies(HalfDrawn(0.7), Exact(ising(6)), all_states(6), 11)
