"""Selection keeps the best averaged weights, and stops when patience is at an end."""

from __future__ import annotations

import itertools

import pytest
import torch
from place import DEVICE, seeded

from discrete_ed import (
    FitConfig,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NumericalError,
    fit,
    fit_selected,
    pseudo_likelihood,
)

pytestmark = pytest.mark.anywhere


def batches(seed: int = 0):
    g = seeded(seed)
    while True:
        yield (torch.rand(20, 2, generator=g) < 0.8).float()


def scripted(values):
    """A score that reads its values from a list and notes the weights it was shown."""
    shown = []

    def score(energy) -> float:
        shown.append(energy.fields.detach().clone())
        return values[len(shown) - 1]

    return score, shown


def test_the_weights_of_the_best_score_are_kept():
    energy, (score, shown) = IsingEnergy(2).to(DEVICE), scripted([1.0, 5.0, 3.0, 4.0])
    selected = fit_selected(energy, pseudo_likelihood, batches(), FitConfig(steps=35), score=score, every=10)
    assert selected.scores == [(10, 1.0), (20, 5.0), (30, 3.0), (35, 4.0)]
    assert (selected.step, selected.score) == (20, 5.0)
    assert torch.equal(energy.fields, shown[1])
    assert not torch.equal(shown[1], shown[3])
    assert len(selected.records) == 35
    assert [record.get("score") for record in selected.records[8:20:10]] == [None, None]
    assert selected.records[19]["score"] == 5.0


def test_what_is_scored_are_the_averaged_weights_of_fit():
    config = FitConfig(steps=30, learning_rate=0.1, ema=0.9)
    plain, energy = IsingEnergy(2).to(DEVICE), IsingEnergy(2).to(DEVICE)
    fit(plain, pseudo_likelihood, batches(), config)
    fit_selected(energy, pseudo_likelihood, batches(), config, score=lambda _: 0.0, every=30)
    assert torch.allclose(plain.fields, energy.fields, atol=1e-7)


def test_patience_counts_scores_since_the_best():
    energy, (score, shown) = IsingEnergy(2).to(DEVICE), scripted([1.0, 2.0, 1.5, 1.9, 9.0])
    selected = fit_selected(
        energy, pseudo_likelihood, batches(), FitConfig(steps=100), score=score, every=5, patience=2
    )
    assert [step for step, _ in selected.scores] == [5, 10, 15, 20]
    assert len(selected.records) == 20
    assert torch.equal(energy.fields, shown[1])


def test_the_scores_so_far_may_end_the_fit():
    energy, (score, shown) = IsingEnergy(2).to(DEVICE), scripted([1.0, 3.0, 2.0, 9.0])
    asked = []

    def stop(scores) -> bool:
        asked.append(list(scores))
        return scores[-1] == (15, 2.0)

    selected = fit_selected(energy, pseudo_likelihood, batches(), FitConfig(steps=100), score=score, every=5, stop=stop)
    assert (selected.step, len(selected.records), len(asked)) == (10, 15, 11)
    assert torch.equal(energy.fields, shown[1])


def test_a_failure_leaves_the_best_so_far():
    energy, (score, shown) = IsingEnergy(2).to(DEVICE), scripted([1.0, 0.5])
    broken = itertools.chain(itertools.islice(batches(), 25), [torch.full((4, 2), torch.nan)])
    with pytest.raises((InputError, NumericalError)):
        fit_selected(energy, pseudo_likelihood, broken, FitConfig(steps=40), score=score, every=10)
    assert torch.equal(energy.fields, shown[0])


@pytest.mark.parametrize("arguments", [{"every": 0}, {"patience": 0}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InputError, match="expected at least 1"):
        fit_selected(IsingEnergy(2).to(DEVICE), pseudo_likelihood, batches(), score=lambda _: 0.0, **arguments)


def test_a_score_that_is_not_a_number_is_an_error_and_a_tensor_becomes_a_number():
    energy, (score, _) = IsingEnergy(2).to(DEVICE), scripted([float("nan"), 1.0])
    with pytest.raises(NumericalError, match="score: expected a number, got NaN at step 5"):
        fit_selected(energy, pseudo_likelihood, batches(), FitConfig(steps=10), score=score, every=5)
    judged = fit_selected(energy, pseudo_likelihood, batches(), FitConfig(steps=5), score=lambda e: -e.fields.sum())
    assert type(judged.score) is float


def test_energies_are_judged_in_their_mode_of_evaluation_and_left_in_it():
    energy = MLPEnergy(2, hidden=(4,)).to(DEVICE)
    energy.net.append(torch.nn.Dropout(0.5))
    modes: list[tuple[str, bool]] = []

    def loss(energy, x):
        modes.append(("loss", energy.training))
        return pseudo_likelihood(energy, x)

    def score(energy) -> float:
        modes.append(("score", energy.training or energy.net[-1].training))
        return 0.0

    energy.eval()
    fit_selected(energy, loss, batches(), FitConfig(steps=2), score=score, every=1)
    assert modes == [("loss", True), ("score", False)] * 2
    assert not energy.training
