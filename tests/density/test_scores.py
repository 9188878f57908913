"""Scores of a fitted density."""

from __future__ import annotations

import json

import pytest
import torch

from discrete_ed import BernoulliEnergy, LogPartition, hamming_mmd_repeats
from discrete_ed.data import TOYS
from discrete_ed.density import scores as density_scores
from discrete_ed.density.scores import DensityScores, SampleDistances, SetDistance
from discrete_ed.jobs.estimate import report
from discrete_ed.likelihood import Annealing, Bracket, LogLikelihood, LogZEstimate


def test_independent_columns_are_the_trivial_score(generator):
    train, x = torch.randint(2, (11, 3), generator=generator), torch.randint(2, (7, 3), generator=generator)
    train[:, 2] = 0
    rate = (train.double().sum(0) + 0.5) / 12
    by_hand = sum((rate[k] if row[k] else 1 - rate[k]).log().item() for row in x for k in range(3)) / 7
    assert density_scores.independent_columns(train, x.float()) == pytest.approx(by_hand, abs=1e-6)


def test_the_error_of_mmd_needs_five_sets(monkeypatch, generator):
    """With fewer sets there is an interval instead; the p-value takes no two states of a chain."""
    monkeypatch.setattr(density_scores, "PUBLISHED_SIZE", 50)
    test, train = torch.rand(2, 250, 6, generator=generator).round()
    samples = test[:40].repeat(10, 1)  # ten states of each chain
    found = density_scores.sample_distances(samples, test, train.to(torch.uint8)).to_dict()
    repeats = hamming_mmd_repeats(samples[:250], test, 50)
    assert (found["mmd2"], found["mmd2_error"], found["mmd2_interval"]) == (repeats.mean, repeats.error, None)
    assert (found["mmd_size"], found["mmd_repeats"], found["p_value_size"]) == (50, 5, 40)
    few = density_scores.sample_distances(samples, test[:249], train.to(torch.uint8)).to_dict()
    assert few["mmd2_error"] is few["mmd2_floor_error"] is None
    assert few["mmd2_floor_interval"][0] < few["mmd2_floor"] < few["mmd2_floor_interval"][1]
    assert (few["mmd_size"], few["mmd_repeats"], few["p_value_size"]) == (40, 1, 40)


KEYS = {
    "test_log_likelihood",
    "lower",
    "upper",
    "exact",
    "test_error",
    "train_log_likelihood",
    "valid_log_likelihood",
    "log_z",
    "refused",
    "spurious",
    "verdict",
    "independent_columns",
    "warnings",
    "p_value_size",
    "mmd_size",
    "mmd_repeats",
    "toy",
    *(f"{name}{end}" for name in ("mmd2", "mmd2_floor") for end in ("", "_error", "_interval", "_p_value")),
}
"""keys of `result.json`: none may leave or change its meaning"""


def test_scores_of_the_true_law_are_its_own(generator):
    logits = torch.tensor([1.0, -1.0, 0.5])
    train, valid, test, samples = (torch.rand(4, 400, 3, generator=generator) < logits.sigmoid()).float()
    scores = density_scores.score_density(BernoulliEnergy(logits), samples, train=train, valid=valid, test=test)
    result = scores.to_dict()
    assert result.keys() == KEYS
    by_hand = (test * logits - torch.nn.functional.softplus(logits)).sum(1)
    assert result["test_log_likelihood"] == pytest.approx(by_hand.mean().item(), abs=1e-6)
    assert result["lower"] == result["upper"] == result["test_log_likelihood"]
    assert result["log_z"]["forward"] == pytest.approx(torch.nn.functional.softplus(logits).sum().item(), abs=1e-6)
    assert result["independent_columns"] == pytest.approx(result["test_log_likelihood"], abs=0.02)
    assert min(result["mmd2_p_value"], result["mmd2_floor_p_value"]) > 1e-3
    assert (result["toy"], result["warnings"]) == (None, [])


def test_a_wide_bracket_is_reported_as_a_warning(generator):
    couplings = BernoulliEnergy(torch.linspace(-6, 6, 22))
    states = (torch.rand(50, 22, generator=generator) < 0.5).float()
    log_z, caught = density_scores.bracket_log_z(couplings, states, temperatures=2, runs=4, generator=generator)
    assert not log_z.exact
    assert any("annealing" in line for line in caught)


def test_a_refused_value_is_null_and_the_page_says_why():
    ends = [LogZEstimate(value, 0.1) for value in (394.9, 356.4, 356.4, 396.6, 387.6, 356.6)]
    runs = Annealing(*ends, temperatures=4546, updates=13, runs=256, evaluations=10**7)
    log_z = LogPartition(Bracket(394.9, 356.4, 0.1, 0.1), exact=False, annealing=runs, base="a mixture")
    rows = LogLikelihood(torch.tensor([-342.0, -340.0], dtype=torch.float64), log_z)
    one = SetDistance(0.0, None, (-1.0, 1.0), 0.5)
    distances = SampleDistances(one, one, 10, 1, 10)
    result = DensityScores(rows, rows, rows, -90.0, (log_z.verdict,), distances, None).to_dict()
    written = json.loads(json.dumps(result, allow_nan=False))
    assert result["test_log_likelihood"] is result["lower"] is result["valid_log_likelihood"] is None
    assert written["upper"] == pytest.approx(341 - 394.6)
    assert written["log_z"]["annealing"]["rows"]["value"] == 356.4
    assert "at most -53.600 nats a row, and no value" in report.verdict(written)
    assert report.score_table(written)[1][1:] == ["–", "– to -53.600"]
    notes = " ".join(report.score_notes(written))
    for part in ("log Z is refused", "starts at a mixture", "training rows 356.400 ± 0.100"):
        assert part in notes


def test_the_truth_of_a_toy_is_its_entropy(monkeypatch, generator):
    """Of the flat energy the published likelihood is exact: 32 log 2."""
    monkeypatch.setattr(density_scores, "UNIFORM_SAMPLES", 100)
    toy = TOYS["checkerboard"]
    test = torch.from_numpy(toy.states(500, seed=0)).float()
    scores = density_scores.score_against_truth(toy, BernoulliEnergy(32), test, generator)
    assert scores.entropy == pytest.approx(20.677, abs=1e-3)
    assert scores.published_nll == pytest.approx(22.1807, abs=1e-4)
    assert scores.published_nll_error < 1e-6
