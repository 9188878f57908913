"""Fit one energy to states, or an ensemble of energies whose mean is the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.density.conditional import with_first_values
from discrete_ed.density.losses import Loss
from discrete_ed.density.missing import completed, completed_batches, marginal_log_likelihood
from discrete_ed.energies import Energy, SumEnergy
from discrete_ed.energies.base import evaluation_size, state_bits
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.likelihood import estimate_log_z
from discrete_ed.losses import pseudo_likelihood
from discrete_ed.names import SMALL_BITS
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.training import FitConfig, Record, shuffled_batches
from discrete_ed.training.selection import Selected, fit_selected

SCORED_FLIPS = 2**17
"""largest number of flipped validation states that one validation score evaluates"""
VALIDATION_SCORES = 20
"""number of validation scores in a fit"""


def validation_score(energy: Energy, x: Tensor) -> float:
    """The exact score of an energy on held-out states `(N, D)`; higher is better.

    Up to 16 bits it is the mean log-likelihood, by enumeration; above, minus the pseudo-likelihood loss. Where cells
    are missing (NaN), it is the likelihood of the others; above 16 bits they are first sampled from the model.

    >>> from discrete_ed import BernoulliEnergy
    >>> round(validation_score(BernoulliEnergy(2), torch.zeros(5, 2)), 4)  # −2 log 2
    -1.3863
    """
    if state_bits(energy, x.shape[1]) <= SMALL_BITS:
        known = ~x.isnan()
        log_z = estimate_log_z(energy, with_first_values(energy, x.nan_to_num(), known))
        return marginal_log_likelihood(energy, x, log_z).mean
    x = completed(energy, x, generator=torch.Generator(x.device).manual_seed(0))
    with torch.no_grad(), suitable_threads(evaluation_size(energy, x.numel())):
        return -pseudo_likelihood(energy, x).item()


def fit_density(
    energy: Energy,
    loss: Loss,
    train: Tensor,
    valid: Tensor,
    config: FitConfig | None = None,
    *,
    batch_size: int = 256,
    seed: int = 0,
    patience: int | None = None,
    stop: Callable[[Sequence[tuple[int, float]]], bool] | None = None,
    callback: Callable[[Record], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Selected:
    """Fit an energy to states; afterwards it holds the averaged weights that have the best `validation_score`.

    Twenty scores are taken. Above 16 bits the number of validation states is limited, so that a score costs little.

    Args:
        energy: the energy, which is trained in place.
        loss: a function of the energy and a batch, such as `density_loss` returns.
        train: training states, `(N, D)`. Missing cells (NaN) are sampled again and again from the model that is being
            fitted, see `completed_batches`.
        valid: validation states, `(N, D)` float; cells may be missing.
        config: steps, learning rate and averaging of the weights.
        batch_size: states in a training step.
        seed: seed of the order of the training states.
        patience: number of scores in a row without a new best after which the fit stops; None never stops early.
        stop: asked after each step whether to end the fit, given the steps and scores so far.
        callback: called with the record of each step, which includes `score` if a validation score was taken.
        checkpoints: where the state of the fit is saved, and from where it is restored.

    Raises:
        InputError: no validation state, or one of another number of bits.
        NumericalError: training diverged.

    >>> from discrete_ed import BernoulliEnergy, pseudo_likelihood
    >>> states = torch.eye(4).repeat(20, 1)
    >>> selected = fit_density(BernoulliEnergy(4), pseudo_likelihood, states, states, FitConfig(steps=40))
    >>> len(selected.records), len(selected.scores)
    (40, 20)
    """
    config = config or FitConfig()
    bits = train.shape[1]
    if valid.ndim != 2 or not len(valid) or valid.shape[1] != bits:
        raise InputError(f"valid: expected at least one state of {bits} bits, got shape {tuple(valid.shape)}")
    if train.is_floating_point() and train.isnan().any():
        noise = torch.Generator(train.device).manual_seed(seed)
        batches = completed_batches(energy, train, batch_size, generator=noise)
    else:
        batches = shuffled_batches(train, batch_size, generator=torch.Generator().manual_seed(seed))
    scored = valid if state_bits(energy, bits) <= SMALL_BITS else valid[: max(2, SCORED_FLIPS // bits)]
    return fit_selected(
        energy,
        loss,
        batches,
        config,
        score=lambda energy: validation_score(energy, scored),
        every=max(1, config.steps // VALIDATION_SCORES),
        patience=patience,
        stop=stop,
        callback=callback,
        checkpoints=checkpoints,
    )


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Energies that were trained independently, and their fits."""

    members: tuple[Energy, ...]
    fits: tuple[Selected, ...]
    """the fit of each member"""

    @property
    def energy(self) -> Energy:
        """The mean of the members' energies; with one member that energy itself."""
        return self.members[0] if len(self.members) == 1 else SumEnergy(*self.members, scale=1 / len(self.members))


def fit_ensemble(
    build: Callable[[int], Energy],
    fit_member: Callable[[Energy, int], Selected],
    size: int = 1,
    *,
    seed: int = 0,
    save: Callable[[Energy], None] | None = None,
) -> Ensemble:
    """Train `size` energies one after the other, each with a different seed.

    Args:
        build: makes an untrained energy from a seed.
        fit_member: trains an energy, given the same seed; see `fit_density`.
        size: the ensemble size.
        seed: member `k` has the seed `seed · size + k`.
        save: called with the mean of the members when all are trained. If training is interrupted or diverges, it is
            called with the mean of the finished members, or with the unfinished first one if there are none.

    >>> from discrete_ed import density_energy, pseudo_likelihood
    >>> states = torch.eye(4).repeat(20, 1)
    >>> ensemble = fit_ensemble(
    ...     lambda seed: density_energy("mlp", 4, width=8, seed=seed),
    ...     lambda energy, seed: fit_density(
    ...         energy, pseudo_likelihood, states, states, FitConfig(steps=20), seed=seed
    ...     ),
    ...     size=2,
    ... )
    >>> len(ensemble.members), ensemble.energy.scale
    (2, 0.5)
    """
    members: list[Energy] = []
    fits: list[Selected] = []
    for k in range(size):
        energy = build(seed * size + k)
        try:
            fits.append(fit_member(energy, seed * size + k))
        except (KeyboardInterrupt, NumericalError):
            if save is not None:  # an unfinished member is left out of the mean
                save(Ensemble(tuple(members) or (energy,), tuple(fits)).energy)
            raise
        members.append(energy)
    ensemble = Ensemble(tuple(members), tuple(fits))
    if save is not None:
        save(ensemble.energy)
    return ensemble
