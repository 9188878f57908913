"""A search for settings within a budget of work: one setting after the other is changed, and better ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from discrete_ed.errors import InputError
from discrete_ed.likelihood.paths import FUNCTION, PRODUCT

Settings = Mapping[str, Any]
PASSES = 3
"""products of matrices in a training step for each in an evaluation: forward, and two backward"""
FILLED = 20
"""work for each bit of each component of the base, as a number of products: states are evaluated and filled in"""


@dataclass(frozen=True)
class TuningTrial:
    """Settings that were tried, and their score.

    >>> TuningTrial({"width": 64}, -12.5, 0.4).score
    -12.5
    """

    settings: dict[str, Any]
    score: float | None
    """higher is better; None if there is none, since training diverged or modes were missed"""
    cost: float
    """the work, in the unit of the budget"""
    reason: str = ""
    """why there is no score, if it is known"""


def coordinate_search(
    start: Settings,
    alternatives: Mapping[str, Sequence[Any]],
    judge: Callable[[dict[str, Any], int], float],
    cost: Callable[[Settings], float],
    budget: float,
    *,
    rivals: Sequence[Settings] = (),
    callback: Callable[[TuningTrial], None] | None = None,
) -> list[TuningTrial]:
    """Try settings, changing one of the best so far at a time, until all alternatives are tried or the budget is spent.

    Args:
        start: the first settings, which are tried in any case.
        alternatives: further values of some of the settings, in the order in which they are tried.
        judge: the score of settings, higher is better; NaN if there is none. It is given the number of the trial.
        cost: the work of a trial.
        budget: the work of all trials together; alternatives that would exceed it are left out.
        rivals: further first settings, tried in any case, in which several may differ from `start`.
        callback: called with each trial.

    Returns:
        The trials in order; `best_trial` chooses among them.

    Raises:
        InputError: an alternative for something that is no setting.

    >>> found = coordinate_search({"a": 0, "b": 0}, {"a": [1, 2], "b": [5]}, lambda s, _: s["a"] - s["b"], len, 99.0)
    >>> [trial.score for trial in found], best_trial(found).settings
    ([0, 1, 2, -3], {'a': 2, 'b': 0})
    """
    unknown = alternatives.keys() - start.keys()
    if unknown:
        raise InputError(f"alternatives: expected values of {', '.join(start)}, got those of {min(unknown)}")
    trials: list[TuningTrial] = []

    def attempt(settings: dict[str, Any]) -> None:
        score = judge(settings, len(trials))
        trials.append(TuningTrial(settings, None if isnan(score) else score, cost(settings)))
        if callback is not None:
            callback(trials[-1])

    for first in (start, *rivals):
        attempt(dict(first))
    for name, values in alternatives.items():
        for value in values:
            settings = {**best_trial(trials).settings, name: value}
            spent = sum(trial.cost for trial in trials)
            if spent + cost(settings) <= budget and all(trial.settings != settings for trial in trials):
                attempt(settings)
    return trials


def best_trial(trials: Sequence[TuningTrial]) -> TuningTrial:
    """The first trial with the highest score; the first one if none has a score."""
    return max(trials, key=lambda trial: -float("inf") if trial.score is None else trial.score)


def training_seconds(bits: int, width: int, layers: int, components: int, states: int) -> float:
    """The seconds of a training step of a network on a mixture, on one idle core, roughly.

    It is computed and not measured, so that a search has the same trials on every machine.

    Args:
        bits, width, layers, components: sizes of the energy, see `density_energy`.
        states: states that the loss evaluates in a step.
    """
    products = PASSES * (bits * width + max(0, layers - 1) * width**2) + FILLED * bits * (components - 1)
    functions = PASSES * width * layers + components
    return 1e-6 * states * (PRODUCT * products + FUNCTION * functions)
