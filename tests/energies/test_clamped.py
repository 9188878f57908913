"""Clamped energies: chains and losses see the conditional law, against enumeration."""

from __future__ import annotations

import pytest
import torch
from contracts import ising
from place import DEVICE, all_states, number_of, rounding, seeded

from discrete_ed import (
    Bernoulli,
    Block,
    Clamped,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    InputError,
    PathAuxiliary,
    Taylor,
    energy_discrepancy,
    pseudo_likelihood,
    sample,
)

pytestmark = pytest.mark.anywhere
ENERGY, STATES = ising(6, 0.8), all_states(6)
KNOWN = torch.tensor([True, False, False, True, False, False])


def conditional(known: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
    """`p(x | x_known)` of all states, by enumeration."""
    agree = (row == STATES)[:, known].all(-1)
    return (-ENERGY(STATES).detach()).masked_fill(~agree, -torch.inf).softmax(-1)


@pytest.mark.thorough
@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize(
    ("kernel", "local"),
    [(Gibbs(), Exact), (GibbsSweep(), Exact), (GibbsWithGradients(), Taylor), (PathAuxiliary(2), Taylor)],
    ids=lambda part: type(part).__name__,
)
def test_chains_follow_the_conditional_law(kernel, local, by_row):
    copies, rows = 3000, STATES[[5, 50]]
    known = torch.stack([KNOWN, ~KNOWN]) if by_row else KNOWN
    wide = known.repeat_interleave(copies, 0) if by_row else known
    x = sample(kernel, local(Clamped(ENERGY, wide)), rows.repeat_interleave(copies, 0), 60, generator=seeded())
    for k, (chains, row) in enumerate(zip(x.split(copies), rows, strict=True)):
        law = conditional(known[k] if by_row else known, row)
        place = number_of(chains).bincount(minlength=64)
        assert not place[law == 0].any()
        expected = (copies * law)[law > 0]
        chi2 = ((place[law > 0] - expected).square() / expected).sum().item()
        assert chi2 < 50  # 15 degrees of freedom: once in 100,000


def test_a_block_of_all_unknown_bits_is_the_conditional_likelihood():
    x = STATES[::7]
    loss = energy_discrepancy(Clamped(ENERGY, KNOWN), x, Block(4, epsilon=0.5), generator=seeded())
    exact = torch.stack([conditional(KNOWN, row)[(row == STATES).all(-1)].log().sum() for row in x])
    assert loss.item() == pytest.approx(-exact.mean().item() - 4 * torch.log(torch.tensor(2.0)).item(), abs=1e-5)


def test_losses_leave_known_bits_out():
    x = STATES[::7]
    delta = ENERGY.flip_delta(x)[:, ~KNOWN]
    expected = torch.nn.functional.softplus(-delta).sum(-1).mean()
    assert pseudo_likelihood(Clamped(ENERGY, KNOWN), x).item() == pytest.approx(expected.item(), abs=rounding(1e-12))
    everything = Clamped(ENERGY, torch.ones(6, dtype=torch.bool))
    assert energy_discrepancy(everything, x, Bernoulli(epsilon=0.3), w=0.0, generator=seeded()).item() == 0


def test_bits_that_the_energy_freezes_stay_frozen():
    class Half(Energy):
        def forward(self, x):
            return x.sum(-1)

        def free(self, x):
            return (torch.arange(x.shape[-1]) % 2 == 0).expand_as(x)

    free = Clamped(Half(), KNOWN).free(STATES[:2])
    assert free.tolist() == [[False, False, True, False, True, False]] * 2


def test_it_has_the_parameters_of_its_energy_and_no_others():
    clamped = Clamped(ENERGY, KNOWN)
    assert [p is q for p, q in zip(clamped.parameters(), ENERGY.parameters(), strict=True)] == [True, True]
    assert not any("known" in name for name in clamped.state_dict())
    assert clamped.to(DEVICE).known.device.type == DEVICE.type


@pytest.mark.parametrize("known", [torch.ones(6), torch.ones(1, 1, 6, dtype=torch.bool), torch.tensor(True)])
def test_a_mask_that_is_none_is_refused(known):
    with pytest.raises(InputError, match=r"known: expected bools of shape \(D,\) or \(B, D\)"):
        Clamped(ENERGY, known)


@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_a_mask_of_other_bits_is_refused_at_once(shape):
    with pytest.raises(InputError, match="known: expected 6 bits, as of the energy, got 5"):
        Clamped(ENERGY, torch.ones(shape, dtype=torch.bool))


def test_a_mask_of_other_states_is_refused():
    with pytest.raises(InputError, match=r"known: expected \(4, 6\)"):
        sample(Gibbs(), Exact(Clamped(ENERGY, torch.ones(3, 6, dtype=torch.bool))), STATES[:4], 3)
