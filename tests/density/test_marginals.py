"""Refitted marginals: they are those of the rows, the gain is the true one, and nothing is added that loses."""

from __future__ import annotations

import pytest
import torch

from discrete_ed import IsingEnergy, SumEnergy, density_energy, log_law, log_likelihood, moments
from discrete_ed.density import marginals
from discrete_ed.density.marginals import refit_marginals
from discrete_ed.likelihood import annealed_states
from discrete_ed.likelihood.enumeration import sample_law
from discrete_ed.states import enumerate_states


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Fewer states of the base than the million that weights alone would take, and few steps of annealing: laws of
    eight spins so near the base's need no more."""
    monkeypatch.setattr(annealed_states, "PROPOSED", 2**16)
    monkeypatch.setattr(marginals, "STEPS", 100)


def spins(fields: float) -> IsingEnergy:
    """Eight spins in a random field, and with random couplings."""
    g = torch.Generator().manual_seed(0)
    upper = (0.3 * torch.randn(8, 8, generator=g)).triu(1)
    return IsingEnergy(upper + upper.T, 0.3 * torch.randn(8, generator=g) + fields)


def rows(fields: float) -> tuple[torch.Tensor, torch.Tensor]:
    states = sample_law(spins(fields), 4000, torch.Generator().manual_seed(1))
    return states[:3000], states[3000:]


def best_terms(energy: IsingEnergy, train: torch.Tensor) -> torch.Tensor:
    """`b` of the penalised likelihood, with all states summed."""
    states, log_p = enumerate_states(8).double(), log_law(energy).detach().double()
    means = train.double().mean(0)
    precision = marginals.PRIOR * means * (1 - means)
    b = torch.zeros(8, dtype=torch.float64)
    for _ in range(30):  # Newton's steps
        weights = (log_p + states @ b).softmax(0)
        centred = states - weights @ states
        hessian = (centred * weights[:, None]).T @ centred + precision.diag()
        b += torch.linalg.solve(hessian, means - weights @ states - precision * b)
    return b.float()


def test_a_wrong_linear_term_is_put_right_and_the_gain_is_the_true_one():
    """The model has the couplings of the law, and other fields: the best term is known by enumeration."""
    train, valid = rows(0.4)
    before = spins(0.0)
    found = refit_marginals(before, train, valid)
    assert isinstance(found.energy, SumEnergy)
    assert found.terms == pytest.approx(best_terms(before, train), abs=0.1)
    wrong, left = ((moments(e).marginals - train.mean(0)).abs().mean() for e in (before, found.energy))
    assert left < wrong / 5
    true = log_likelihood(found.energy, valid).mean - log_likelihood(before, valid).mean
    assert found.gain == pytest.approx(true, abs=3 * found.error)
    assert found.gain > 10 * found.error


def test_nothing_is_added_by_which_validation_rows_lose():
    """Where they follow another law than the training rows."""
    train, _ = rows(0.4)
    _, valid = rows(0.0)
    found = refit_marginals(spins(0.0), train, valid)
    assert found.terms is None
    assert found.gain < -10 * found.error
    assert isinstance(found.energy, IsingEnergy)


def test_a_law_that_has_these_marginals_hardly_changes():
    train, valid = rows(0.0)
    found = refit_marginals(spins(0.0), train, valid)
    assert abs(found.gain) < 0.01
    assert found.error < 0.005
    assert moments(found.energy).marginals == pytest.approx(moments(spins(0.0)).marginals, abs=0.03)


def test_nothing_is_known_where_too_few_states_carry_all_weight(monkeypatch):
    train, valid = rows(0.4)
    monkeypatch.setattr(marginals, "FEWEST", 10**6)
    found = refit_marginals(spins(0.0), train, valid)
    assert (found.terms, found.gain, found.error) == (None, None, None)


def test_a_network_on_a_mixture_keeps_its_base_when_it_is_refitted():
    """So annealing still starts there."""
    from discrete_ed.likelihood.starting import base_law

    train, valid = rows(0.4)
    energy = density_energy("mlp", 8, width=4, layers=1, components=3, data=rows(0.0)[0])
    found = refit_marginals(energy, train, valid)
    assert found.terms is not None
    assert "inside the energy" in base_law(found.energy, train, "auto")[1]


def test_a_single_validation_row_decides_nothing():
    train, valid = rows(0.4)
    assert refit_marginals(spins(0.0), train, valid[:1]).terms is None
