"""The laws of the columns of an energy that has too many joint values to be summed, matched by annealed chains."""

from __future__ import annotations

import warnings
from copy import deepcopy
from math import inf, log, sqrt

import torch
from torch import Tensor

from discrete_ed.tables.energy import RIDGE, TableEnergy
from discrete_ed.tables.sweeps import scan_columns, sweep_columns

CHAINS, MOST_CHAINS = 1000, 5000
"""number of chains, and their number for large tables, whose columns are known more exactly than so few chains tell"""
LONGEST_STEP, SHORTEST_STEP = 1 / 30, 1 / 100
"""bounds of the steps of the inverse temperature"""
LEAST_EFFECTIVE = 0.6
"""share of the chains that is effective after a step, from which its length follows"""
LAST_ROUNDS, DECAY = 20, 4.0
"""rounds at the temperature of the model, and after how many of them a correction has half of its first size"""
LEAST_SHARE = 1e-3  # added to shares before they are compared
COMPARED_SWEEPS = 20
MOST_ERROR = 0.15
"""the difference of a covariance from the wanted one above which the result of matching is doubted"""
FALSE_ALARMS = 0.01
"""bound of the probability that chains of one law are said to disagree"""


def number_of_chains(rows: int) -> int:
    """How many chains match the columns of a table with so many rows: a fifth of them, within bounds.

    >>> [number_of_chains(rows) for rows in (100, 10_000, 1_000_000)]
    [1000, 2000, 5000]
    """
    return min(max(CHAINS, rows // 5), MOST_CHAINS)


def match_table(
    energy: TableEnergy,
    shares: list[Tensor],
    covariance: Tensor,
    rows: Tensor,
    *,
    chains: int = CHAINS,
    generator: torch.Generator | None = None,
) -> tuple[TableEnergy, Tensor]:
    """`match_columns` with the covariance, or without where that leads away from it.

    Columns that nearly copy each other have couplings of hundreds, whose steps magnify the noise of chains. So chains
    from rows of the table show what covariance the result has. If it is farther from the wanted one than `MOST_ERROR`,
    columns are matched alone as well, and the better result is taken.

    Args:
        energy: the energy, which stays as it is.
        rows: rows of the table, `(N, columns)`.
        shares, covariance, chains, generator: as of `match_columns`.

    Returns:
        The matched energy, and where its annealed chains end.

    Warns:
        UserWarning: the covariance of neither is near the wanted one.
    """
    found: list[tuple[float, TableEnergy, Tensor]] = []
    for wanted in (covariance, None):
        matched = deepcopy(energy)
        annealed = match_columns(matched, shares, wanted, chains=chains, generator=generator)
        ends = sweep_columns(matched, rows, COMPARED_SWEEPS, generator=generator)
        found.append((covariance_error(matched, ends, covariance), matched, annealed))
        if found[-1][0] <= MOST_ERROR:
            break
    error, matched, annealed = min(found, key=lambda each: each[0])
    warn_of_covariance(error)
    return matched, annealed


def covariance_error(energy: TableEnergy, rows: Tensor, wanted: Tensor) -> float:
    """The largest difference of the covariance of two scores of rows `(N, columns)` from the wanted one; infinite if
    the energy has numbers that are none."""
    groups, scores = energy.groups, energy.scores
    assert groups is not None
    if not all(bool(p.isfinite().all()) for p in energy.parameters()):
        return inf
    with torch.no_grad():
        phi = energy.features(groups.encode(rows).to(energy.fields)).double()
    return largest_difference(covariance_of(phi, torch.full((len(phi),), 1 / len(phi))), wanted, scores)


def largest_difference(covariance: Tensor, wanted: Tensor, scores: Tensor) -> float:
    """How far the covariance of two scores is from the wanted one at most, see `coupling_step`."""
    rows, columns = torch.meshgrid(scores, scores, indexing="ij")
    differences = (covariance.to(wanted)[rows, columns] - wanted[rows, columns] / (1 + RIDGE)).abs()
    return float(differences.triu(1).max()) if differences.numel() else 0.0


def warn_of_covariance(error: float) -> None:
    """Warn if a covariance of the model differs from that of the table by more than twice `MOST_ERROR`."""
    if error > 2 * MOST_ERROR:
        warnings.warn(
            f"table: the model has a covariance of two columns that differs by {error:.2f} from that of the table, so "
            "its samples don't depend on each other as they should; drop columns that nearly copy others",
            UserWarning,
            stacklevel=4,
        )


def match_columns(
    energy: TableEnergy,
    shares: list[Tensor],
    covariance: Tensor | None = None,
    *,
    chains: int = CHAINS,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Change `b` and `J` until the columns of the model have the laws of the table, and its features their covariance,
    as maximum likelihood demands.

    Chains start at samples of the mixture `m`, which are exact, and the rest of the energy is turned on by and by:
    `E_β = −log m(x) − bᵀx + β (E + bᵀx + log m(x))`. Chains are weighted and resampled with each change of β and of
    `b`, so that the modes of the model have the right number of chains even if no chain moves from one to another.
    After each sweep, `b` is raked: `log(share in the table / share in the chains)` of each value is added to it. Once
    all of the dependence is there, `J` is changed by `coupling_step` as well.

    Args:
        energy: the energy, which is changed.
        shares: the share of each value of each column in the table.
        covariance: the covariance of the features in the table, `(P, P)`; by default `J` stays as it is.
        chains: the number of chains.
        generator: the source of randomness.

    Returns:
        Where the chains end, `(chains, columns)`.

    Source: Del Moral, Doucet and Jasra 2006, Journal of the Royal Statistical Society B 68, 411–436.
    """
    groups = energy.groups
    assert groups is not None
    for column, (share, law) in enumerate(zip(shares, energy.mixture.marginals(), strict=True)):
        energy.set_fields(column, (share / law).log())
    model = deepcopy(energy)
    model.fields = energy.fields  # so that both are changed
    current = energy.mixture.sample(chains, generator=generator)
    log_weights = (groups.encode(current).to(energy.fields) @ energy.fields).detach().double()
    beta, last = 0.0, 0
    with torch.no_grad():
        while last < LAST_ROUNDS:
            states = groups.encode(current).to(energy.fields)
            dependence = (energy(states) + states @ energy.fields + energy.log_mixture(states)).double()
            step = min(_longest(log_weights, dependence, SHORTEST_STEP, LONGEST_STEP), 1 - beta)
            beta, last = beta + step, last + (beta >= 1)
            log_weights = log_weights - step * dependence
            model.couplings.copy_(beta * energy.couplings)
            model.output.weight.copy_(beta * energy.output.weight)
            current = current[_resampled(log_weights, generator)]
            current = sweep_columns(model, current, 1, generator=generator)
            log_weights = torch.zeros(chains, dtype=torch.float64)
            for column, logits in scan_columns(model, current, order=range(len(shares))):
                # the mean of conditional laws has less noise than the shares of the chains
                expected = log_weights.softmax(0) @ logits.double().softmax(-1)
                added = ((shares[column] + LEAST_SHARE) / (expected + LEAST_SHARE)).log() / (1 + last / DECAY)
                log_weights += added[current[:, column]]
                energy.add_fields(column, added)
            if covariance is not None and last:
                phi = energy.features(groups.encode(current).to(energy.fields))
                added = coupling_step(energy, covariance_of(phi, log_weights.softmax(0)), covariance)
                change = ((phi @ added) * phi).sum(-1).double() / 2
                gain = _longest(log_weights, -change, 0.0, 1 / (1 + last / DECAY))
                energy.couplings.add_(gain * added)
                log_weights += gain * change
    return current[_resampled(log_weights, generator)]


def coupling_step(energy: TableEnergy, covariance: Tensor, wanted: Tensor) -> Tensor:
    """What is added to `J` so that covariances of the scores of ordered columns become those that are wanted, `(P, P)`.

    For Gaussian laws `J = I − C⁻¹`, so that a change of `C` by `D` changes `J` by `C⁻¹ D C⁻¹`: the step of Newton's
    method. Covariances are wanted a little smaller than they are in the table, see `RIDGE`, so that columns that copy
    each other have finite couplings. Couplings of other features stay as they are, see `TableEnergy.scores`.
    """
    rows, columns = torch.meshgrid(energy.scores, energy.scores, indexing="ij")
    part, identity = wanted.to(covariance)[rows, columns], torch.eye(len(rows)).to(covariance)
    inverse = torch.linalg.inv(part + RIDGE * identity)
    change = (part / (1 + RIDGE) - covariance[rows, columns]) * (1 - identity)
    return torch.zeros_like(covariance).index_put((rows, columns), inverse @ change @ inverse)


def covariance_of(phi: Tensor, weights: Tensor) -> Tensor:
    """The covariance of features `(N, P)` of rows with some weights `(N,)`, whose sum is 1."""
    weights = weights.to(phi)
    centred = phi - weights @ phi
    return (weights * centred.T) @ centred


def distance_of_starts(
    energy: TableEnergy, rows: Tensor, annealed: Tensor, *, generator: torch.Generator | None = None
) -> float:
    """The largest difference of the shares of pairs of values between chains from rows and annealed chains.

    Both sample the same law, so that a difference beyond chance shows that chains do not leave their modes.

    Args:
        energy: the energy.
        rows: where chains start, such as training rows, `(N, columns)`.
        annealed: where annealed chains ended, see `match_columns`.
        generator: the source of randomness.
    """
    groups = energy.groups
    assert groups is not None
    pairs = []
    for start in (rows, annealed):
        x = groups.encode(sweep_columns(energy, start, COMPARED_SWEEPS, generator=generator)).double()
        pairs.append(x.T @ x / len(x))
    return float((pairs[0] - pairs[1]).abs().max())


def most_by_chance(bits: int, chains: int = CHAINS) -> float:
    """The difference of shares of pairs that `distance_of_starts` exceeds by chance in one of a hundred cases at most.

    For independent chains the difference of one pair exceeds `t` with a probability of at most `2 exp(−n t²)`, and
    there are `D (D + 1) / 2` pairs of bits.

    Source: Hoeffding 1963, Journal of the American Statistical Association 58, 13–30.

    >>> round(most_by_chance(100), 3)
    0.118
    """
    return sqrt(log(bits * (bits + 1) / FALSE_ALARMS) / chains)


def warn_of_starts(distance: float, bits: int, so: str) -> None:
    """Warn if chains of states of so many bits from two starts differ by more than chance, and of what follows."""
    if distance > most_by_chance(bits):
        warnings.warn(
            f"table: chains from training rows and annealed chains disagree by up to {distance:.2f} in "
            f"the share of a pair of values, so they don't leave their modes, and {so}; drop columns that repeat "
            "others, or judge the samples with evaluate_tables",
            UserWarning,
            stacklevel=3,
        )


def _longest(log_weights: Tensor, change: Tensor, low: float, high: float) -> float:
    """The longest step between two bounds after which enough chains are effective, if each step subtracts that multiple
    of `change` from their log weights."""
    for _ in range(8):
        middle = (low + high) / 2
        weights = (log_weights - middle * change).softmax(0)
        enough = 1 / (weights**2).sum() >= LEAST_EFFECTIVE * len(weights)
        low, high = (middle, high) if enough else (low, middle)
    return low


def _resampled(log_weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers of chains, each about as often as its weight says: systematic resampling."""
    count = len(log_weights)
    u = (torch.arange(count) + torch.rand(1, generator=generator, dtype=torch.float64)) / count
    return torch.searchsorted(log_weights.softmax(0).cumsum(0), u).clamp(max=count - 1)
