"""Conditional and marginal laws of some bits given others, by summing over the bits that are not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies import Clamped, Energy
from discrete_ed.energies.base import evaluation_size
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.likelihood.partition import LogPartition, check_batch, estimate_log_z
from discrete_ed.names import SMALL_BITS
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.samplers import local_for, sample, suitable_kernel
from discrete_ed.states import CHUNK_STATES, check_states, enumerate_states

COMPLETED_BY_SUM = 10
"""largest number of missing bits in a row that are sampled by enumeration; above, chains complete the row"""


@dataclass(frozen=True, eq=False)
class ConditionalLaw:
    """`p(x_T | the other bits)` of some target bits `T`, exact, for each state."""

    values: Tensor
    """all values of the target bits, `(2^K, K)`, in the order of `enumerate_states`; for groups, their states"""
    log_law: Tensor
    """log probability of each value, `(N, 2^K)`, float64"""

    @property
    def most_probable(self) -> Tensor:
        """The most probable value of the target bits of each state, `(N, K)`: the predicted class."""
        return self.values[self.log_law.argmax(-1)]

    @property
    def marginals(self) -> Tensor:
        """The probability that each target bit is one, given the bits that are no targets, `(N, K)`, float64."""
        return self.log_law.exp() @ self.values.double()

    def log_probability(self, targets: Tensor) -> Tensor:
        """The log probability of given values `(N, K)` of the target bits, `(N,)`, float64.

        Raises:
            InputError: values of another shape, or that are no bits.
        """
        check_states(targets, bits=self.values.shape[1], name="targets")
        if len(self.values) < 2 ** self.values.shape[1]:  # values of groups, which aren't all numbers in binary
            found = (targets.unsqueeze(1) == self.values).all(-1)
            return torch.where(found, self.log_law, -torch.inf).amax(-1)
        if targets.shape[0] != len(self.log_law):
            raise InputError(f"targets: expected {len(self.log_law)} rows, got {len(targets)}")
        powers = 2 ** torch.arange(targets.shape[1] - 1, -1, -1, device=targets.device)
        rows = (targets.long() * powers).sum(-1, keepdim=True)
        return self.log_law.gather(-1, rows).squeeze(-1)


def conditional_law(energy: Energy, x: Tensor, targets: Sequence[int]) -> ConditionalLaw:
    """`p(x_T | the other bits)` of each state, by enumerating the `2^K` values of the target bits; needs no log Z.

    Args:
        energy: the energy.
        x: states `(N, D)`; their target bits are ignored.
        targets: positions of the `K` target bits, at most 16; if bits are tied into groups, whole groups with at most
            2^16 joint values.

    Raises:
        InputError: positions that repeat or are no columns, or too many; a part of a group; states or an energy that
            can't be used.

    Source: exact, the definition of conditional probability.

    >>> from discrete_ed import BernoulliEnergy
    >>> law = conditional_law(BernoulliEnergy(torch.tensor([0.0, 9.0])), torch.zeros(1, 2), [1])
    >>> law.most_probable.tolist(), round(law.log_probability(torch.zeros(1, 1)).item(), 3)
    ([[1.0]], -9.0)
    """
    check_batch(energy, x)
    bits = x.shape[1]
    if not targets or len(set(targets)) < len(targets) or not all(0 <= place < bits for place in targets):
        raise InputError(f"targets: expected different columns from 0 to {bits - 1}, got {list(targets)}")
    places = torch.tensor(list(targets), device=x.device)
    values = _values(energy, x, list(targets), "targets")
    return ConditionalLaw(values, _possible(_log_weights(energy, x, places, values)).log_softmax(-1))


def log_sites(energy: Energy, x: Tensor) -> Tensor:
    """`log p(x_i | all other bits) = −log(1 + exp(−Δ_i(x)))` of each bit of each state, `(N, D)`; exact, without log Z.

    A low value names the column that makes a row improbable.

    Raises:
        InputError: states or an energy that can't be used.

    >>> from discrete_ed import BernoulliEnergy
    >>> log_sites(BernoulliEnergy(torch.tensor([0.0, 9.0])), torch.zeros(1, 2))
    tensor([[-0.6931, -9.0001]])
    """
    check_batch(energy, x)
    if energy.groups is not None:
        raise InputError("energy: expected one without groups, got groups; ask conditional_law for each variable")
    size = max(1, CHUNK_STATES // x.shape[1])
    with torch.no_grad(), suitable_threads(evaluation_size(energy, min(CHUNK_STATES, x.numel()) * x.shape[1])):
        return torch.cat([-softplus(-energy.flip_delta(rows)) for rows in x.split(size)])


def log_marginal(
    energy: Energy,
    x: Tensor,
    known: Tensor,
    log_partition: LogPartition | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`log p(x_known) = log Σ exp(−E(x)) − log Z` of each state, `(N,)`, float64, summed over its unknown bits.

    Args:
        energy: the energy.
        x: states `(N, D)`; their unknown bits are ignored.
        known: bool `(N, D)`; at most 16 bits of a state are unknown.
        log_partition: `log Z`, see `log_likelihood`.
        generator: the source of randomness if `log Z` must be estimated.

    Raises:
        InputError: more than 16 unknown bits in a state; states or an energy that can't be used.

    >>> from discrete_ed import BernoulliEnergy
    >>> some = torch.tensor([[True, False]])
    >>> round(log_marginal(BernoulliEnergy(torch.tensor([0.0, 9.0])), torch.zeros(1, 2), some).item(), 4)  # −log 2
    -0.6931
    """
    _check_known(x, known)
    x = with_first_values(energy, x, known)
    check_batch(energy, x)
    if log_partition is None:
        log_partition = estimate_log_z(energy, x, generator=generator)
    return -free_energies(energy, x, known) - log_partition.value


def free_energies(energy: Energy, x: Tensor, known: Tensor) -> Tensor:
    """`−log Σ exp(−E(x))` of each state, summed over its unknown bits, `(N,)`, float64; see `log_marginal`.

    >>> from discrete_ed import BernoulliEnergy
    >>> round(free_energies(BernoulliEnergy(2), torch.zeros(1, 2), torch.tensor([[True, False]])).item(), 4)  # −log 2
    -0.6931
    """
    found = torch.empty(len(x), dtype=torch.float64, device=x.device)
    for rows, places in _patterns(known):
        values = _values(energy, x, places.tolist(), "x")
        found[rows] = -_log_weights(energy, x[rows], places, values).logsumexp(-1)
    return found


def complete(
    energy: Energy, x: Tensor, known: Tensor, *, steps: int = 1000, generator: torch.Generator | None = None
) -> Tensor:
    """Sample the unknown bits of each state from `p(x_unknown | x_known)`: `(N, D)` to `(N, D)`.

    Up to 10 unknown bits of a state are sampled exactly, by enumeration; more are the ends of chains that start at
    fair coins and change unknown bits only.

    Args:
        energy: the energy.
        x: states `(N, D)`; their unknown bits are ignored.
        known: bool `(N, D)`.
        steps: steps of the chains.
        generator: the source of randomness.

    Raises:
        InputError: states or an energy that can't be used.

    >>> from discrete_ed import BernoulliEnergy
    >>> complete(BernoulliEnergy(torch.tensor([0.0, 99.0])), torch.zeros(1, 2), torch.tensor([[True, False]])).tolist()
    [[0.0, 1.0]]
    """
    _check_known(x, known)
    x = with_first_values(energy, x, known)
    check_batch(energy, x)
    found, groups = x.clone(), energy.groups
    chained = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for rows, places in _patterns(known):
        size = len(places) if groups is None else log2(groups.among(places.tolist()).count)
        if size > COMPLETED_BY_SUM:
            chained[rows] = True
            continue
        values = _values(energy, x, places.tolist(), "x")
        law = _possible(_log_weights(energy, x[rows], places, values)).softmax(-1)
        sampled = values[law.multinomial(1, generator=generator).squeeze(-1)]
        found[rows.unsqueeze(-1), places] = sampled
    if chained.any():
        some = known[chained]
        if groups is None:
            coins = (torch.rand(some.shape, generator=generator, device=x.device) < 0.5).to(x.dtype)
        else:
            coins = groups.redrawn(x[chained], ~some, generator=generator)
        clamped = Clamped(energy, some)
        kernel = suitable_kernel(clamped, purpose="learned")
        start = torch.where(some, x[chained], coins)
        found[chained] = sample(kernel, local_for(kernel, clamped), start, steps, generator=generator)
    return found


def _log_weights(energy: Energy, x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """`−E` of each state `(N, D)` with the bits at `places`, `(K,)`, replaced by each of the `values`, `(V, K)`;
    float64, `(N, V)`."""
    parts = []
    threads = suitable_threads(evaluation_size(energy, min(CHUNK_STATES, len(x) * len(values)) * x.shape[1]))
    with torch.no_grad(), threads:
        for rows in x.split(max(1, CHUNK_STATES // len(values))):
            some = []
            for chunk in values.split(CHUNK_STATES):
                states = rows.unsqueeze(1).repeat(1, len(chunk), 1)
                states[..., places] = chunk
                some.append(-energy(states).double())
            parts.append(torch.cat(some, -1))
    found = torch.cat(parts)
    if found.isnan().any():
        raise NumericalError(
            f"energy: expected numbers, got NaN at {int(found.isnan().any(-1).sum())} of {len(x)} states"
        )
    return found


def _possible(log_weights: Tensor) -> Tensor:
    """The log weights `(N, V)`, or an error if a state has only values of probability zero."""
    impossible = int(log_weights.isneginf().all(-1).sum())
    if impossible:
        raise InputError(f"x: expected known bits that are possible, got probability zero at {impossible} states")
    return log_weights


def _values(energy: Energy, x: Tensor, places: list[int], name: str) -> Tensor:
    """All values of the bits at some places, which may be whole groups, `(V, K)`; not too many."""
    if energy.groups is None:
        _check_number(len(places), name)
        return enumerate_states(len(places), dtype=x.dtype, device=x.device)
    some = energy.groups.among(places, name)
    _check_number(log2(some.count), name)
    return some.states(x.dtype, x.device)


def with_first_values(energy: Energy, x: Tensor, known: Tensor) -> Tensor:
    """The states with the first value of each group whose bits aren't known."""
    if energy.groups is None:
        return x
    x = x.masked_fill(~known, 0.0)
    for group in energy.groups.members:
        x[:, group[0]] = torch.where(known[:, list(group)].any(1), x[:, group[0]], 1.0)
    return x


def _patterns(known: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows with each pattern of known bits, and the positions of their unknown bits."""
    patterns, group = known.unique(dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield (group == number).nonzero().squeeze(-1), (~pattern).nonzero().squeeze(-1)


def _check_known(x: Tensor, known: Tensor) -> None:
    if known.dtype != torch.bool or known.shape != x.shape:
        raise InputError(f"known: expected bools of shape {tuple(x.shape)}, got {known.dtype}, {tuple(known.shape)}")


def _check_number(unknown: float, name: str) -> None:
    if unknown > SMALL_BITS:
        got = f"{unknown:.4g}"
        raise InputError(f"{name}: expected at most {SMALL_BITS} unknown bits, whose values are summed, got {got}")
