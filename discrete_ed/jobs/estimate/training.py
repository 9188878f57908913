"""How the job trains: an energy and a loss from the options, the members of an ensemble, and one or two recipes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor

from discrete_ed.data import TableData
from discrete_ed.density.fitting import Ensemble, fit_density, fit_ensemble
from discrete_ed.density.losses import Loss, density_loss
from discrete_ed.density.marginals import refit_marginals
from discrete_ed.density.missing import filled
from discrete_ed.density.models import density_energy
from discrete_ed.energies import BernoulliEnergy, Energy, SumEnergy
from discrete_ed.errors import NumericalError
from discrete_ed.jobs.estimate.config import ResolvedEstimateConfig
from discrete_ed.jobs.progress import training_progress
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.names import SMALL_BITS, NetworkName
from discrete_ed.runtime.distributed import rank_seed
from discrete_ed.samplers import suitable_kernel
from discrete_ed.training import FitConfig
from discrete_ed.training.selection import Selected

TRIED = 0.25
"""share of its steps after which a recipe is dropped if it is worse than the first one"""


@dataclass(frozen=True, eq=False)
class FittedRecipe:
    """What a recipe came to."""

    ensemble: Ensemble | None
    reason: str = ""
    """why there is no ensemble"""


class _Dropped(Exception):
    """A recipe isn't trained further."""


def fit_recipes(
    train: Tensor,
    valid: Tensor,
    shape: tuple[int, int] | None,
    recipes: list[ResolvedEstimateConfig],
    folder: RunFolder,
) -> list[FittedRecipe]:
    """Fit an ensemble by each recipe.

    Later ones are dropped after a quarter of their steps unless they then describe validation rows better, by the score
    in training, than the first one ever did.

    Raises:
        NumericalError: training diverged by all recipes.
    """
    fits: list[FittedRecipe] = []
    bar = -math.inf
    for number, recipe in enumerate(recipes):
        try:
            with folder.keeping_energy("checkpoint"):
                fits.append(FittedRecipe(_fit_recipe(train, valid, shape, recipe, folder, number, bar)))
        except _Dropped as dropped:
            fits.append(FittedRecipe(None, str(dropped)))
            print(f"loss {recipe.loss}, components {recipe.components}: {dropped}", file=sys.stderr)
        except NumericalError:
            if number == len(recipes) - 1 and not any(fitted.ensemble for fitted in fits):
                raise
            fits.append(FittedRecipe(None, "training diverged"))
        first = fits[0].ensemble
        bar = -math.inf if first is None else sum(fit.score for fit in first.fits) / len(first.fits)
    return fits


def _fit_recipe(
    train: Tensor,
    valid: Tensor,
    shape: tuple[int, int] | None,
    config: ResolvedEstimateConfig,
    folder: RunFolder,
    recipe: int,
    bar: float,
) -> Ensemble:
    """Fit the ensemble by the recipe of that number, and save its mean in the folder."""
    phase = "train" if recipe == 0 else "train-rival"
    return fit_ensemble(
        partial(build_energy, train, shape, config),
        partial(fit_member, train=train, valid=valid, config=config, folder=folder, phase=phase, bar=bar),
        config.members,
        seed=config.seed,
        save=partial(folder.save_energy, "checkpoint"),
    )


def build_energy(train: Tensor, shape: tuple[int, int] | None, config: ResolvedEstimateConfig, seed: int) -> Energy:
    """An untrained energy, with the base fitted to the training rows `(N, D)`, NaN where cells are missing."""
    floating = train.is_floating_point()  # with NaN
    return density_energy(
        config.energy,
        train.shape[1],
        width=config.width,
        layers=config.layers,
        shape=shape,
        components=config.components,
        data=filled(train, generator=torch.Generator(train.device).manual_seed(seed)) if floating else train,
        seed=seed,
    ).to(train.device)


def refitted(
    energy: Energy,
    train: Tensor,
    valid: Tensor,
    data: TableData,
    config: ResolvedEstimateConfig,
    folder: RunFolder,
) -> tuple[Energy, dict[str, Any] | None]:
    """A network on a complete table with the marginals of its training rows, where validation rows gain, and by how
    much; None where it isn't tried: for other data and energies, and where all states are enumerated."""
    tried = data.toy is None and data.shape is None and config.energy in get_args(NetworkName)
    if not tried or train.is_floating_point() or train.shape[1] <= SMALL_BITS:
        return energy, None

    def compute() -> dict[str, Any]:
        found = refit_marginals(energy, train, valid, seed=config.seed)
        return {"gain": found.gain, "error": found.error, "terms": found.terms}

    found = folder.cached("marginals", compute)
    terms = found.pop("terms")
    if terms is not None:
        energy = SumEnergy(energy, BernoulliEnergy(terms).to(train.device))
    return energy, {**found, "taken": terms is not None}


def loss_of(energy: Energy, config: ResolvedEstimateConfig, generator: torch.Generator) -> Loss:
    """The loss of an energy."""
    return density_loss(
        config.loss,
        epsilon=config.epsilon,
        m=config.negatives,
        w=config.w,
        block=config.block,
        steps=config.chain_steps,
        buffer=config.buffer,
        kernel=suitable_kernel(energy, purpose="learned"),
        generator=generator,
    )


def fit_member(
    energy: Energy,
    seed: int,
    *,
    train: Tensor,
    valid: Tensor,
    config: ResolvedEstimateConfig,
    folder: RunFolder,
    phase: str = "train",
    bar: float = -math.inf,
) -> Selected:
    """Fit one member of the ensemble, with a progress bar, records and checkpoints.

    Raises:
        _Dropped: after a quarter of the steps no score reached `bar`.
    """

    def drops(scores: Sequence[tuple[int, float]]) -> bool:
        return bool(scores) and scores[-1][0] >= TRIED * config.steps and max(score for _, score in scores) < bar

    generator = torch.Generator(train.device).manual_seed(rank_seed(seed))
    loss = loss_of(energy, config, generator)
    fit_config = FitConfig(
        steps=config.steps, learning_rate=config.learning_rate, weight_decay=config.weight_decay, ema=config.ema
    )
    with training_progress(folder, config.steps) as callback:
        selected = fit_density(
            energy,
            loss,
            train,
            valid,
            fit_config,
            batch_size=config.batch,
            seed=seed,
            patience=config.patience,
            stop=drops,
            callback=callback,
            checkpoints=folder.checkpoints(f"{phase}-{seed}", {"noise": generator}, every=config.checkpoint_seconds),
        )
    if drops(selected.scores):
        raise _Dropped(f"dropped after {len(selected.records)} steps, {selected.score:.3f} against {bar:.3f}")
    return selected
