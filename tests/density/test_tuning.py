"""The search for settings: what is tried, what is kept, and where it ends."""

from __future__ import annotations

import math

import pytest

from discrete_ed import InputError
from discrete_ed.density.tuning import best_trial, coordinate_search, training_seconds

START = {"width": 64, "decay": 0.0, "layers": 2}
ALTERNATIVES = {"width": (128, 32), "decay": (0.1, 0.5), "layers": (3,)}


def search(judge, budget=math.inf, alternatives=ALTERNATIVES):
    return coordinate_search(START, alternatives, lambda settings, _: judge(settings), lambda s: s["width"], budget)


def test_what_is_better_is_kept_and_changed_further():
    trials = search(lambda s: s["width"] - abs(s["decay"] - 0.1) + s["layers"])
    tried = [tuple(trial.settings.values()) for trial in trials]
    assert tried == [(64, 0.0, 2), (128, 0.0, 2), (32, 0.0, 2), (128, 0.1, 2), (128, 0.5, 2), (128, 0.1, 3)]
    assert best_trial(trials).settings == {"width": 128, "decay": 0.1, "layers": 3}
    assert [trial.cost for trial in trials] == [64, 128, 32, 128, 128, 128]


def test_the_budget_leaves_out_what_is_too_dear_and_the_first_settings_are_always_tried():
    assert [trial.settings["width"] for trial in search(lambda s: -s["width"], budget=1)] == [64]
    trials = search(lambda s: -s["width"], budget=64 + 32 + 32)
    assert [trial.settings["width"] for trial in trials] == [64, 32, 32]  # 128 would exceed it
    assert best_trial(trials).settings == {"width": 32, "decay": 0.0, "layers": 2}


def test_trials_without_a_score_are_never_kept():
    trials = search(lambda s: math.nan if s["width"] == 128 else 0.0, alternatives={"width": (128,)})
    assert [trial.score for trial in trials] == [0.0, None]
    assert best_trial(trials).settings["width"] == 64
    assert best_trial(search(lambda _: math.nan)).settings == START
    with pytest.raises(InputError, match="alternatives: expected values of width, decay, layers, got those of depth"):
        search(lambda _: 0.0, alternatives={"depth": (1,)})


@pytest.mark.parametrize("larger", ["bits", "width", "layers", "components", "states"])
def test_a_larger_model_takes_longer(larger):
    sizes = {"bits": 100, "width": 64, "layers": 2, "components": 20, "states": 1000}
    assert training_seconds(**{**sizes, larger: 2 * sizes[larger]}) > training_seconds(**sizes) > 0
