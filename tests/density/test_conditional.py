"""Conditional and marginal laws, and missing cells, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from place import DEVICE, FLOAT, number_of, seeded

from discrete_ed import (
    BernoulliEnergy,
    Clamped,
    DensityEstimator,
    Energy,
    Exact,
    Gibbs,
    InputError,
    RBMEnergy,
    enumerate_states,
    log_law,
    sample,
)
from discrete_ed.density import complete, conditional_law, log_marginal
from discrete_ed.density import conditional as conditional_room

pytestmark = pytest.mark.anywhere

D = 6
ENERGY = RBMEnergy(D, 4, scale=1.0, generator=torch.Generator().manual_seed(0)).to(DEVICE, FLOAT)
STATES = enumerate_states(D, device=DEVICE).to(FLOAT)
LAW = log_law(ENERGY).exp().detach().double()


@pytest.mark.parametrize("targets", [[2], [5, 0], list(range(D))])
def test_conditional_laws_are_those_of_the_enumerated_law(targets):
    found = conditional_law(ENERGY, STATES, targets)
    rest = [place for place in range(D) if place not in targets]
    for row in range(0, 2**D, 7):
        same = (STATES[:, rest] == STATES[row, rest]).all(1)
        for value, log_p in zip(found.values, found.log_law[row], strict=True):
            expected = LAW[same & (STATES[:, targets] == value).all(1)].sum() / LAW[same].sum()
            assert log_p.exp().item() == pytest.approx(expected.item(), abs=1e-6)
    own = found.log_probability(STATES[:, targets])
    assert torch.allclose(found.log_law.exp().sum(1), torch.ones(1, dtype=torch.float64))
    assert torch.allclose(own, found.log_law[torch.arange(2**D), number_of(STATES[:, targets])])
    assert torch.equal(found.most_probable, found.values[found.log_law.argmax(1)])
    assert found.marginals.shape == (2**D, len(targets))


def test_marginals_are_those_of_the_enumerated_law():
    known = torch.rand(STATES.shape, generator=seeded()) < 0.6
    found = log_marginal(ENERGY, STATES, known).exp()
    for row in range(0, 2**D, 5):
        agree = ((STATES[row] == STATES) | ~known[row]).all(1)
        assert found[row].item() == pytest.approx(LAW[agree].sum().item(), abs=1e-6)
    nothing = log_marginal(ENERGY, STATES[:3], torch.zeros(3, D, dtype=torch.bool))
    assert nothing.abs().max() < 1e-5  # the probability of anything is one


@pytest.mark.parametrize("by_sum", [10, 0], ids=["summed", "chains"])
def test_completed_rows_follow_the_conditional_law(by_sum, monkeypatch):
    monkeypatch.setattr(conditional_room, "COMPLETED_BY_SUM", by_sum)
    known = torch.tensor([True, False, True, True, False, True])
    x = STATES[[37]].repeat(2000, 1)
    done = complete(ENERGY, x, known.expand(2000, -1), steps=60, generator=seeded())
    assert torch.equal(done[:, known], x[:, known])
    law = conditional_law(ENERGY, x[:1], [1, 4]).log_law.exp()[0]
    seen = number_of(done[:, [1, 4]]).bincount(minlength=4) / 2000
    assert ((seen - law).abs() <= 4.5 * (law * (1 - law) / 2000).sqrt() + 1e-3).all()


class Never(Energy):
    """Bits 0 and 1 are never both on."""

    bits = 2

    def forward(self, x):
        return torch.zeros_like(x[..., 0]).masked_fill(x.sum(-1) == 2, torch.inf)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: conditional_law(ENERGY, STATES, []), "targets: expected different columns from 0 to 5"),
        (lambda: conditional_law(ENERGY, STATES, [1, 1]), "targets: expected different columns"),
        (lambda: conditional_law(ENERGY, STATES, [6]), "targets: expected different columns"),
        (
            lambda: conditional_law(BernoulliEnergy(20).to(DEVICE), torch.zeros(1, 20), list(range(17))),
            "at most 16 unknown bits",
        ),
        (lambda: conditional_law(ENERGY, STATES, [1]).log_probability(STATES[:3, :1]), "targets: expected 64 rows"),
        (lambda: log_marginal(ENERGY, STATES, torch.ones(D, dtype=torch.bool)), "known: expected bools of shape"),
        (lambda: conditional_law(Clamped(ENERGY, [True] * D).to(DEVICE), STATES, [0]), "freezes no bit"),
        (
            lambda: complete(Never(), torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool)),
            "probability zero at 1 states",
        ),
    ],
)
def test_what_has_no_conditional_law_is_refused(act, reason):
    with pytest.raises(InputError, match=reason):
        act()


def pairs(n: int) -> np.ndarray:
    """Six columns, each of the last three a noisy copy of one of the first three."""
    rng = np.random.default_rng(1)
    first = rng.random((n, 3)) < [0.2, 0.5, 0.7]
    return np.hstack([first, first ^ (rng.random((n, 3)) < 0.1)]).astype(float)


@pytest.mark.thorough
@pytest.mark.skipif(DEVICE.type != "cpu", reason="the estimator computes on the CPU")
def test_the_estimator_fits_scores_and_imputes_tables_with_missing_cells():
    whole = pairs(1500)
    holes = np.where(np.random.default_rng(2).random(whole.shape) < 0.3, np.nan, whole)
    settings = {"energy": "ising", "loss": "pl", "steps": 200, "learning_rate": 0.02, "random_state": 0}
    full, some = DensityEstimator(**settings).fit(whole), DensityEstimator(**settings).fit(holes)
    guessed = DensityEstimator(**settings).fit(np.nan_to_num(holes))
    assert some.loss_curve_.shape == (200,)
    new = pairs(3000)[1500:]
    assert full.score(new) - 0.05 < some.score(new)  # what is lost by not seeing 30% of the cells
    assert guessed.score(new) < some.score(new) - 0.3  # zeros in their place are far worse
    law = np.exp(full.score_samples(enumerate_states(6).numpy())).reshape((2,) * 6)
    row = np.array([[1, np.nan, 0, np.nan, 1, 0]])
    assert np.exp(full.score_samples(row)[0]) == pytest.approx(law[1, :, 0, :, 1, 0].sum(), abs=1e-9)
    assert full.score_samples(np.full((1, 6), np.nan))[0] == pytest.approx(0, abs=1e-9)
    filled = full.impute(holes, random_state=0)
    assert np.array_equal(filled[~np.isnan(holes)], whole[~np.isnan(holes)])
    gaps = np.isnan(holes[:, 0]) & ~np.isnan(holes[:, 3])
    assert (
        0.75 < (filled[gaps, 0] == whole[gaps, 0]).mean() < 0.95
    )  # copies agree in .9, samples of them in .82 or more
    predicted = full.conditional(new, columns=[-1]).most_probable[:, 0].numpy()
    assert (predicted == new[:, 2]).mean() > 0.99  # the best prediction is the column that it copies
    with pytest.raises(InputError, match="columns that are asked for only; impute fills in others"):
        full.conditional(holes, columns=[0])
    with pytest.raises(InputError, match="at least one cell, got 1 in which all are missing"):
        DensityEstimator(**settings).fit(np.where([True] + [False] * 5, np.nan, whole))


@pytest.mark.skipif(DEVICE.type != "cpu", reason="the estimator computes on the CPU")
def test_partial_fit_goes_on_where_fit_ended():
    settings = {"energy": "ising", "loss": "pl", "steps": 40, "learning_rate": 0.02, "random_state": 0}
    rows = pairs(300)
    model = DensityEstimator(**settings).partial_fit(rows)
    first = model.score(rows)
    assert first == DensityEstimator(**settings).fit(rows).score(rows)
    assert model.partial_fit(rows).score(rows) > first + 0.1
    again = DensityEstimator(**settings).partial_fit(rows).partial_fit(rows)
    assert model.score(rows) == again.score(rows)
    with pytest.raises(ValueError, match="5"):
        model.partial_fit(rows[:, :5])


def test_chains_of_a_clamped_energy_agree_with_the_sum():
    known = torch.tensor([True, True, True, False, False, False])
    x = sample(Gibbs(), Exact(Clamped(ENERGY, known)), STATES[[9]].repeat(1500, 1), 80, generator=seeded())
    law = conditional_law(ENERGY, STATES[[9]], [3, 4, 5]).marginals[0]
    assert ((x[:, 3:].double().mean(0) - law).abs() < 4.5 * (law * (1 - law) / 1500).sqrt()).all()
