"""Scores of a fitted density: how likely it finds states, and how far its samples are from them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.data import Toy
from discrete_ed.density.sampling import SNAPSHOTS
from discrete_ed.energies import BernoulliEnergy, Energy
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.likelihood import LogLikelihood, LogPartition, estimate_log_z, importance_log_z
from discrete_ed.metrics import hamming_mmd_repeats, hamming_test

MMD_SIZE, MMD_REPEATS = 4000, 10  # as published
FEWEST_REPEATS = 5  # of which the scatter tells an error
UNIFORM_DRAWS = 1_000_000  # as published


def bracket(
    energy: Energy, train: Tensor, config: EstimateConfig, generator: torch.Generator
) -> tuple[LogPartition, list[str]]:
    """What is known of `log Z`, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        found = estimate_log_z(
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
    z = test.log_partition
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


def independent_columns(train: Tensor, x: Tensor) -> float:
    """The trivial baseline, exact: mean log-likelihood of states `(n, D)` under the marginals of the training states.

    Each marginal has one fair coin added, so that a column which is constant in training costs no infinity.
    """
    logits = BernoulliEnergy.from_data(train).logits.detach().double()
    return (x.double() @ logits - torch.nn.functional.softplus(logits).sum()).mean().item()


def discrepancies(samples: Tensor, test: Tensor, train: Tensor) -> dict[str, Any]:
    """MMD² of the samples, and of training states, against test states, in sets of equal size.

    As published, the mean of ten sets of 4,000, with its error, where there are states for at least five. Else one set
    of at most 4,000, with a bootstrap interval. The p-values, by permutation, are of one such set in either case; they
    suppose independent states, so of the samples it takes the first of every chain only, and of a table random rows.
    """
    repeats = min(MMD_REPEATS, min(len(test), len(samples), len(train)) // MMD_SIZE)
    alone = min(MMD_SIZE, len(test), len(train), len(samples) // SNAPSHOTS)
    several, rows = repeats >= FEWEST_REPEATS, repeats * MMD_SIZE
    found: dict[str, Any] = {"p_value_size": alone}
    found |= {"mmd_size": MMD_SIZE, "mmd_repeats": repeats} if several else {"mmd_size": alone, "mmd_repeats": 1}
    some_test = _random_rows(test, alone)
    for name, states, some in (("mmd2", samples, samples[:alone]), ("mmd2_floor", train, _random_rows(train, alone))):
        drawn = hamming_test(some.float(), some_test)
        value, error, interval = drawn.observed, None, drawn.interval
        if several:
            (value, error), interval = _published(states[:rows].float(), test[:rows]), None
        found |= {name: value, f"{name}_error": error, f"{name}_interval": interval and list(interval)}
        found[f"{name}_p_value"] = drawn.p_value
    return found


def _published(x: Tensor, y: Tensor) -> tuple[float, float]:
    repeats = hamming_mmd_repeats(x, y, MMD_SIZE)
    return repeats.mean, repeats.error


def _random_rows(states: Tensor, count: int) -> Tensor:
    return states[torch.randperm(len(states), generator=torch.Generator().manual_seed(0))[:count]]


def toy_scores(toy: Toy, energy: Energy, test: Tensor, generator: torch.Generator) -> dict[str, float]:
    """The entropy of the truth, as its mean `−log p` of the test states; and the published protocol: uniform importance
    sampling, 4,000 test states."""
    log_z, error = importance_log_z(energy, UNIFORM_DRAWS, generator=generator)
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
