"""Scores of a fitted density: how likely it finds states, and how far its samples are from them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.data import Toy
from discrete_ed.energies import Energy
from discrete_ed.experiments.configs import EstimateDensity
from discrete_ed.likelihood import LogLikelihood, Normaliser, importance_log_z, normaliser
from discrete_ed.metrics import hamming_mmd_repeats

MMD_SIZE, MMD_REPEATS = 4000, 10  # as published
UNIFORM_DRAWS = 1_000_000  # as published


def bracket(
    energy: Energy, train: Tensor, config: EstimateDensity, generator: torch.Generator
) -> tuple[Normaliser, list[str]]:
    """What is known of `log Z`, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        found = normaliser(
            energy,
            train,
            temperatures=config.temperatures,
            burn_in=config.temperatures,
            runs=config.runs,
            generator=generator,
        )
    return found, [str(warning.message) for warning in caught]


def likelihoods(test: LogLikelihood, train: LogLikelihood, valid: LogLikelihood) -> dict[str, Any]:
    """The mean log-likelihoods of the three sets, the bracket of the test set's, and that of `log Z`."""
    z = test.normaliser
    return {
        "test_log_likelihood": test.mean,
        "lower": test.lower,
        "upper": test.upper,
        "exact": test.exact,
        "test_error": test.error,
        "train_log_likelihood": train.mean,
        "valid_log_likelihood": valid.mean,
        "log_z": {"forward": z.bracket.lower, "reverse": z.bracket.upper, "forward_error": z.bracket.lower_error}
        | {"reverse_error": z.bracket.upper_error},
    }


def discrepancies(samples: Tensor, test: Tensor, train: Tensor) -> dict[str, Any]:
    """MMD² of the samples, and of training states, against test states, in sets of equal size."""
    size = min(MMD_SIZE, min(len(test), len(samples), len(train)) // 2)
    repeats = min(MMD_REPEATS, min(len(test), len(samples), len(train)) // size)
    rows = repeats * size
    made, real = (hamming_mmd_repeats(x[:rows].float(), test[:rows], size) for x in (samples, train))
    return {
        "mmd2": made.mean,
        "mmd2_error": made.error,
        "mmd2_floor": real.mean,
        "mmd2_floor_error": real.error,
        "mmd_size": size,
        "mmd_repeats": repeats,
    }


def toy_scores(toy: Toy, energy: Energy, test: Tensor, generator: torch.Generator) -> dict[str, float]:
    """The entropy of the truth, as its mean `−log p` of the test states; and the published protocol: uniform importance
    sampling, 4,000 test states."""
    log_z, error = importance_log_z(energy, test.shape[1], UNIFORM_DRAWS, generator=generator)
    with torch.no_grad():
        published = energy(test[:MMD_SIZE]).mean().item() + log_z
    truth = -toy.log_probability(test.to(torch.uint8).cpu().numpy())
    truth = truth[np.isfinite(truth)]  # a cell on an edge of the checkerboard may have its centre outside
    return {
        "entropy": float(truth.mean()),
        "entropy_error": float(truth.std() / len(truth) ** 0.5),
        "published_nll": published,
        "published_nll_error": error,
    }
