"""The mixture below the couplings of a table: its law by enumeration, its fit, missing cells, and columns of chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.mixture import ColumnMixture, fit_mixture

SIZES = (2, 4, 3)
ROWS = torch.tensor(list(itertools.product(*map(range, SIZES))))


def strange_mixture(components: int = 3) -> ColumnMixture:
    generator = torch.Generator().manual_seed(0)
    laws = [torch.randn(size, components, generator=generator).log_softmax(0) for size in SIZES]
    return ColumnMixture(torch.randn(components, generator=generator).log_softmax(0), laws)


def enumerated(mixture: ColumnMixture) -> torch.Tensor:
    """`p` of all rows, of the shape of the sizes, by the sum in the docstring."""
    found = torch.zeros(SIZES)
    for k, weight in enumerate(mixture.log_weights.exp()):
        first, second, third = (law[:, k].exp() for law in mixture.laws)
        found += weight * first[:, None, None] * second[:, None] * third
    return found


def test_the_law_of_each_cell_given_the_known_ones_is_that_of_the_enumerated_law():
    mixture = strange_mixture()
    law = enumerated(mixture)
    for known in itertools.product([True, False], repeat=3):
        found = mixture.given_others(ROWS, torch.tensor(known).expand(len(ROWS), 3)).exp().split(SIZES, 1)
        for column in range(3):
            hidden = [k for k in range(3) if k != column and not known[k]]
            part = law.sum(hidden, keepdim=True).expand(SIZES) if hidden else law
            expected = (part / part.sum(column, keepdim=True)).movedim(column, -1)
            for row, cells in zip(found[column], ROWS.tolist(), strict=True):
                place = tuple(cell for k, cell in enumerate(cells) if k != column)
                assert row == pytest.approx(expected[place], abs=1e-6)
    for column, marginal in enumerate(mixture.marginals()):
        assert marginal == pytest.approx(law.sum([k for k in range(3) if k != column]), abs=1e-6)


def test_rows_are_sampled_from_the_law_and_filled_given_known_cells(generator):
    mixture = strange_mixture()
    law = enumerated(mixture)
    places = torch.tensor([12, 3, 1])
    counts = torch.bincount((mixture.sample(20_000, generator=generator) * places).sum(1), minlength=24)
    assert (counts / 20_000 - law.flatten()).abs().sum() / 2 < 0.025  # as many rows of the law have about .013
    known = torch.tensor([False, True, False]).expand(20_000, 3)
    filled = mixture.filled(torch.tensor([1, 2, 2]).expand(20_000, 3), known, generator=generator)
    assert (filled[:, 1] == 2).all()
    counts = torch.bincount(filled[:, 0] * 3 + filled[:, 2], minlength=6) / 20_000
    assert (counts - (law[:, 2] / law[:, 2].sum()).flatten()).abs().sum() / 2 < 0.02


def test_an_energy_holds_the_mixture():
    mixture = strange_mixture()
    energy = TableEnergy(SIZES, features=2, components=3)
    energy.log_weights.copy_(mixture.log_weights)
    energy.log_laws.copy_(torch.cat(mixture.laws))
    with torch.no_grad():
        assert (-energy(energy.groups.encode(ROWS).float())).exp() == pytest.approx(enumerated(mixture).flatten())


def test_kinds_of_rows_are_found_with_missing_cells_too():
    """Two kinds of rows, a third of whose cells are missing: their shares and laws, up to their order."""
    rng = np.random.default_rng(0)
    kind = rng.random(3000) < 0.3
    share = np.where(kind[:, None], [0.9, 0.8, 0.9, 0.1], [0.1, 0.2, 0.3, 0.9])
    rows = (rng.random((3000, 4)) < share).astype(float)
    rows[rng.random(rows.shape) < 1 / 3] = np.nan
    mixture = fit_mixture(rows, [2] * 4, 2)
    small = int(mixture.log_weights.argmin())
    assert float(mixture.log_weights[small].exp()) == pytest.approx(0.3, abs=0.05)
    for k, expected in ((small, [0.9, 0.8, 0.9, 0.1]), (1 - small, [0.1, 0.2, 0.3, 0.9])):
        assert torch.stack([law[1, k].exp() for law in mixture.laws]) == pytest.approx(expected, abs=0.07)
    again, other = (fit_mixture(rows, [2] * 4, 2, seed=seed) for seed in (0, 1))
    assert torch.equal(again.log_weights, mixture.log_weights)
    assert not torch.equal(other.log_weights, mixture.log_weights)


def test_a_column_of_chance_has_the_same_law_in_all_components():
    """With one row more in each component, whatever the column, its shares are .07 to .95."""
    rng = np.random.default_rng(0)
    kind, words = rng.integers(8, size=600), rng.integers(5, size=(8, 9))
    rows = np.where(rng.random((600, 9)) < 0.2, rng.integers(5, size=(600, 9)), words[kind])
    rows = np.concatenate([rows, rng.integers(2, size=(600, 1))], axis=1).astype(float)
    mixture = fit_mixture(rows, [5] * 9 + [2], 16)
    alone = rows[:, 9].mean()
    assert (mixture.laws[9][1].exp() - alone).abs().max() < 0.16
    assert mixture.laws[0].exp().max() > 0.7
