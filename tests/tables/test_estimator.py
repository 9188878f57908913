"""The energy of a table against enumeration, its sweeps against the exact law, and what the estimator does with it."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from discrete_ed.errors import InputError
from discrete_ed.tables import TableEncoder, TableEnergy, TableEstimator, matching, save_table_estimator
from discrete_ed.tables.energy import RIDGE
from discrete_ed.tables.law import RowLaw
from discrete_ed.tables.matching import covariance_of, distance_of_starts, match_columns, match_table, most_by_chance
from discrete_ed.tables.missing import table_covariance
from discrete_ed.tables.mixture import column_shares
from discrete_ed.tables.sweeps import column_law, log_conditionals, sweep_columns

SIZES = (2, 4, 3)
STATES = torch.tensor(list(itertools.product(*map(range, SIZES))))


def strange_energy(components: int = 3) -> TableEnergy:
    """An energy in which nothing is zero."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(size, size=60) for size in SIZES], axis=1).astype(float)
    energy = TableEnergy.of_rows(rows, SIZES, [False, True, False], components=components, width=5)
    with torch.no_grad():
        for parameter in energy.parameters():
            parameter += 0.7 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return energy.double()


def exact_law(energy: TableEnergy) -> torch.Tensor:
    with torch.no_grad():
        return (-energy(energy.groups.encode(STATES).double())).softmax(0)


@pytest.mark.parametrize("components", [1, 3])
def test_conditionals_are_those_of_the_enumerated_law(components):
    energy = strange_energy(components)
    law = exact_law(energy).reshape(SIZES)
    found = log_conditionals(energy, STATES).exp()
    for column in range(3):
        conditional = law / law.sum(column, keepdim=True)
        assert found[:, column].double() == pytest.approx(conditional.flatten(), abs=1e-6)
        rows = column_law(energy, STATES, column).exp()
        assert rows.gather(1, STATES[:, column : column + 1]).squeeze(1) == pytest.approx(conditional.flatten())


def test_sweeps_sample_the_law_and_leave_known_cells(generator):
    energy = strange_energy()
    start = torch.zeros(6_000, 3, dtype=torch.long)
    found = sweep_columns(energy, start, 12, generator=generator)
    counts = torch.bincount((found * torch.tensor([12, 3, 1])).sum(1), minlength=24) / len(found)
    assert (counts - exact_law(energy)).abs().sum() / 2 < 0.04  # as many exact samples have about .023
    known = torch.zeros_like(start, dtype=torch.bool)
    known[:, 1] = True
    held = sweep_columns(energy, start + torch.tensor([0, 2, 0]), 12, known=known, generator=generator)
    assert (held[:, 1] == 2).all()
    given = exact_law(energy).reshape(SIZES)[:, 2]
    counts = torch.bincount(held[:, 0] * 3 + held[:, 2], minlength=6) / len(held)
    assert (counts - (given / given.sum()).flatten()).abs().sum() / 2 < 0.04


@pytest.mark.thorough
def test_columns_get_the_laws_that_they_should_have(generator):
    energy = strange_energy()
    shares = [torch.tensor([0.3, 0.7]), torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0.6, 0.3, 0.1])]
    match_columns(energy, shares, generator=generator)
    law = exact_law(energy).reshape(SIZES)
    for column, share in enumerate(shares):
        marginal = law.sum([k for k in range(3) if k != column])
        assert (marginal - share).abs().sum() / 2 < 0.04


def test_scores_get_the_covariance_that_they_should_have(generator):
    rng = np.random.default_rng(1)
    place = rng.integers(4, size=400)
    first = np.where(rng.random(400) < 0.3, rng.integers(2, size=400), place // 2)
    rows = np.stack([first, place, (place + rng.integers(2, size=400)) % 3], axis=1).astype(float)
    shares = column_shares(rows, SIZES)
    exact, chained = strange_energy(), strange_energy()
    wanted = table_covariance(exact, rows, generator)
    assert exact.scores.tolist() == [0, 1]  # not those of the category

    def covariance(energy: TableEnergy) -> float:
        phi = energy.features(energy.groups.encode(STATES).double()).detach()
        return float(covariance_of(phi, exact_law(energy))[0, 1])

    goal = float(wanted[0, 1]) / (1 + RIDGE)
    assert covariance(exact) < goal - 0.3
    law = RowLaw.matched(exact, shares, wanted)
    assert covariance(exact) == pytest.approx(goal, abs=1e-5)
    assert law.logits.flatten().softmax(0) == pytest.approx(exact_law(exact), abs=1e-9)
    assert law.log_z == pytest.approx(RowLaw(exact).log_z)
    for column, share in enumerate(shares):
        assert (law.marginal(column) - share).abs().max() < 1e-6
    match_columns(chained, shares, wanted, generator=generator)
    assert covariance(chained) == pytest.approx(goal, abs=0.05)
    found = exact_law(chained).reshape(SIZES)
    for column, share in enumerate(shares):
        assert (found.sum([k for k in range(3) if k != column]) - share).abs().sum() / 2 < 0.04


def test_indicators_leave_the_covariance_of_scores_as_it_is(generator):
    """Shrunk with all indicators of 150 rows, a correlation of .9 would be .5."""
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal(np.zeros(4), 0.1 * np.eye(4) + 0.9, 150)
    rows = np.stack([np.searchsorted(np.quantile(c, np.arange(1, 12) / 12), c) for c in z.T], axis=1).astype(float)
    plain, rich = (TableEnergy.of_rows(rows, [12] * 4, [True] * 4, indicators=many) for many in (False, True))
    found, expected = (table_covariance(energy, rows, generator) for energy in (rich, plain))
    assert found[rich.scores][:, rich.scores] == pytest.approx(expected, abs=1e-6)
    assert expected[0, 1] > 0.8
    assert found.count_nonzero() == 16


def test_the_start_is_the_gaussian_law_of_ordered_columns():
    """With 15 values of two normal numbers, correlations of samples of the start are those of the numbers."""
    x = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 4000)
    places = np.stack([np.searchsorted(np.quantile(c, np.arange(1, 15) / 15), c) for c in x.T], axis=1)
    energy = TableEnergy.of_rows(places.astype(float), (15, 15), (True, True))
    found = sweep_columns(energy, torch.from_numpy(places[:2000]), 20, generator=torch.Generator().manual_seed(0))
    rank = [pd.DataFrame(rows).corr("spearman").iloc[0, 1] for rows in (places, found.numpy())]
    assert rank[0] == pytest.approx(rank[1], abs=0.06)


def copied_columns(count: int) -> pd.DataFrame:
    """A column, its copy under other names, and one that depends on it."""
    rng = np.random.default_rng(0)
    place = rng.choice(3, count, p=[0.6, 0.3, 0.1])
    later = rng.random(count) < np.array([0.2, 0.5, 0.8])[place]
    return pd.DataFrame({"edu": np.array(list("xyz"))[place], "code": np.array(list("uvw"))[place], "later": later})


def test_the_energy_has_the_laws_of_columns_that_copy_each_other():
    frame = copied_columns(400)
    model = TableEstimator(steps=10, random_state=0).fit(frame)
    shares = frame["edu"].value_counts(normalize=True)
    every = pd.DataFrame(itertools.product("xyz", "uvw", [False, True]), columns=list(frame))
    law = every.assign(p=np.exp(model.score_samples(every)))
    assert law["p"].sum() == pytest.approx(1.0)
    assert law.groupby("edu")["p"].sum().to_dict() == pytest.approx(shares.to_dict(), abs=0.01)
    gaps = frame.iloc[:1000].assign(edu=None, code=None, later=True)
    joint = law[law["later"]].groupby("edu")["p"].sum()
    found = model.predict_proba(gaps.iloc[:1], "edu").iloc[0]
    assert found.to_dict() == pytest.approx((joint / joint.sum()).to_dict(), abs=1e-6)
    drawn = model.impute(gaps, random_state=0)
    assert (drawn["edu"].value_counts(normalize=True) - found).abs().max() < 0.09  # of 400 rows; 3.6 deviations
    assert (drawn["edu"].map(dict(zip("xyz", "uvw", strict=True))) == drawn["code"]).mean() > 0.95


@pytest.mark.thorough
def test_chains_that_cannot_leave_their_modes_match_columns_all_the_same(generator):
    frame = copied_columns(400)
    encoder = TableEncoder.fit(frame)
    energy = TableEnergy.of_rows(encoder.positions(frame), encoder.sizes, [False] * 3)
    shares = [torch.tensor(frame[name].value_counts(normalize=True).sort_index().to_numpy()) for name in frame]
    annealed = match_columns(energy, shares, chains=2000, generator=generator)
    law = RowLaw(energy)
    for column, share in enumerate(shares):
        assert (law.marginal(column) - share).abs().max() < 0.1  # from b of independent columns it is .5
    assert distance_of_starts(energy, annealed.flip(0), annealed, generator=generator) < most_by_chance(energy.bits)
    wrong = torch.zeros_like(annealed)
    assert distance_of_starts(energy, wrong, annealed, generator=generator) > most_by_chance(energy.bits)


def test_chains_that_disagree_are_warned_of(model, monkeypatch):
    monkeypatch.setattr(model, "distance_of_starts_", 0.4)
    with pytest.warns(UserWarning, match=r"disagree by up to 0.40 .* samples"):
        model.sample(2, random_state=0)
    with pytest.warns(UserWarning, match="log Z may miss"):
        model.score(rows_of(20, 0))


def rows_of(count: int, seed: int, *, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    place = rng.integers(3, size=count)
    frame = pd.DataFrame(
        {
            "price": rng.normal(10 * place, 2).round(1),
            "colour": np.array(["red", "green", "blue"])[place],
            "sold": rng.random(count) < np.array([0.1, 0.5, 0.9])[place],
        }
    )
    return frame.mask(rng.random(frame.shape) < missing) if missing else frame


@pytest.fixture(scope="module")
def model():
    return TableEstimator(steps=10, bins=8, random_state=0).fit(rows_of(300, 0))


def test_samples_have_the_columns_of_the_table_and_their_dependence(model):
    sampled, real = model.sample(600, random_state=1, sweeps=10), rows_of(600, 1)
    assert sampled.columns.equals(real.columns)
    assert (sampled.dtypes == real.dtypes).all()
    assert (sampled["price"].round(1) == sampled["price"]).all()
    means = [frame.groupby("colour")[["price", "sold"]].mean() for frame in (sampled, real)]
    assert (means[0]["price"] - means[1]["price"]).abs().max() < 2
    assert (means[0]["sold"] - means[1]["sold"]).abs().max() < 0.2
    pd.testing.assert_frame_equal(sampled, model.sample(600, random_state=1, sweeps=10))
    assert not sampled.equals(model.sample(600, random_state=2, sweeps=10))


def test_any_column_is_predicted_by_the_law_of_the_energy(model):
    real = rows_of(200, 2)
    colours = model.predict_proba(real.drop(columns="colour"), "colour")
    assert (colours.idxmax(axis=1) == real["colour"]).mean() > 0.9
    assert colours.columns.tolist() == ["blue", "green", "red"]
    states = {name: model.encoder_.encode(real.assign(colour=name)).double() for name in colours}
    with torch.no_grad():
        weights = torch.stack([-model.energy_(x) for x in states.values()], 1).softmax(1)
    assert colours.to_numpy() == pytest.approx(weights.numpy(), abs=1e-6)
    prices = model.predict_proba(real, "price")
    assert prices.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert prices.columns[0].left == -np.inf
    gaps = real.assign(price=np.nan)
    half = model.predict_proba(gaps, "sold", random_state=0, sweeps=10)
    assert half[True].groupby(real["colour"]).mean()["red"] < 0.3 < half[True].groupby(real["colour"]).mean()["blue"]


def test_missing_cells_are_sampled_given_the_others(model):
    real = rows_of(300, 3)
    holes = real.mask(np.random.default_rng(0).random(real.shape) < 0.3).set_index(np.arange(300) + 7)
    found = model.impute(holes, random_state=0, sweeps=10)
    assert found.index.equals(holes.index)
    assert not found.isna().any(axis=None)
    for name in real:
        assert (found[name][holes[name].notna()] == holes[name].dropna()).all()
    hidden = (holes["colour"].isna() & holes["price"].notna()).to_numpy()
    assert (found["colour"].to_numpy() == real["colour"])[hidden].mean() > 0.75


def test_known_cells_stay_even_if_the_column_could_not_hold_them():
    frame = pd.DataFrame({"n": np.arange(60).astype(np.int8) % 23, "word": ["x", "y"] * 30})
    model = TableEstimator({"n": "number"}, steps=1, width=2, random_state=0).fit(frame)
    for known in (1.25, 300.0):  # no whole number, or beyond those of eight bits
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # far outside of the range
            filled = model.impute(pd.DataFrame({"n": [known, 3.0, None], "word": None}), random_state=0)
        assert filled["n"].tolist()[:2] == [known, 3.0]
        assert filled["n"][2] == round(filled["n"][2])
        assert filled["word"].isin(["x", "y"]).all()
    assert not np.signbit(model.anomaly_scores(pd.DataFrame({"n": [np.nan], "word": None}))).any()


def test_improbable_rows_have_large_scores_and_probabilities_sum_to_one(model):
    real = rows_of(100, 4)
    changed = real.assign(colour=real["colour"].map({"red": "blue", "blue": "red", "green": "red"}))
    assert model.anomaly_scores(changed).mean() > model.anomaly_scores(real).mean() + 1
    assert (model.log_conditionals(changed).idxmin(axis=1) == "colour").mean() > 0.5
    assert model.score(real) > model.score(changed) + 1
    sizes = model.encoder_.sizes
    states = np.array(list(itertools.product(*map(range, sizes))), dtype=float)
    frame = model.encoder_.decode(model.encoder_.states(states))
    assert np.exp(model.score_samples(frame)).sum() == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError, match="no missing cells"):
        model.score_samples(real.mask(real["price"] > 10))


def test_tables_with_missing_cells_are_fitted():
    holes = rows_of(150, 5, missing=0.15)
    model = TableEstimator(steps=10, bins=5, random_state=np.random.default_rng(0)).fit(holes)
    assert not model.sample(50, random_state=0, sweeps=5).isna().any(axis=None)
    scores = model.anomaly_scores(holes)
    assert np.isfinite(scores).all()
    colours = model.predict_proba(rows_of(100, 6), "colour")
    assert (colours.idxmax(axis=1) == rows_of(100, 6)["colour"]).mean() > 0.75


def test_cells_that_are_missing_have_no_say_in_choices():
    """Of two coins, each unknown in half of the rows, a held-out row has log 2 on average, and not 2 log 2."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(["x", "y"], 1200), "b": rng.choice(["x", "y"], 1200)})
    frame = frame.mask(rng.random(frame.shape) < 0.5).dropna(how="all")
    model = TableEstimator(steps=2, random_state=0).fit(frame)
    known = frame.notna().to_numpy().sum(1).mean()
    assert model.couplings_ is not None
    for tried in model.couplings_.tried:
        assert tried.score == pytest.approx(-known * np.log(2), rel=0.07)
    assert model.validation_scores_[0][1] == pytest.approx(-known * np.log(2), rel=0.07)


def test_what_was_not_seen_is_refused(model):
    with pytest.raises(InputError, match=r"column 'colour': .* got 'pink'"):
        model.anomaly_scores(rows_of(30, 7).assign(colour="pink"))
    with pytest.raises(InputError, match="expected one of 'price', 'colour', 'sold', got 'size'"):
        model.predict_proba(rows_of(30, 7), "size")
    with pytest.raises(InputError, match="at least 20 rows"):
        TableEstimator().fit(rows_of(10, 8))
    with pytest.raises(InputError, match="pandas data frame"):
        TableEstimator().fit(np.zeros((30, 2)))
    with pytest.raises(InputError, match="steps: expected at least 1"):
        TableEstimator(steps=0).fit(rows_of(30, 8))
    with pytest.raises(InputError, match="bins: expected a whole number"):
        TableEstimator(bins=2.5).fit(rows_of(30, 8))
    with pytest.raises(InputError, match=r"random_state: expected a whole number, at least 0, .* got 'x'"):
        model.sample(1, random_state="x")
    with pytest.raises(InputError, match="sweeps: expected at least 1, got -5"):
        model.predict_proba(rows_of(30, 7), "colour", sweeps=-5)
    with pytest.raises(ValueError, match="not fitted"):
        TableEstimator().sample(1)


def test_names_that_are_written_alike_cannot_be_saved(tmp_path):
    frame = pd.DataFrame({1: [0.5, 1.5, 2.5, 3.5] * 5, "1": ["x", "y"] * 10})
    model = TableEstimator(steps=1, width=2, random_state=0).fit(frame)
    with pytest.raises(InputError, match="differ when they are written, got 1 twice"):
        save_table_estimator(tmp_path / "model", model)


def test_parameters_are_those_of_scikit_learn():
    from sklearn.base import clone

    assert clone(TableEstimator(bins=3, steps=7)).get_params()["bins"] == 3


@pytest.mark.thorough
def test_effects_of_three_columns_are_learned_by_default():
    """One column tells whether two others agree, which no pair of columns shows."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(2, size=(2, 500))
    agree = np.where(rng.random(500) < 0.9, a == b, a != b)
    words = np.array(["x", "y"])
    frame = pd.DataFrame({"a": words[a], "b": words[b], "agree": words[agree.astype(int)]})
    model = TableEstimator(random_state=0).fit(frame)
    found = model.predict_proba(frame, "agree")["y"].to_numpy()
    assert model.step_ > 0
    assert found[a == b].mean() == pytest.approx(0.9, abs=0.05)
    assert found[a != b].mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("column", [["x", "y"] * 20, list(np.linspace(0.5, 9.7, 40))])
def test_a_table_may_have_one_column(column):
    model = TableEstimator(steps=1, random_state=0).fit(pd.DataFrame({"only": column}))
    assert len(model.sample(5, random_state=0).dropna()) == 5


def copies_of_numbers(kind: str) -> pd.DataFrame:
    """Three columns of numbers of which each determines the others, or nearly, and two others."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    if kind == "exact law":  # few enough joint values to be summed
        return pd.DataFrame({"z": z, "again": z, "thrice": 3 * z})
    noise = rng.normal(size=(3, 400)) * (0.06 if kind == "thermometers" else 0)
    words = np.array(list("abcde"))[rng.integers(5, size=400)]
    return pd.DataFrame({"z": z + noise[0], "again": z + noise[1], "minus": -3 * (z + noise[2]), "word": words})


@pytest.mark.parametrize(
    ("kind", "seeds"),
    [
        ("exact law", 1),
        pytest.param("exact law", 5, marks=pytest.mark.thorough),
        pytest.param("copies", 3, marks=pytest.mark.thorough),
        pytest.param("thermometers", 3, marks=pytest.mark.thorough),
    ],
)
def test_columns_that_nearly_copy_each_other_stay_so_in_samples(kind, seeds):
    """Steps of Newton's method that follow the noise of chains ended in correlations of .7 instead of 1, or in NaN."""
    frame = copies_of_numbers(kind)
    for seed in range(seeds):
        model = TableEstimator(steps=1, random_state=seed).fit(frame)
        assert all(bool(parameter.isfinite().all()) for parameter in model.energy_.parameters())
        found = model.sample(400, random_state=1)[list(frame)[:3]]
        wanted = frame[list(frame)[:3]]
        assert (found.corr("spearman") - wanted.corr("spearman")).abs().max(axis=None) < 0.08
        assert (found.std() / wanted.std() - 1).abs().max() < 0.1
    assert np.isfinite(model.anomaly_scores(frame)).all()


def test_a_covariance_that_matching_ruins_is_noticed(generator, monkeypatch):
    """Where steps of couplings lead away, columns are matched alone, and where that is no better, it is said."""
    rows = np.random.default_rng(0).integers(4, size=300)
    positions = np.stack([rows, rows, rows % 3], axis=1).astype(float)
    energy = TableEnergy.of_rows(positions, (4, 4, 3), [True] * 3)
    shares, wanted = column_shares(positions, (4, 4, 3)), table_covariance(energy, positions, generator)
    start = torch.from_numpy(positions).long()

    def away(energy, _covariance, _wanted):
        return -5 * torch.ones_like(energy.couplings)

    monkeypatch.setattr(matching, "coupling_step", away)
    found, _ = match_table(energy, shares, wanted, start, generator=generator)
    assert torch.equal(found.couplings, energy.couplings)
    ruined = TableEnergy.of_rows(positions, (4, 4, 3), [True] * 3)
    ruined.couplings.data.zero_()
    with pytest.warns(UserWarning, match=r"covariance of two columns that differs by \d\.\d\d from that of the table"):
        match_table(ruined, shares, wanted, start, generator=generator)


@pytest.mark.thorough
def test_rows_of_hidden_kinds_have_the_likelihood_of_their_law():
    """Too many joint values to be summed: log Z is annealed from the mixture, and the law of the rows is known."""
    rng = np.random.default_rng(0)
    laws = rng.dirichlet([0.3] * 5, size=(4, 9))
    kind = rng.integers(4, size=1500)
    cells = (rng.random((1500, 9, 1)) > laws[kind].cumsum(-1)[:, :, :4]).sum(-1)
    frame = pd.DataFrame({f"c{k}": np.array(list("abcde"))[cells[:, k]] for k in range(9)})
    model = TableEstimator(steps=1, random_state=0).fit(frame[:1000])
    assert model.couplings_ is not None
    assert model.couplings_.best.components > 1
    assert model.log_z_.high - model.log_z_.low < 0.1
    truth = np.log(laws[:, np.arange(9), cells[1000:]].prod(-1).mean(0)).mean()
    assert truth - 0.25 < model.score(frame[1000:]) < truth
