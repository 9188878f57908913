"""Have the chains mixed? Convergence, effective sample sizes, acceptance, and how far chains jump.

Samples of chains, which the literature calls draws, have the shape `(chain, draw, …)`, as in ArviZ. For a quantity that
never changes in any chain every statistic is NaN, since its mixing can't be assessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import log10, nan

import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.samplers import State

CHUNK = 2**22
"""number of draws that are processed at once"""

RHAT_OF_MIXED = 1.01
"""the largest R̂ of chains that have mixed, as Vehtari et al. 2021 propose"""


def rhat(draws: Tensor) -> Tensor:
    """Rank-normalised split R̂: the larger of R̂ of the draws and R̂ of their distances from the median.

    Each chain is split into two halves of `N` draws; the draws are replaced by `z = Φ⁻¹((r − 3/8) / (S + 1/4))` with
    `r` their average ranks among all `S`; and `R̂ = √(((N − 1)/N W + B/N) / W)` with `W` the mean variance within the
    halves and `B/N` the variance of their means. It is near 1 if all chains sample the same law;
    above 1.01 the chains have not mixed.

    Args:
        draws: `(chain, draw, …)`, at least four draws.

    Returns:
        R̂ of shape `(…)`, float64; NaN if every half of every chain is constant, or a draw isn't finite.

    Raises:
        InputError: fewer than two dimensions or four draws.

    Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, arXiv 1903.08008.

    >>> g = torch.Generator().manual_seed(0)
    >>> apart = torch.randn(4, 500, generator=g) + torch.tensor([[0.0], [0.0], [0.0], [2.0]])
    >>> 1.2 < rhat(apart) < 1.6, 0.99 < rhat(apart[:3]) < 1.02
    (tensor(True), tensor(True))
    >>> rhat(torch.zeros(4, 500))
    tensor(nan, dtype=torch.float64)
    """
    return _per_quantity(draws, _rhat)


def ess_bulk(draws: Tensor) -> Tensor:
    """Bulk effective sample size: the number of independent draws that the rank-normalised split chains are worth.

    With `ρ_t` the autocorrelation over all chains (which includes their disagreement), the sums `ρ_{2k} + ρ_{2k+1}` are
    taken before the first negative one and made monotone, and the size is `S / (−1 + 2 Σ_t ρ_t)`, at most `S log10 S`.

    Args:
        draws: `(chain, draw, …)`, at least four draws.

    Returns:
        The size, of shape `(…)`, float64; NaN as for `rhat`.

    Raises:
        InputError: fewer than two dimensions or four draws.

    Source: Vehtari et al. 2021, arXiv 1903.08008; the sums: Geyer 1992, Statistical Science 7, 473–483.

    >>> g = torch.Generator().manual_seed(0)
    >>> 1500 < ess_bulk(torch.randn(4, 500, generator=g)) < 2500
    tensor(True)
    """
    return _per_quantity(draws, lambda x: _ess(_normal_scores(_split(x))))


def ess_tail(draws: Tensor) -> Tensor:
    """Tail effective sample size: the smaller of those of the indicators `x <= q` of the 5% and the 95% quantile.

    An indicator that is the same for all draws is left out; for a bit only one indicator remains.

    Args:
        draws: `(chain, draw, …)`, at least four draws.

    Returns:
        The size, of shape `(…)`, float64; NaN as for `rhat`.

    Raises:
        InputError: fewer than two dimensions or four draws.

    Source: Vehtari et al. 2021, arXiv 1903.08008.

    >>> g = torch.Generator().manual_seed(0)
    >>> 1000 < ess_tail(torch.randn(4, 500, generator=g)) < 2500
    tensor(True)
    """
    return _per_quantity(draws, _tail)


def hamming_jump(bits: Tensor) -> Tensor:
    """The mean number of bits that differ between consecutive draws, for each chain: `(C, N, D)` to `(C,)`.

    Raises:
        InputError: another number of dimensions, or fewer than two draws.

    >>> hamming_jump(torch.tensor([[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]]))
    tensor([1.5000], dtype=torch.float64)
    """
    if bits.ndim != 3 or bits.shape[1] < 2:
        raise InputError(f"bits: expected (chain, draw, D) with at least two draws, got shape {tuple(bits.shape)}")
    return (bits[:, 1:] != bits[:, :-1]).sum(-1).double().mean(-1)


@dataclass(frozen=True)
class Diagnosis:
    """Diagnostics of the mixing of chains; all tensors are float64."""

    rhat: Tensor
    """R̂ of each bit, `(D,)`; NaN for a bit that never changed, such as a frozen one"""
    ess_bulk: Tensor
    """bulk effective sample size of each bit, `(D,)`"""
    ess_tail: Tensor
    """tail effective sample size of each bit, `(D,)`"""
    energy_rhat: float
    """R̂ of the energy"""
    energy_ess_bulk: float
    """bulk effective sample size of the energy"""
    energy_ess_tail: float
    """tail effective sample size of the energy"""
    acceptance: Tensor
    """share of the kept steps in which the proposal of each chain was accepted (or a bit changed), `(C,)`"""
    jump: Tensor
    """mean number of bits that differ between consecutive kept draws, for each chain, `(C,)`"""
    seconds: float
    """wall-clock time in which the draws were made; NaN if they were made before the diagnosis"""
    evaluations: int
    """number of local evaluations of all chains together for these draws"""

    @property
    def moved(self) -> float:
        """Share of the chains in which any bit changed; those that stand still say nothing about the law."""
        return (self.jump > 0).double().mean().item()

    @property
    def ess_per_second(self) -> float:
        """Bulk effective sample size of the energy for each second."""
        return self.energy_ess_bulk / self.seconds

    @property
    def ess_per_evaluation(self) -> float:
        """Bulk effective sample size of the energy for each local evaluation of one state."""
        return self.energy_ess_bulk / self.evaluations


def diagnose(states: Iterable[State], *, evaluations: int = 1) -> Diagnosis:
    """The diagnosis of the states that a chain goes through: R̂, effective sample sizes, acceptance, jumps, cost.

    The bits and energies of all states are kept in memory: `C · N · D` numbers. Use `itertools.islice` to leave out a
    burn-in and to end the chain, which is endless; thin with `chain(…, thin=…)`.

    Args:
        states: the states to diagnose. An iterator is timed while it is consumed, from the first state on.
        evaluations: local evaluations from one state to the next: `thin` times those of a step, which are one for most
            kernels, and one for each class of sites for `GibbsSweep`.

    Raises:
        InputError: fewer than four states.

    Source: Vehtari et al. 2021, arXiv 1903.08008.

    >>> from itertools import islice
    >>> from discrete_ed import Exact, Gibbs, IsingEnergy, chain
    >>> g = torch.Generator().manual_seed(0)
    >>> fields = torch.tensor([0.0, 0.5])
    >>> states = chain(Gibbs(), Exact(IsingEnergy(torch.zeros(2, 2), fields)), torch.zeros(4, 2), generator=g)
    >>> diagnosis = diagnose(islice(states, 100, 600))
    >>> (diagnosis.rhat < 1.02).all(), 400 < diagnosis.ess_bulk.min() < 1000
    (tensor(True), tensor(True))
    """
    kept, clock = [], []
    for state in states:
        kept.append((state.x.bool(), state.energy, state.accepted))
        clock.append(time.perf_counter())
    if len(kept) < 4:
        raise InputError(f"states: expected at least four, got {len(kept)}")
    bits, energy, accepted = (torch.stack(parts, 1) for parts in zip(*kept, strict=True))
    seconds = (clock[-1] - clock[0]) * len(kept) / (len(kept) - 1) if isinstance(states, Iterator) else nan
    return Diagnosis(
        rhat(bits),
        ess_bulk(bits),
        ess_tail(bits),
        rhat(energy).item(),
        ess_bulk(energy).item(),
        ess_tail(energy).item(),
        accepted.double().mean(1),
        hamming_jump(bits),
        seconds,
        evaluations * accepted.numel(),
    )


def _per_quantity(draws: Tensor, statistic: Callable[[Tensor], Tensor]) -> Tensor:
    """A statistic of chains `(K, C, N)`, for draws `(C, N, …)`; NaN where it is undefined."""
    if draws.ndim < 2 or draws.shape[0] < 1 or draws.shape[1] < 4:
        raise InputError(f"draws: expected (chain, draw, …) with at least four draws, got {tuple(draws.shape)}")
    x = draws.detach().flatten(2).movedim(-1, 0) if draws.ndim > 2 else draws.detach().unsqueeze(0)
    size = max(1, CHUNK // (draws.shape[0] * draws.shape[1]))
    return torch.cat([_of_part(part.double(), statistic) for part in x.split(size)]).view(draws.shape[2:])


def _of_part(x: Tensor, statistic: Callable[[Tensor], Tensor]) -> Tensor:
    """The statistic of chains `(K, C, N)`, `(K,)`; NaN where a draw isn't finite or every half is constant."""
    halves = _split(x)
    unknown = (halves == halves[..., :1]).all(-1).all(-1) | ~x.isfinite().all(-1).all(-1)
    return statistic(x.nan_to_num()).masked_fill(unknown, torch.nan)


def _split(x: Tensor) -> Tensor:
    """Chains `(K, C, N)` to halves `(K, 2C, N // 2)`; the middle draw of an odd number is left out."""
    half = x.shape[-1] // 2
    return torch.cat([x[..., :half], x[..., -half:]], 1)


def _normal_scores(x: Tensor) -> Tensor:
    """Draws `(K, C, N)` to normal quantiles of their average ranks among all draws of their quantity."""
    flat = x.flatten(1).contiguous()
    ordered = flat.sort(-1).values
    below, up_to = torch.searchsorted(ordered, flat), torch.searchsorted(ordered, flat, right=True)
    rank = (below + up_to + 1) / 2
    return torch.special.ndtri((rank.double() - 0.375) / (flat.shape[-1] + 0.25)).view(x.shape)


def _quantile(x: Tensor, q: float) -> Tensor:
    """The quantile of all draws of each quantity, linear between them: `(K, C, N)` to `(K, 1, 1)`."""
    ordered = x.flatten(1).sort(-1).values
    place = q * (ordered.shape[-1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], place - low).view(-1, 1, 1)


def _rhat(x: Tensor) -> Tensor:
    halves = _split(x)
    folded = (halves - _quantile(halves, 0.5)).abs()
    bulk, fold = (_plain_rhat(_normal_scores(y)) for y in (halves, folded))
    return torch.fmax(bulk, fold)  # the fold is constant if half of the bits are one


def _plain_rhat(x: Tensor) -> Tensor:
    draws = x.shape[-1]
    within, between = x.var(-1).mean(-1), x.mean(-1).var(-1)
    return ((draws - 1) / draws + between / within).sqrt()


def _tail(x: Tensor) -> Tensor:
    sizes = []
    for q in (0.05, 0.95):
        indicator = (x <= _quantile(x, q)).double()
        still = (indicator == indicator[..., :1, :1]).all(-1).all(-1)
        sizes.append(_ess(_split(indicator)).masked_fill(still, torch.nan))
    return torch.fmin(*sizes)


def _ess(x: Tensor) -> Tensor:
    """Effective sample size of chains `(K, C, N)`, without rank normalisation, `(K,)`."""
    _, chains, draws = x.shape
    centred = x - x.mean(-1, keepdim=True)
    spectrum = torch.fft.rfft(centred, 2 * draws).abs().square()
    covariance = torch.fft.irfft(spectrum, 2 * draws)[..., :draws].mean(1) / draws
    within = covariance[:, :1] * draws / (draws - 1)
    variance = covariance[:, :1] + (x.mean(-1).var(-1).unsqueeze(-1) if chains > 1 else 0)
    rho = 1 - (within - covariance) / variance
    rho[:, 0] = 1
    pairs = rho[:, : 2 * (draws // 2)].unflatten(-1, (-1, 2)).sum(-1)
    kept = (pairs >= 0).long().cumprod(-1)
    monotone = (pairs.cummin(-1).values * kept).sum(-1)
    # the first half of the pair after the last one kept improves the estimate of anticorrelated chains
    after = rho.gather(-1, (2 * kept.sum(-1, keepdim=True)).clamp(max=draws - 1)).squeeze(-1).clamp(min=0)
    size = chains * draws
    return size / (2 * monotone - 1 + after).clamp(min=1 / log10(size))
