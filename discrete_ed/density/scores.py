"""Scores of a fitted density: the likelihood of held-out states, and the distance of its samples from them."""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.data import Toy
from discrete_ed.density.missing import completed, marginal_log_likelihood
from discrete_ed.density.sampling import SNAPSHOTS
from discrete_ed.energies import BernoulliEnergy, Energy
from discrete_ed.energies.base import state_bits
from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_log_z
from discrete_ed.likelihood import (
    LogLikelihood,
    LogPartition,
    estimate_log_z,
    importance_log_z,
    log_likelihood,
)
from discrete_ed.metrics import hamming_mmd_repeats, hamming_test
from discrete_ed.metrics.hamming import PUBLISHED_SIZE

MMD_REPEATS = 10
"""number of sets of the published comparisons by MMD"""
FEWEST_REPEATS = 5
"""least number of sets whose standard deviation is used to estimate an error"""
UNIFORM_SAMPLES = 1_000_000
"""number of uniform states from which the published comparisons estimate log Z"""
SCORED_TRAINING_STATES = 50_000
"""largest number of training states whose likelihood is computed, and at which chains may start"""


@dataclass(frozen=True)
class SetDistance:
    """MMD² between some states and test states."""

    value: float
    """the unbiased estimate, or its mean over several sets if there are enough states"""
    error: float | None
    """standard error of that mean; None for a single set"""
    interval: tuple[float, float] | None
    """95% bootstrap interval of a single set; None for several sets"""
    p_value: float
    """p-value of the hypothesis that states and test states have the same law, by permutation of one set of each"""

    def to_dict(self, name: str) -> dict[str, Any]:
        """The fields under the names `NAME`, `NAME_error`, `NAME_interval`, `NAME_p_value`."""
        return {
            name: self.value,
            f"{name}_error": self.error,
            f"{name}_interval": self.interval and list(self.interval),
            f"{name}_p_value": self.p_value,
        }


@dataclass(frozen=True)
class SampleDistances:
    """MMD² between samples and test states, and between training states and test states (the floor)."""

    samples: SetDistance
    floor: SetDistance
    size: int
    """number of states in a set"""
    repeats: int
    """Sets."""
    p_value_size: int
    """number of states in each of the two sets that the p-values compare"""

    def to_dict(self) -> dict[str, Any]:
        """The numbers under the keys of `result.json`."""
        sizes = {"p_value_size": self.p_value_size, "mmd_size": self.size, "mmd_repeats": self.repeats}
        return {**sizes, **self.samples.to_dict("mmd2"), **self.floor.to_dict("mmd2_floor")}


@dataclass(frozen=True)
class ToyScores:
    """Scores that need the true law."""

    entropy: float
    """mean of `−log p` of the test states under the true law; in expectation no law has a smaller one"""
    entropy_error: float
    published_nll: float
    """negative log-likelihood by the published protocol, whose log Z is biased; see `importance_log_z`"""
    published_nll_error: float


@dataclass(frozen=True, eq=False)
class DensityScores:
    """The scores of a fitted density."""

    test: LogLikelihood
    train: LogLikelihood
    valid: LogLikelihood
    independent_columns: float
    """mean log-likelihood of the test states under independent columns, the trivial model"""
    warnings: tuple[str, ...]
    """warnings of the estimate of log Z"""
    distances: SampleDistances
    toy: ToyScores | None
    """scores against the true law, if it is known"""

    def to_dict(self) -> dict[str, Any]:
        """The scores under the keys of `result.json`; None for what is refused."""
        log_partition = self.test.log_partition
        bracket, annealing = log_partition.bracket, log_partition.annealing
        return {
            "test_log_likelihood": _known(self.test.mean),
            "lower": _known(self.test.lower),
            "upper": self.test.upper,
            "exact": self.test.exact,
            "test_error": self.test.error,
            "train_log_likelihood": _known(self.train.mean),
            "valid_log_likelihood": _known(self.valid.mean),
            "log_z": {
                "forward": bracket.lower,
                "reverse": bracket.upper,
                "forward_error": bracket.lower_error,
                "reverse_error": bracket.upper_error,
                "base": log_partition.base,
                "annealing": None if annealing is None else asdict(annealing),
            },
            "refused": log_partition.refused,
            "spurious": log_partition.spurious,
            "verdict": log_partition.verdict,
            "independent_columns": self.independent_columns,
            "warnings": list(self.warnings),
            **self.distances.to_dict(),
            "toy": None if self.toy is None else asdict(self.toy),
        }


def score_density(
    energy: Energy,
    samples: Tensor,
    *,
    train: Tensor,
    valid: Tensor,
    test: Tensor,
    toy: Toy | None = None,
    temperatures: int | None = None,
    runs: int = 256,
    generator: torch.Generator | None = None,
) -> DensityScores:
    """Score a fitted density by the likelihood of held-out states, and by the distance of its samples from them.

    Args:
        energy: the energy, on the device of the states.
        samples: its samples, `(N, D)` float; the first tenth must be independent, as those of `sample_density` are.
        train: training states; the likelihood of the first 50,000 is computed.
        valid: validation states.
        test: test states. Cells of all three may be missing (NaN), at most 16 in a row of `valid` and `test`: then the
            likelihood is that of the others, and `train` is completed by the model. States are compared with the cells
            missing that are missing in test states, which is right where this doesn't depend on their values.
        toy: the true law, if it is known.
        temperatures: number of inverse temperatures of annealed importance sampling, if `log Z` has to be estimated;
            by default as many as needed.
        runs: number of runs of annealed importance sampling, in each direction.
        generator: the source of randomness.

    >>> states = torch.eye(3).repeat(10, 1)
    >>> scores = score_density(BernoulliEnergy(3), states, train=states, valid=states, test=states)
    >>> scores.test.exact, round(scores.test.mean, 4)  # −3 log 2
    (True, -2.0794)
    """
    some_train, valid, test_states = train[:SCORED_TRAINING_STATES].float(), valid.float(), test.float()
    rows = completed(energy, some_train, generator=generator)
    log_partition, caught = bracket_log_z(energy, rows, temperatures=temperatures, runs=runs, generator=generator)
    hide = partial(_hidden_as, test_states.isnan().cpu()) if test_states.isnan().any() else torch.Tensor.cpu
    return DensityScores(
        marginal_log_likelihood(energy, test_states, log_partition),
        log_likelihood(energy, rows, log_partition),
        marginal_log_likelihood(energy, valid, log_partition),
        independent_columns(train, test, energy.groups),
        caught,
        sample_distances(hide(samples), hide(test_states), hide(rows if train.isnan().any() else train)),
        None if toy is None else score_against_truth(toy, energy, test_states, generator),
    )


def _hidden_as(missing: Tensor, states: Tensor) -> Tensor:
    """States `(N, D)` with zeros where cells of test states are missing, `(T, D)` bool, row by row and again."""
    rows = torch.arange(len(states)) % len(missing)
    return states.cpu().masked_fill(missing[rows], 0.0)


def bracket_log_z(
    energy: Energy,
    train: Tensor,
    *,
    temperatures: int | None,
    runs: int,
    seconds: float = 60.0,
    generator: torch.Generator | None,
) -> tuple[LogPartition, tuple[str, ...]]:
    """`log Z`, exact or bracketed (see `estimate_log_z`), and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        log_partition = estimate_log_z(
            energy, train, temperatures=temperatures, runs=runs, seconds=seconds, generator=generator
        )
    return log_partition, tuple(str(warning.message) for warning in caught)


def _known(value: float) -> float | None:
    return None if math.isnan(value) or value == -math.inf else value


def independent_columns(train: Tensor, x: Tensor, groups: Groups | None = None) -> float:
    """The trivial baseline, exact: mean log-likelihood of states `(N, D)` under the marginals of the training states.

    Each marginal is smoothed by one extra row with value ½, so that columns which are constant in training don't give
    −∞. Missing cells (NaN) are left out, and columns that are tied into groups are one variable.

    >>> round(independent_columns(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0]])), 4)  # log 2.5 / 3
    -0.1823
    """
    if groups is not None:
        logits = BernoulliEnergy.from_data(train, groups=groups).logits.detach().double()
        return (x.double() @ logits - product_log_z(groups, logits)).mean().item()
    known = ~train.double().isnan()
    rates = (train.double().nansum(0) + 0.5) / (known.sum(0) + 1)
    cells = torch.where(x > 0.5, rates.log(), (1 - rates).log())
    return cells.masked_fill(x.double().isnan(), 0.0).sum(1).mean().item()


def warn_if_useless(energy: Energy, x: Tensor, log_partition: LogPartition) -> None:
    """Warn if training states `(N, D)` are less probable under a fitted energy than under fair coins or dice."""
    found, coins = log_likelihood(energy, x, log_partition).upper, -state_bits(energy, x.shape[1]) * math.log(2)
    if found < coins:
        dice = "fair coins give" if energy.groups is None else "uniform values give"
        warnings.warn(
            f"energy: training rows have a mean log-likelihood of {found:.4g} nats, less than {dice} them "
            f"({coins:.4g}), so training diverged or has hardly begun; take a smaller learning rate or more steps",
            RuntimeWarning,
            stacklevel=4,
        )


def sample_distances(samples: Tensor, test: Tensor, train: Tensor) -> SampleDistances:
    """MMD² of the samples, and of training states, against test states, in sets of equal size.

    As published, this is the mean over ten sets of 4,000, with its error, if there are states for at least five sets.
    Otherwise one set of at most 4,000 is compared, with a bootstrap interval. In both cases the p-values compare one
    such set, by permutation. They require independent states, so they use only the first sample of every chain, and
    random rows of a table.
    """
    repeats = min(MMD_REPEATS, min(len(test), len(samples), len(train)) // PUBLISHED_SIZE)
    one_set = min(PUBLISHED_SIZE, len(test), len(train), len(samples) // SNAPSHOTS)
    several = repeats >= FEWEST_REPEATS
    some_test = _random_rows(test, one_set)

    def distance(states: Tensor, some: Tensor) -> SetDistance:
        tested = hamming_test(some.float(), some_test)
        if not several:
            return SetDistance(tested.observed, None, tested.interval, tested.p_value)
        rows = repeats * PUBLISHED_SIZE
        sets = hamming_mmd_repeats(states[:rows].float(), test[:rows], PUBLISHED_SIZE)
        return SetDistance(sets.mean, sets.error, None, tested.p_value)

    return SampleDistances(
        samples=distance(samples, samples[:one_set]),
        floor=distance(train, _random_rows(train, one_set)),
        size=PUBLISHED_SIZE if several else one_set,
        repeats=repeats if several else 1,
        p_value_size=one_set,
    )


def _random_rows(states: Tensor, count: int) -> Tensor:
    return states[torch.randperm(len(states), generator=torch.Generator().manual_seed(0))[:count]]


def score_against_truth(toy: Toy, energy: Energy, test: Tensor, generator: torch.Generator | None = None) -> ToyScores:
    """The entropy of the true law on the test states, and the published protocol's likelihood of 4,000 of them."""
    log_z, error = importance_log_z(energy, UNIFORM_SAMPLES, generator=generator)
    with torch.no_grad():
        published = energy(test[:PUBLISHED_SIZE]).mean().item() + log_z
    truth = -toy.log_probability(test.to(torch.uint8).cpu().numpy())
    truth = truth[np.isfinite(truth)]  # the centre of a cell on an edge of the checkerboard may lie outside
    return ToyScores(float(truth.mean()), float(truth.std() / len(truth) ** 0.5), published, error)
