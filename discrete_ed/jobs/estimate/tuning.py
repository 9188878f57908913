"""The search for options of a density estimate: judged by validation rows, within minutes, and resumable."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from discrete_ed.data import TableData
from discrete_ed.density.fitting import fit_density
from discrete_ed.density.losses import Loss
from discrete_ed.density.missing import completed, marginal_log_likelihood
from discrete_ed.density.scores import bracket_log_z
from discrete_ed.density.tuning import TuningTrial, best_trial, coordinate_search, training_seconds
from discrete_ed.energies import Energy
from discrete_ed.errors import NumericalError
from discrete_ed.jobs.estimate.config import RIVAL, EstimateConfig, ResolvedEstimateConfig, resolve, rival_of
from discrete_ed.jobs.estimate.training import FittedRecipe
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.training import FitConfig

TRIALS = 0.4
"""share of the minutes for trials; the rest is for the final fit"""
NUMBER = 5
"""number of trials with the first options that fit into that share"""
COMPARING = 10.0
"""seconds of annealing for each of two recipes that are compared"""
FEWEST_STEPS = 50
"""least number of training steps of a trial"""
SCORING = 0.25
"""seconds of annealing for each second of training in a trial"""
MOST_MEMBERS = 4
"""largest number of energies of the final fit, or that of a run without minutes, if it is larger"""
ALTERNATIVES: dict[str, dict[str, tuple[Any, ...]]] = {
    "mlp": {
        "width": (256, 128, 64),
        "components": (50, 8),
        "weight_decay": (0.3, 0.1, 0.0),
        "learning_rate": (6e-3, 1.5e-3),
        "layers": (3, 1),
    },
    "rbm": {"width": (128, 256, 32), "learning_rate": (5e-3, 1e-3), "weight_decay": (0.05, 0.5)},
    "ising": {"learning_rate": (1e-2, 5e-4), "weight_decay": (0.05, 0.5)},
}
"""for each energy the values that are tried besides the first ones; `residual` and `conv` have those of `mlp`"""


def tuned(
    config: ResolvedEstimateConfig,
    data: TableData,
    train: Tensor,
    valid: Tensor,
    build: Callable[[ResolvedEstimateConfig, int], Energy],
    loss: Callable[[Energy, ResolvedEstimateConfig, torch.Generator], Loss],
    folder: RunFolder,
) -> tuple[ResolvedEstimateConfig, list[TuningTrial]]:
    """The options that score best on validation rows among those that were tried, and the trials.

    An option that differs from its default is never changed. A trial has no more steps than a run without minutes, and
    the final fit has more of them only if the last validation score of the best trial was its best one, so that it was
    still gaining. A resumed run repeats no finished trial.

    Args:
        config: the first options, with the minutes as `tune`.
        data: the data.
        train: the training rows; NaN where cells are missing.
        valid: the validation rows, float.
        build: makes an untrained energy from options and a seed.
        loss: makes the loss of an energy from options.
        folder: where finished trials are kept.
    """
    assert config.tune is not None
    usual = resolve(EstimateConfig(data=config.data, energy=config.energy), data)
    if usual.loss != config.loss:
        usual = resolve(EstimateConfig(data=config.data, energy=config.energy, loss=config.loss), data)
    free = {name for name in vars(usual) if getattr(config, name) == getattr(usual, name)}
    found = ALTERNATIVES.get(config.energy, ALTERNATIVES["mlp"])
    alternatives = {name: values for name, values in found.items() if name in free}
    if config.components == 1:
        alternatives.pop("components", None)
    seconds, bits = 60 * config.tune, train.shape[1]
    rival = rival_of(config, data)
    changed = {name for name in RIVAL if rival is not None and name != "steps"}
    start = {name: getattr(config, name) for name in (*sorted(changed - alternatives.keys()), *alternatives)}
    rivals = [] if rival is None else [{name: getattr(rival, name) for name in start}]
    step = _step_seconds(config, bits)
    fitting = max(FEWEST_STEPS, int(TRIALS * seconds / NUMBER / step / (1 + SCORING)))
    steps = min(config.steps, fitting)
    gaining: list[bool] = []

    def cost(settings: Any) -> float:
        return steps * _step_seconds(replace(config, **settings), bits) * (1 + SCORING)

    def judge(settings: dict[str, Any], number: int) -> float:
        options = replace(config, **settings)

        def compute() -> dict[str, Any]:
            generator = torch.Generator(train.device).manual_seed(config.seed)
            energy = build(options, config.seed)
            fit_config = FitConfig(
                steps=steps, learning_rate=options.learning_rate, weight_decay=options.weight_decay, ema=options.ema
            )
            made = loss(energy, options, generator)
            try:
                fit = fit_density(energy, made, train, valid, fit_config, batch_size=options.batch, seed=config.seed)
            except NumericalError:
                return {"score": math.nan, "gaining": False}
            seconds = max(1.0, SCORING * cost(settings))
            score = score_on_valid(energy, train, valid, config.runs, seconds, generator)
            return {"score": score, "gaining": fit.step == steps}

        found = folder.cached(f"trial-{number}", compute)
        gaining.append(bool(found["gaining"]))
        return float(found["score"])

    most = 1 + len(rivals) + sum(map(len, alternatives.values()))
    with tqdm(desc="tune", unit="trial", total=most) as bar:
        best = TuningTrial({}, None, 0.0)

        def show(trial: TuningTrial) -> None:
            nonlocal best
            new = {name: value for name, value in trial.settings.items() if best.settings.get(name) != value}
            bar.write(f"trial {bar.n + 1}: {_in_words(replace(trial, settings=new))}", file=sys.stderr)
            bar.update()
            best = best_trial([best, trial]) if best.settings else trial
            folder.log({"phase": "tune", **trial.settings, "score": trial.score})

        trials = coordinate_search(start, alternatives, judge, cost, TRIALS * seconds, rivals=rivals, callback=show)
    chosen = replace(config, **best.settings)
    left = (1 - TRIALS) * seconds / _step_seconds(chosen, bits)
    if "members" in free:
        largest = max(MOST_MEMBERS, config.members)
        chosen = replace(chosen, members=min(largest, max(1, int(left / chosen.steps))))
    fitting = int(left / chosen.members)
    if "steps" in free and (fitting < chosen.steps or gaining[trials.index(best)]):
        chosen = replace(chosen, steps=max(steps, fitting))
    note = (
        f"note: the best of {len(trials)} trials of {steps} steps ({TRIALS:.0%} of the minutes; {most} at most) has "
        f"{_in_words(best)}; the final fit trains {chosen.members} of {chosen.steps} steps"
    )
    if chosen.steps < config.steps:
        enough = config.steps * _step_seconds(chosen, bits) / 60 / (1 - TRIALS)
        note += f", fewer than the {config.steps} of a run without --tune; --tune {enough:.2g} would allow as many"
    print(note, file=sys.stderr)
    return chosen, trials


def compared(
    recipes: Sequence[ResolvedEstimateConfig],
    fits: Sequence[FittedRecipe],
    train: Tensor,
    valid: Tensor,
    folder: RunFolder,
) -> list[TuningTrial]:
    """The scores on validation rows of what was trained by some recipes, with the options that differ; none where
    there is nothing to compare."""
    trials = []
    alone = sum(fitted.ensemble is not None for fitted in fits) == 1
    for k, (recipe, fitted) in enumerate(zip(recipes, fits, strict=True)):
        settings, cost = {name: getattr(recipe, name) for name in RIVAL}, training_cost(recipe, train.shape[1])
        if fitted.ensemble is None or alone:
            trials.append(TuningTrial(settings, None, cost, fitted.reason or "the only one left"))
            continue

        def compute(energy: Energy = fitted.ensemble.energy) -> dict[str, Any]:
            generator = torch.Generator(train.device).manual_seed(recipes[0].seed)
            return {"score": score_on_valid(energy, train, valid, recipes[0].runs, COMPARING, generator)}

        score = float(folder.cached(f"recipe-{k}", compute)["score"])
        trials.append(TuningTrial(settings, None if math.isnan(score) else score, cost))
        print(_in_words(trials[-1]), file=sys.stderr)
    return trials


def chosen_recipe(trials: Sequence[TuningTrial], fits: Sequence[FittedRecipe]) -> int:
    """The number of the recipe with the best score among those that came to something."""
    scores = [-math.inf if trial.score is None else trial.score for trial in trials]
    return max(range(len(fits)), key=lambda k: (fits[k].ensemble is not None, scores[k]))


def training_cost(config: ResolvedEstimateConfig, bits: int) -> float:
    """The seconds of a whole training on one idle core, roughly; see `training_seconds`."""
    return config.members * config.steps * _step_seconds(config, bits)


def score_on_valid(
    energy: Energy, train: Tensor, valid: Tensor, runs: int, seconds: float, generator: torch.Generator
) -> float:
    """The mean log-likelihood of validation rows, from annealing of some seconds; NaN if modes are missed or far."""
    rows = completed(energy, train.float(), generator=generator)
    try:
        log_z, _ = bracket_log_z(energy, rows, temperatures=None, runs=runs, seconds=seconds, generator=generator)
    except NumericalError:
        return math.nan
    return math.nan if log_z.spurious else marginal_log_likelihood(energy, valid, log_z).mean


def _in_words(trial: TuningTrial) -> str:
    score = "no value" if trial.score is None else f"{trial.score:.4f} nats a validation row"
    return f"{', '.join(f'{name} {_shown(value)}' for name, value in trial.settings.items())}: {score}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _step_seconds(config: ResolvedEstimateConfig, bits: int) -> float:
    evaluated = {"block-ed": 2**config.block, "ed": 1 + config.negatives, "erasure": 1 + config.negatives}
    states = config.batch * evaluated.get(config.loss, bits)
    return training_seconds(bits, config.width, config.layers, config.components, states)


def trial_table(trials: list[dict[str, Any]], chosen: int) -> list[list[str]]:
    """The trials as rows of text; the first row is the header.

    Args:
        trials: what `result.json` holds under `tuning`.
        chosen: the number of the best one.
    """
    names = list(trials[0]["settings"])
    rows = [[*(name.replace("_", " ") for name in names), "validation log-likelihood", ""]]
    for number, trial in enumerate(trials):
        score = (trial["reason"] or "no value") if trial["score"] is None else f"{trial['score']:.4f}"
        values = [_shown(trial["settings"][name]) for name in names]
        rows.append([*values, score, "chosen" if number == chosen else ""])
    return rows
