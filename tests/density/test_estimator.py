"""The estimator: scikit-learn's own checks, enumeration, and life without scikit-learn."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial

import forked
import numpy as np
import pytest
import torch

from discrete_ed import (
    BernoulliEnergy,
    ContrastiveDivergence,
    DensityEstimator,
    InputError,
    MLPEnergy,
    NumericalError,
    RBMEnergy,
    SumEnergy,
    density_energy,
    enumerate_states,
    log_law,
    pseudo_likelihood,
)

if importlib.util.find_spec("sklearn") is not None:
    from sklearn.utils.estimator_checks import parametrize_with_checks

    @parametrize_with_checks([DensityEstimator(steps=3, width=4)])
    def test_it_keeps_scikit_learns_contract(estimator, check):
        check(estimator)

    def test_it_works_in_a_pipeline_and_a_search():
        from sklearn.model_selection import GridSearchCV

        rows = (np.random.default_rng(0).random((60, 3)) < 0.7).astype(int)
        search = GridSearchCV(DensityEstimator(steps=5, random_state=0), {"width": [2, 4]}, cv=2).fit(rows)
        assert search.best_params_["width"] in (2, 4)

    def test_features_of_a_machine_serve_a_classifier():
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        label = np.arange(200) % 2
        rows = label[:, None] ^ (np.random.default_rng(0).random((200, 6)) < 0.2)
        machine = DensityEstimator("rbm", "pl", width=3, steps=60, learning_rate=0.05, random_state=0)
        scored = make_pipeline(machine, LogisticRegression()).fit(rows, label).score(rows, label)
        assert scored > 0.85
        assert not hasattr(DensityEstimator("ising"), "transform")


def test_a_machine_transforms_and_reconstructs():
    rows = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 100, axis=0)
    model = DensityEstimator("rbm", "pl", width=4, steps=300, learning_rate=0.05, random_state=0).fit(rows)
    features, again = model.transform(rows), model.reconstruct(rows)
    weight, c, b = (getattr(model.energy_, name).detach().numpy() for name in ("weight", "hidden_bias", "visible_bias"))
    assert features == pytest.approx(1 / (1 + np.exp(-(c + rows @ weight))))
    assert again == pytest.approx(1 / (1 + np.exp(-(b + features @ weight.T))))
    assert np.array_equal(again > 0.5, rows)
    with pytest.raises(InputError, match="no missing cells here; impute fills them in"):
        model.transform(np.where(rows, np.nan, 0))


def test_a_fit_that_is_worse_than_coins_says_so():
    def broken(bits: int) -> BernoulliEnergy:
        return BernoulliEnergy(torch.full((bits,), -20.0))

    with pytest.warns(RuntimeWarning, match=r"training rows have a mean .* less than fair coins give them \(-2.773\)"):
        DensityEstimator(broken, "pl", steps=2, learning_rate=1e-6, random_state=0).fit(table())


def table(n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.random((n, 1)) < 0.5
    return np.hstack([first, first ^ (rng.random((n, 1)) < 0.1), rng.random((n, 2)) < 0.8]).astype(int)


def test_scores_are_those_of_the_enumerated_law():
    model = DensityEstimator(steps=50, width=8, random_state=1).fit(table())
    law = log_law(model.energy_, dtype=torch.float64).detach().numpy()
    states = enumerate_states(4).numpy()
    assert np.abs(model.score_samples(states) - law).max() < 1e-6
    assert np.exp(model.score_samples(states)).sum() == pytest.approx(1, abs=1e-9)
    assert model.score(states) == pytest.approx(law.mean())
    assert model.log_z_.exact


def test_samples_follow_the_law_and_the_seed():
    model = DensityEstimator(steps=100, width=8, random_state=1).fit(table())
    states = enumerate_states(4).numpy()
    law = np.exp(model.score_samples(states))
    drawn = model.sample(20_000, random_state=3)
    assert drawn.shape == (20_000, 4)
    seen = np.bincount(drawn @ [8, 4, 2, 1], minlength=16) / 20_000
    assert (np.abs(seen - law) <= 4.5 * np.sqrt(law / 20_000) + 1e-3).all()
    assert np.array_equal(model.sample(7, random_state=3), model.sample(7, random_state=3))
    assert not np.array_equal(model.sample(50, random_state=3), model.sample(50, random_state=4))


def test_the_seed_makes_the_fit_and_none_makes_it_fresh():
    def score(**arguments) -> float:
        return DensityEstimator(steps=5, width=8, **arguments).fit(table()).score(table())

    assert score(random_state=1) == score(random_state=1)
    assert score(random_state=np.random.RandomState(4)) == score(random_state=np.random.RandomState(4))
    assert score(random_state=1) != score(random_state=2)
    assert score() != score()


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    DensityEstimator(steps=2, width=4, random_state=0).fit(table())
    assert torch.equal(before, torch.random.get_rng_state())


def test_binarize_cuts_numbers_and_none_asks_for_bits():
    numbers = np.random.default_rng(1).normal(size=(50, 3))
    model = DensityEstimator(steps=5, width=4, binarize=0.2, random_state=0).fit(numbers)
    bits = (numbers > 0.2).astype(int)
    assert np.array_equal(model.score_samples(numbers), model.set_params(binarize=None).score_samples(bits))
    with pytest.raises(InputError, match="zeros and ones; set binarize"):
        model.score_samples(numbers)


def test_energies_and_losses_of_the_users_own():
    def energy(bits: int) -> SumEnergy:
        return SumEnergy(BernoulliEnergy(bits), MLPEnergy(bits, hidden=(4,)))

    model = DensityEstimator(energy, pseudo_likelihood, steps=5, random_state=0).fit(table())
    assert isinstance(model.energy_, SumEnergy)
    with pytest.raises(InputError, match="energy: expected one of mlp"):
        DensityEstimator("nonsense").fit(table())
    with pytest.raises(InputError, match="loss: expected one of ed"):
        DensityEstimator(loss="nonsense").fit(table())


def test_chains_start_all_over_the_table():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.random((1200, 17)) < 0.02, rng.random((1200, 17)) < 0.98]).astype(int)
    model = DensityEstimator(steps=5, width=4, random_state=0).fit(rows)  # 16 columns would be enumerated
    drawn = model.sample(200, random_state=0, steps=1)
    assert 0.3 < (drawn.mean(1) > 0.5).mean() < 0.7
    model = DensityEstimator(steps=2, width=4, random_state=np.random.default_rng(4)).fit(table())
    same = DensityEstimator(steps=2, width=4, random_state=np.random.default_rng(4)).fit(table())
    assert model.score(table()) == same.score(table())


def test_losses_with_a_state_or_torchs_own_randomness_start_afresh():
    def energy(bits: int) -> SumEnergy:
        return SumEnergy(BernoulliEnergy(bits), MLPEnergy(bits, hidden=(4,)))

    loss = ContrastiveDivergence(steps=1, buffer=300)
    model = DensityEstimator(energy, loss, steps=5, random_state=0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    scores = [model.fit(table()).score(table()) for _ in range(2)]
    assert scores[0] == scores[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert scores[0] != DensityEstimator(energy, loss, steps=5, random_state=1).fit(table()).score(table())


@pytest.mark.thorough
def test_many_columns_are_bracketed_and_sampled_by_chains():
    rows = (np.random.default_rng(0).random((40, 22)) < 0.3).astype(int)
    model = DensityEstimator(steps=20, width=4, random_state=0).fit(rows)
    assert not model.log_z_.exact
    assert model.log_z_.high - model.log_z_.low < 1
    assert model.sample(3, random_state=0, steps=5).shape == (3, 22)


def test_without_scikit_learn_it_still_fits_and_refuses(tmp_path):
    def refused(error: type[Exception], action: Callable[[], object]) -> str:
        with pytest.raises(error) as caught:
            action()
        return str(caught.value)

    def program() -> None:
        forked.forget("discrete_ed", "sklearn")
        for name in ("sklearn", "sklearn.base", "sklearn.utils", "sklearn.utils.validation"):
            sys.modules[name] = None  # type: ignore[assignment]
        package = importlib.import_module("discrete_ed")
        rows = (np.random.default_rng(0).random((30, 3)) < 0.5).astype(int)
        model = package.DensityEstimator(steps=3, random_state=0)
        message = partial(refused, package.InputError)
        assert "call fit first" in message(lambda: model.score(rows))
        assert model.get_params()["steps"] == 3
        assert model.set_params(steps=2).fit(rows).score_samples(rows).shape == (30,)
        assert "expected 3 features, got 2" in message(lambda: model.score(rows[:, :2]))
        assert "N >= 2" in message(lambda: model.fit(rows[:1]))
        assert "N >= 2" in message(lambda: model.fit([[0.0, float("inf")], [1, 0]]))
        assert "nonsense: expected one of" in message(lambda: model.set_params(nonsense=1))

    assert forked.run(program, tmp_path) == (0, "", "")


def test_a_failed_or_interrupted_partial_fit_leaves_the_earlier_fit():
    def failing(energy, x):
        for parameter in energy.parameters():
            parameter.data.zero_()
        raise KeyboardInterrupt(x.shape)

    model = DensityEstimator(steps=5, width=4, random_state=0).fit(table())
    twin = DensityEstimator(steps=5, width=4, random_state=0).fit(table())
    before = model.score_samples(table())
    for loss, error in ((failing, KeyboardInterrupt), (lambda energy, x: energy(x).mean() * torch.nan, NumericalError)):
        with pytest.raises(error):
            model.set_params(loss=loss).partial_fit(table())
        assert np.array_equal(model.score_samples(table()), before)
        assert model.sample(3, random_state=0).shape == (3, 4)
    model.set_params(loss="block-ed").partial_fit(table())
    assert np.array_equal(model.score_samples(table()), twin.partial_fit(table()).score_samples(table()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": "5"}, "steps: expected a whole number, at least 1, got '5'"),
        ({"steps": 2.5}, r"steps: expected a whole number, at least 1, got 2\.5"),
        ({"width": 0}, "width: expected at least 1, got 0"),
        ({"layers": 1.5}, "layers: expected a whole number"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"binarize": "a"}, "binarize: expected a finite number or None, got 'a'"),
        ({"binarize": float("nan")}, "binarize: expected a finite number or None, got nan"),
        ({"energy": RBMEnergy(4, 3)}, r"got the RBMEnergy itself; pass lambda bits: RBMEnergy\(bits"),
        ({"energy": "conv"}, r"energy: expected one that needs no shape, got 'conv'; pass lambda bits: density_energy"),
        ({"loss": "pl", "epsilon": 0.1}, r"epsilon: expected None, since only ed and block-ed have noise, .* 'pl'"),
        ({"loss": pseudo_likelihood, "epsilon": 0.1}, r"epsilon: expected None.* a loss of your own"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_arguments_that_cannot_be_used_are_refused_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        DensityEstimator(**{"steps": 2, "width": 4, **arguments}).fit(table())
    assert "\n" not in str(caught.value)


def test_arguments_of_methods_are_checked():
    rows = table()
    model = DensityEstimator(steps=2, width=4, random_state=0).fit(rows)
    for columns in (-1, ["a"], [1.0], "ab", [True, False, False, False]):
        with pytest.raises(InputError, match=r"columns: expected a list of positions of columns, such as \[-1\], got"):
            model.conditional(rows, columns)
    assert model.conditional(rows, np.array([-1])).most_probable.shape == (300, 1)
    for count in (0, -1, 2.5, "3"):
        with pytest.raises(InputError, match="n_samples: expected"):
            model.sample(count)
        with pytest.raises(InputError, match=r"steps: expected a whole number|steps: expected at least 0"):
            model.impute(rows, steps=-1 if count == 0 else 0.5)
    with pytest.raises(InputError, match=r"energy: expected a fitted RBMEnergy, got NetworkEnergy; call fit again"):
        model.set_params(energy="rbm").transform(rows)
    builder = partial(density_energy, "conv", width=2, layers=1, shape=(2, 2))
    assert np.isfinite(model.set_params(energy=lambda bits: builder(bits)).fit(rows).score(rows))
