"""Densities of categorical variables: fitted to the accuracy of as many exact draws, sampled, completed, refused."""

from __future__ import annotations

import warnings
from math import log

import numpy as np
import pytest
import torch
from place import FLOAT, seeded

from discrete_ed import (
    BernoulliEnergy,
    DensityEstimator,
    FitConfig,
    Groups,
    InputError,
    PottsEnergy,
    density_energy,
    density_loss,
    fit,
    log_law,
    sample_density,
    shuffled_batches,
)
from discrete_ed.density import complete, conditional_law, independent_columns, log_marginal
from discrete_ed.groups.one_hot import one_hot_columns

THREE = Groups.one_hot([4, 4, 4])
P = torch.tensor([0.7, 0.1, 0.1, 0.1], dtype=FLOAT)
TRUTH = P[THREE.decode(THREE.states())].prod(-1)


def table(count: int, seed: int = 0) -> torch.Tensor:
    """Rows of three independent variables of four values, one-hot."""
    return THREE.encode(P.multinomial(3 * count, replacement=True, generator=seeded(seed)).view(count, 3))


def distance(law: torch.Tensor) -> float:
    return ((law - TRUTH).abs().sum() / 2).item()


def frequencies(x: torch.Tensor) -> torch.Tensor:
    place = THREE.decode(x) @ torch.tensor([16, 4, 1])
    return place.bincount(minlength=64) / len(x)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["pl", "rm", "cd", "pcd", "ed", "block-ed", "ml"])
def test_every_loss_learns_one_hot_data_as_well_as_counting_does(name):
    data, g = table(400), seeded(0)
    energy = density_energy("ising", 12, groups=THREE)
    steps, rate = (75, 0.1) if name in {"cd", "pcd"} else (100, 0.05)
    loss = density_loss(name, generator=g, m=8, steps=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = fit(energy, loss, shuffled_batches(data, 100, generator=g), FitConfig(steps, learning_rate=rate))
    assert len(records) == steps
    floor = distance(frequencies(data).to(FLOAT))
    assert distance(log_law(energy).exp().detach().to(FLOAT)) < (1.6 if name == "rm" else 1.2) * floor


@pytest.fixture(scope="module")
def fitted() -> DensityEstimator:
    X = table(300).numpy().astype(int)
    return DensityEstimator("ising", steps=50, learning_rate=0.1, categories=[4, 4, 4], random_state=0).fit(X)


def test_the_estimator_knows_its_categories(fitted):
    assert fitted.energy_.groups == THREE
    assert isinstance(fitted.energy_, PottsEnergy)
    assert fitted.log_z_.exact
    x = fitted.sample(3000, random_state=1)
    assert (x.reshape(-1, 3, 4).sum(-1) == 1).all()
    seen = torch.from_numpy(x.reshape(-1, 3, 4).mean((0, 1)))
    assert (seen - P).abs().max() < 0.05
    assert fitted.score(table(500, 1).numpy()) > independent_columns(table(400), table(500, 1), THREE) - 0.15
    law = fitted.conditional(table(3).numpy(), columns=[8, 9, 10, 11])
    assert law.values.shape == (4, 4)
    assert law.log_law.exp().sum(1) == pytest.approx([1, 1, 1])
    assert (law.log_law.exp() - P).abs().max() < 0.1


def test_missing_variables_are_completed_and_summed_over(fitted):
    x = table(200, 2).numpy()
    x[:, 4:8] = np.nan
    full = fitted.impute(x, random_state=0)
    assert (full.reshape(-1, 3, 4).sum(-1) == 1).all()
    assert np.array_equal(full[:, :4], x[:, :4])
    values = np.stack([np.concatenate([x[:, :4], np.eye(4)[np.full(200, k)], x[:, 8:]], 1) for k in range(4)])
    scores = np.stack([fitted.score_samples(some) for some in values])
    assert fitted.score_samples(x) == pytest.approx(np.logaddexp.reduce(scores, 0))
    partly = x.copy()
    partly[0, 5] = 0
    with pytest.raises(InputError, match="columns 4 to 7 of a variable to be missing together, got a part of them in"):
        fitted.score_samples(partly)


def test_a_table_with_missing_variables_is_fitted():
    x = table(300).numpy()
    x[np.random.default_rng(0).random(300) < 0.3, 4:8] = np.nan
    model = DensityEstimator("ising", steps=30, learning_rate=0.1, categories=THREE, random_state=0).fit(x)
    seen = torch.from_numpy(model.sample(3000, random_state=1).reshape(-1, 3, 4)[:, 1].mean(0))
    assert (seen - P).abs().max() < 0.1


def test_many_missing_variables_are_completed_by_chains():
    groups = Groups.one_hot([4] * 8, bits=33)
    energy = BernoulliEnergy.from_data(groups.uniform(50, torch.zeros(1), generator=seeded(0)), groups=groups)
    x = groups.uniform(40, torch.zeros(1), generator=seeded(1))
    known = torch.zeros(40, 33, dtype=torch.bool)
    known[:, :4] = True
    found = complete(energy, x, known, steps=30, generator=seeded(2))
    assert groups.valid(found).all()
    assert torch.equal(found[:, :4], x[:, :4])
    assert (found != x).any(1).all()
    with pytest.raises(InputError, match="at most 16 unknown bits, whose values are summed, got 17"):
        log_marginal(energy, x, torch.zeros_like(known))
    with pytest.raises(InputError, match="expected whole groups, got 1 of bits"):
        conditional_law(energy, x, [0])


def test_samples_of_large_spaces_are_states_of_the_groups(monkeypatch):
    monkeypatch.setattr("discrete_ed.density.sampling.UNIFORM_STARTS", 20_000)
    groups = Groups.one_hot([4] * 9)
    data = groups.uniform(200, torch.zeros(1), generator=seeded(0))
    energy = BernoulliEnergy.from_data(data, groups=groups)
    found = sample_density(energy, data, 400, steps=20, generator=seeded(1))
    assert groups.valid(found.states).all()
    assert (found.states.mean(0) - 0.25).abs().max() < 0.12


def test_names_of_energies_take_groups():
    mixed = Groups(((0, 1, 2),), bits=5)
    x = mixed.states()
    for name in ("mlp", "residual", "rbm", "ising"):
        energy = density_energy(name, 5, width=8, data=x, groups=mixed)
        assert energy.groups == mixed
        assert energy.move_delta(x).shape == x.shape
        assert (log_law(energy).exp().detach() - 1 / 12).abs().max() < 0.05
    assert independent_columns(x, x, mixed) == pytest.approx(-log(12), abs=1e-6)
    with pytest.raises(InputError, match="groups: expected those of 6 bits, got 5"):
        density_energy("mlp", 6, groups=mixed)


def test_columns_that_look_one_hot_are_noticed():
    x = table(200).numpy()
    assert one_hot_columns(x) == [range(4), range(4, 8), range(8, 12)]
    bits = np.random.default_rng(0).integers(0, 2, (200, 3))
    assert one_hot_columns(np.concatenate([bits, x[:, :4], bits], 1)) == [range(3, 7)]
    assert one_hot_columns(bits) == one_hot_columns(x[:10]) == []
    assert one_hot_columns(np.eye(2)[np.zeros(200, int)]) == []
    with pytest.warns(
        UserWarning, match=r"columns 0 to 3, 4 to 7, 8 to 11 hold exactly one 1 .*categories=\[4, 4, 4\]"
    ):
        DensityEstimator("ising", steps=2, random_state=0).fit(x)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([4, 4, 5], "at most 12 columns in all, got 13"),
        ([4, 1], "at least 2 values of each variable, got 1"),
        (4, "number of columns of each one-hot variable"),
        ("abc", "number of columns of each one-hot variable"),
        (Groups.one_hot([3]), "groups of 12 columns, got 3"),
        ([3, 5, 4], "exactly one bit of each group to be on, got"),
    ],
)
def test_categories_that_do_not_fit_are_refused(categories, message):
    with pytest.raises(InputError, match=message):
        DensityEstimator("ising", steps=2, categories=categories).fit(table(100).numpy())


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (lambda bits: PottsEnergy(Groups.one_hot([6, 6], bits=bits)), "bits 0 to 3; 4 to 7; 8 to 11, got .* 0 to 5; 6"),
        (lambda bits: bits, "energy: expected a discrete_ed.Energy, got int"),
    ],
)
def test_an_energy_of_other_groups_is_refused(energy, message):
    with pytest.raises(InputError, match=message):
        DensityEstimator(energy, steps=2, categories=[4, 4, 4]).fit(table(100).numpy())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([3], "columns: expected whole groups, got 1 of bits 0 to 3"),
        ([12], r"columns: expected different columns from 0 to 11, got \[12\]"),
        ([1, -11], r"columns: expected different columns .* got \[1, -11\]"),
        ([], "columns: expected different columns"),
    ],
)
def test_columns_without_a_law_are_refused_by_their_name(fitted, columns, message):
    with pytest.raises(InputError, match=message):
        fitted.conditional(table(3).numpy(), columns=columns)


def test_rows_without_a_category_are_refused(fitted):
    x = table(3).numpy()
    x[1, 4:8] = 0
    with pytest.raises(InputError, match=r"X: expected exactly one bit .* got 0 of bits 4 to 7 in row 1"):
        fitted.score_samples(x)
