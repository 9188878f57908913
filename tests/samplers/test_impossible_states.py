"""Where an energy is +∞ the probability is zero: every kernel keeps the law that is left, and no loss turns to NaN."""

from __future__ import annotations

import pytest
import torch
from contracts import detailed_balance_residual, ising, law_of, transition_matrix
from place import DEVICE, FLOAT, all_states, rounding, seeded
from torch import Tensor

from discrete_ed import (
    DMALA,
    Bernoulli,
    Block,
    ContrastiveDivergence,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Informed,
    InputError,
    NumericalError,
    PathAuxiliary,
    Taylor,
    ais,
    energy_discrepancy,
    enumerate_states,
    pseudo_likelihood,
    ratio_matching,
    sample,
)
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.likelihood.enumeration import log_law

pytestmark = pytest.mark.anywhere

BITS = 4


class Hard(Energy):
    """A spin glass in which three states of sixteen can't be; the others stay connected by single flips."""

    def __init__(self, dtype: torch.dtype = FLOAT) -> None:
        super().__init__()
        self.soft = ising(BITS).to(dtype)
        self.bits = BITS

    def impossible(self, x: Tensor) -> Tensor:
        return (x.sum(-1) > 3) | ((x.sum(-1) == 2) & (x[..., 0] * x[..., 1] == 1)) | (x[..., 2:].sum(-1) > 1.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.soft(x).masked_fill(self.impossible(x), torch.inf)


class Defined:
    """The local evaluation with differences of zero at impossible states, where no chain ever is."""

    def __init__(self, local: LocalEvaluation) -> None:
        self.local, self.energy, self.beta, self.exact = local, local.energy, local.beta, local.exact

    def __call__(self, x: Tensor) -> Evaluation:
        energy, delta = self.local(x)
        return Evaluation(energy, delta.masked_fill(energy.isinf().unsqueeze(-1), 0.0))


@pytest.mark.parametrize("local", [Exact, Taylor])
@pytest.mark.parametrize(
    "kernel",
    [
        Gibbs(),
        GibbsSweep(),
        *(GibbsWithGradients(balance) for balance in ("sqrt", "barker", "min", "max")),
        PathAuxiliary(2),
        DMALA(0.5),
    ],
    ids=repr,
)
def test_kernels_keep_the_law_of_what_is_possible(kernel, local):
    if local is Taylor and isinstance(kernel, Gibbs | GibbsSweep):
        pytest.skip("refuses Taylor")
    states = all_states(BITS)
    here = Defined(local(Hard()))
    possible = ~here.energy.impossible(states)
    law = law_of(here, states)
    matrix = transition_matrix(kernel, here, states)
    assert torch.allclose(law[~possible], torch.zeros(1, dtype=law.dtype), atol=0)
    assert matrix[possible][:, ~possible].max() < 1e-20  # the bisection ends at exp(-60)
    assert (law @ matrix - law).abs().max() < rounding(1e-12)
    if not isinstance(kernel, GibbsSweep):
        assert detailed_balance_residual(matrix[possible][:, possible], law[possible]) < rounding(1e-10)
    reached = torch.linalg.matrix_power(matrix, 2000)[possible][:, possible]
    assert torch.allclose(reached, law[possible].expand_as(reached), atol=rounding(1e-6, 1e-3))


def test_the_law_itself_gives_them_nothing():
    law = log_law(Hard(torch.float32))
    assert (law.exp().sum() - 1).abs() < 1e-6
    assert (law == -torch.inf).sum() == Hard().impossible(enumerate_states(BITS, device=DEVICE)).sum()


@pytest.mark.parametrize(
    "loss",
    [
        pseudo_likelihood,
        ratio_matching,
        lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.4), m=64),
        lambda energy, x: energy_discrepancy(energy, x, Block(3, epsilon=0.3)),
    ],
)
def test_losses_and_their_gradients_stay_finite_beside_them(loss):
    energy = Hard()
    states = all_states(BITS)
    value = loss(energy, states[~energy.impossible(states)])
    value.backward()
    assert value.isfinite()
    assert all(p.grad.isfinite().all() for p in energy.parameters())
    assert any(p.grad.abs().sum() > 0 for p in energy.parameters())


class Breaks(Energy):
    """Fine where chains start, NaN at every state with two bits or more."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x.sum(-1) > 1, torch.nan, -9 * x.sum(-1))


@pytest.mark.parametrize(
    "kernel", [Gibbs(), GibbsSweep(), GibbsWithGradients(), DMALA(5.0), PathAuxiliary(1)], ids=repr
)
def test_an_energy_that_turns_to_nan_is_told_with_step_and_count(kernel):
    with pytest.raises(NumericalError, match=r"energy: NaN or -inf in [1-3] of 3 chains at step 20"):
        sample(kernel, Exact(Breaks()), torch.zeros(3, 4), steps=20)


def test_a_start_without_a_possible_state_is_refused():
    with pytest.raises(InputError, match=r"\+inf \(probability zero\) at 2 of 2"):
        sample(Gibbs(), Exact(Hard(torch.float32)), torch.ones(2, 4), steps=1)


@pytest.mark.thorough
@pytest.mark.parametrize("local", [Exact, Taylor])
def test_informed_negatives_estimate_the_same_loss(local):
    energy, noise = Hard(), Bernoulli(epsilon=0.3)
    x = possible().repeat(40, 1)

    def losses(perturbation: Bernoulli | Informed, first: int) -> Tensor:
        sources = [seeded(first + k) for k in range(12)]
        found = [energy_discrepancy(energy, x, perturbation, m=400, w=0.0, generator=g) for g in sources]
        return torch.stack(found).detach()

    plain, informed = losses(noise, 0), losses(Informed(noise, local=local), 100)
    assert informed.isfinite().all()
    error = ((plain.var() + informed.var()) / len(plain)).sqrt()
    assert (plain.mean() - informed.mean()).abs() < 4.5 * error + 1e-3


def test_the_bracket_of_log_z_closes():
    energy = Hard()
    law = log_law(energy, dtype=FLOAT)
    target = enumerate_states(BITS, dtype=FLOAT, device=DEVICE)[law.exp().multinomial(2000, True, generator=seeded())]
    betas = torch.linspace(0, 1, 21).tolist()
    bracket = ais(GibbsWithGradients(), Exact(energy), torch.zeros_like(target), target, betas, generator=seeded(1))
    log_z = torch.logsumexp(-energy(enumerate_states(BITS, dtype=FLOAT, device=DEVICE)), 0).item()
    assert bracket.contains(log_z)
    assert abs(bracket.upper - bracket.lower) < 0.1


@pytest.mark.thorough
@pytest.mark.many_steps
def test_the_bracket_tells_how_unsure_it_is():
    """The share of possible states is estimated, too: few starts make the upper end uncertain."""
    energy, starts = Hard(), 50
    law = log_law(energy, dtype=FLOAT).exp()
    states, generator = all_states(BITS), seeded()
    runs = []
    for _ in range(150):
        target = states[law.multinomial(1000, True, generator=generator)]
        x = torch.zeros_like(target[:starts])
        betas = torch.linspace(0, 1, 6).tolist()
        runs.append(ais(GibbsWithGradients(), Exact(energy), x, target, betas, width=9, generator=generator))
    for side in ("lower", "upper"):
        found = torch.tensor([getattr(run, side) for run in runs])
        stated = torch.tensor([getattr(run, side + "_error") for run in runs]).mean()
        assert 0.7 < found.std() / stated < 1.4


def test_a_buffer_starts_where_something_is_possible():
    x = possible()[:3]
    loss = ContrastiveDivergence(local=Exact, buffer=64, restart=0.5, generator=seeded())
    assert all(loss(Hard(), x).isfinite() for _ in range(3))
    assert Hard()(loss.state_dict()["buffer"].to(FLOAT)).isfinite().all()


def possible() -> Tensor:
    states = all_states(BITS)
    return states[~Hard().impossible(states)]
