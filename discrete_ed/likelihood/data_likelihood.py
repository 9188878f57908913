"""Log-likelihoods of states: exact if the log partition function can be summed, otherwise between two estimates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import evaluation_size
from discrete_ed.errors import NumericalError
from discrete_ed.likelihood.partition import LogPartition, check_batch, estimate_log_z
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.states import CHUNK_STATES


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """`log p(x) = −E(x) − log Z` of a set of states, in nats, and its mean.

    >>> from discrete_ed import BernoulliEnergy
    >>> found = log_likelihood(BernoulliEnergy(2), torch.zeros(3, 2))
    >>> round(found.mean, 4), found.exact  # −2 log 2
    (-1.3863, True)
    """

    energies: Tensor
    """`E(x)` of each state, `(N,)`, float64"""
    log_partition: LogPartition
    """`log Z`: exact, in a bracket, or refused"""

    @property
    def values(self) -> Tensor:
        """The value of each state, `(N,)`; with the middle of the two estimates if `log Z` is estimated, NaN if it is
        refused."""
        return -self.energies - self.log_partition.value

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.values.mean().item()

    @property
    def lower(self) -> float:
        """The mean with the highest `log Z` that the estimates allow (see `LogPartition`); −∞ if it is refused."""
        return (-self.energies - self.log_partition.high).mean().item()

    @property
    def upper(self) -> float:
        """The mean with the lowest `log Z` that the estimates allow."""
        return (-self.energies - self.log_partition.low).mean().item()

    @property
    def error(self) -> float:
        """Standard error of the mean, with the states as samples of their law; it does not include the error of `log
        Z`."""
        return self.energies.std().item() / len(self.energies) ** 0.5 if len(self.energies) > 1 else float("nan")

    @property
    def exact(self) -> bool:
        """Whether `log Z` is exact, so that `lower = mean = upper`."""
        return self.log_partition.exact


def log_likelihood(
    energy: Energy, x: Tensor, log_partition: LogPartition | None = None, *, generator: torch.Generator | None = None
) -> LogLikelihood:
    """The log-likelihood of states under an energy, of each and on average: exact, or a bracket; `exact` says which.

    Args:
        x: states `(N, D)`.
        log_partition: the result of `estimate_log_z`, to reuse it or for other settings; by default `log Z` is
            estimated with default settings, and its chains start at `x`.
        generator: source of randomness of the estimate.

    Raises:
        InputError: `x` isn't a float tensor of bits, or the energy returns values of another shape.
        NumericalError: an energy isn't a number.

    >>> from discrete_ed import BernoulliEnergy
    >>> result = log_likelihood(BernoulliEnergy(4), torch.zeros(10, 4))
    >>> result.exact, round(result.mean, 6), result.lower == result.upper  # −4 log 2
    (True, -2.772589, True)
    >>> result.values.shape
    torch.Size([10])
    """
    check_batch(energy, x)
    if log_partition is None:
        log_partition = estimate_log_z(energy, x, generator=generator)
    with torch.no_grad(), suitable_threads(evaluation_size(energy, min(CHUNK_STATES, len(x)) * x.shape[1])):
        energies = torch.cat([energy(rows).double() for rows in x.split(CHUNK_STATES)])
    if energies.isnan().any() or energies.isneginf().any():
        bad = int((energies.isnan() | energies.isneginf()).sum())
        raise NumericalError(f"energy: expected numbers, got NaN or -inf at {bad} of {len(x)} states")
    return LogLikelihood(energies, log_partition)
