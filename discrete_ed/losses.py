"""Losses: functions of an energy and a batch of data, to be minimised."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf, log

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies.base import Energy, check_type
from discrete_ed.energies.evaluated import check_shape, raise_explained
from discrete_ed.energies.noise import DenoisingEnergy, NoiseConditionalEnergy, check_levels
from discrete_ed.energies.probe import check_bits, check_function
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups.sums import OfGroup, redrawn_group, sum_over_variables
from discrete_ed.perturbations import IndependentBits
from discrete_ed.perturbations.base import Perturbation, check_contrast, check_perturbation
from discrete_ed.states import check_states


def energy_discrepancy(
    energy: Energy,
    x: Tensor,
    perturbation: Perturbation,
    *,
    m: int = 32,
    w: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The stabilised estimate of energy discrepancy, a scalar.

    `L = mean_i log( w/M + (1/M) Σ_j exp(E(x_i) − E(x'_ij)) )`, with `x'_ij` the negatives of `x_i`.

    As `M → ∞` it tends, up to a constant that is zero for symmetric `q`, to `E_p[E(x)] − E_p E_q[U_q(y)]` with the
    contrastive potential `U_q(y) = −log Σ_x q(y|x) exp(−E(x))`, whose minimiser satisfies `p ∝ exp(−E)`. It needs no
    samples of the model and no scores. `w` counts the data point among its own negatives. At `w = 1` the loss ranks
    `x_i` among `M + 1` states, and its minimiser is the truth for every `M`; at any other `w` it is biased until `M` is
    large. What remains at `w = 1` is variance: where the energy separates data from negatives easily, few terms
    decide, and couplings fitted to finite data come out too large. Then use less noise, an `Informed` proposal, or a
    `Block`, whose states are enumerated, so that `m` and `w` have no effect.

    Args:
        x: data, `(B, D)`, zeros and ones.
        perturbation: the perturbation `q(y|x)`, which turns data into negatives.
        m: number of negatives `M` of each data point.
        w: stabilisation; `w = 1` counts the data point among its own negatives, `w = 0` is the plain estimate.
        generator: source of the perturbation's noise, on the device of `x`.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits; `m < 1` or `w < 0`; `energy` is not an `Energy`, or its
            values have another shape than `(...)`; `perturbation` is not a perturbation.

    Source: Schröder et al. 2023, arXiv 2307.07595; `w = 1` as ranking: Ma and Collins 2018, arXiv 1809.01812.

    >>> from discrete_ed import Bernoulli, IsingEnergy
    >>> x = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    >>> loss = energy_discrepancy(IsingEnergy(2), x, Bernoulli(epsilon=0.1), m=4, w=0.0)
    >>> loss.item()  # an energy that is constant has no discrepancy to lose
    0.0
    """
    _check_batch(x)
    check_type(energy)
    check_bits(energy, x)
    check_perturbation(perturbation)
    m = check_count(m, "m")
    if not 0 <= w < inf:
        raise InputError(f"w: expected a finite stabilisation of at least 0, got {w}")
    with _explaining(energy, x):
        contrast = perturbation.contrast(energy, x, m, w, generator=generator)
        check_contrast(perturbation, energy, x, contrast)
        states, log_weight, law, rest = contrast
        energies = (energy if rest is None else rest)(states)
    check_shape(energy, energies, tuple(states.shape[:-1]))
    _check_precision(energy, energies)
    check_function(energy, x, random=True)
    gaps = energies[:, :1] - energies
    with torch.no_grad():
        if energies.isposinf().any() and not (gaps.isfinite() & (states != states[:, :1]).any(-1)).any():
            _warn_of_no_neighbour(energy, "negatives", stacklevel=3)
    return (law * (log_weight + gaps.unsqueeze(1)).logsumexp(-1)).sum(-1).mean()


def noise_level_discrepancy(
    energy: NoiseConditionalEnergy,
    x: Tensor,
    *,
    m: int = 8,
    reach: int = 8,
    flips: tuple[float, float] = (1.0, 6.0),
    informed: bool = False,
    average: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Energy discrepancy between neighbouring noise levels, at a random level for every data point; a scalar.

    `x_t ~ q_t(·|x_0)` is blurred to `y ~ q(·|x_t)` at a later level, and `M` negatives `x'_j ~ ρ_y` might have become
    `y`, too. The loss ranks the `M + 1` states `x_j = x_t, x'_1, …, x'_M`,

    `L = −mean Σ_j v_j log softmax_j( −E(x_j, t) + log q(y|x_j) − log ρ_y(x_j) )`,

    with `v_j ∝ q_t(x_j|x_0) q(y|x_j) / ρ_y(x_j)`: a mean over the labels that keeps the minimiser `p_t`, for every `M`.

    Args:
        x: data, `(B, D)`, zeros and ones.
        m: number of negatives `M` of each data point.
        reach: the later level lies 1 to `reach` steps above the level of `x_t`, or higher for `flips`.
        flips: range, sampled log-uniformly, of the least number of bits that noise between them is expected to change.
        informed: whether negatives are sampled from what the model says of `y`, see `IndependentBits.informed`. Large
            states need it: from the noise alone, negatives are recognised at sight.
        average: whether the result is the mean, or else the loss of every data point, `(B,)`.
        generator: source of levels, noise and negatives, on the device of `x`.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits; another energy; `m` or `reach` below 1; a wrong range.

    Source: this package; as recovery likelihood Gao et al. 2021, arXiv 2012.08125.

    >>> from discrete_ed import MLPEnergy
    >>> energy = NoiseConditionalEnergy(MLPEnergy(4, hidden=(8,), noise_levels=True))
    >>> noise_level_discrepancy(energy, torch.eye(4)).shape
    torch.Size([])
    """
    _check_batch(x)
    check_levels(energy)
    check_bits(energy, x)
    m, reach = check_count(m, "m"), check_count(reach, "reach")
    if not 0 < flips[0] <= flips[1] < inf:
        raise InputError(f"flips: expected a range 0 < low <= high, got {flips[0]} {flips[1]}")
    with _explaining(energy, x):
        noise, free = energy.noise, energy.free(x)
        step = torch.randint(noise.count, (len(x),), generator=generator, device=x.device)
        jump = torch.randint(1, reach + 1, (len(x),), generator=generator, device=x.device)
        t, later = (noise.level(k).to(x.dtype) for k in (step, (step + jump).clamp(max=noise.count)))
        u = torch.rand(len(x), generator=generator, device=x.device, dtype=x.dtype)
        least = flips[0] * (flips[1] / flips[0]) ** u / free.sum(-1).clamp(min=1)
        later = torch.maximum(later, noise.later(t, least))
        blurred = noise.blur(x, free, noise.keep(t), generator=generator)
        y = noise.blur(blurred, free, noise.keep(later) / noise.keep(t), generator=generator)
        posterior = DenoisingEnergy(energy, t, later, y)
        if informed:
            proposal = IndependentBits.informed(posterior, y)
        else:
            proposal = IndependentBits.frozen(posterior.evidence, free, y)
        states = torch.cat([blurred.unsqueeze(1), proposal.sample(m, generator=generator)], 1)
        terms = level_ranking(posterior, x, states, proposal)
    return terms.mean() if average else terms


def level_ranking(posterior: DenoisingEnergy, x: Tensor, states: Tensor, proposal: IndependentBits) -> Tensor:
    """The terms of `noise_level_discrepancy` for states `(B, M + 1, D)`, the first of them blurred data: `(B,)`."""
    noise, free = posterior.energy.noise, posterior.free(x).unsqueeze(1)
    keep = noise.keep(posterior.level).expand(len(x)).unsqueeze(1)
    by_state = states.transpose(0, 1)  # `y` belongs to the data points, so they come last
    weight = (by_state * posterior.evidence).sum(-1).T - proposal.log_prob(states)
    labels = noise.log_prob(states, x.unsqueeze(1), free, keep) + weight
    ranked = (-posterior(by_state).T - proposal.log_prob(states)).log_softmax(1)
    return -(labels.softmax(1) * ranked).sum(1)


def single_site_discrepancy(energy: Energy, x: Tensor, *, epsilon: float = 0.5) -> Tensor:
    """Energy discrepancy of noise on a single bit at a known position, summed exactly over all free bits; a scalar.

    `mean_n Σ_i (1−ε) log(1−ε + ε e^{−Δ_i(x_n)}) + ε log(ε + (1−ε) e^{−Δ_i(x_n)})`: `y` flips bit `i` with
    probability ε, and the two states that might have become `y` are `x` and `x` with that bit flipped.

    At ε = ½ it is pseudo-likelihood, less log 2 for each bit; divided by ε it tends to
    `mean_n Σ_i e^{−Δ_i} − Δ_i − 1` as ε → 0. All sites come from one `flip_delta`: the cheapest loss of the family. A
    group of K bits is one site, whose value is redrawn uniformly with probability 2ε.

    Args:
        epsilon: ε, in (0, ½].

    >>> from discrete_ed import IsingEnergy
    >>> magnet, x = IsingEnergy(torch.zeros(2, 2), fields=torch.tensor([1.0, -0.5])), torch.tensor([[1.0, 1.0]])
    >>> round((pseudo_likelihood(magnet, x) - single_site_discrepancy(magnet, x)).item(), 4)  # 2 log 2
    1.3863
    """
    if not 0 < epsilon <= 0.5:
        raise InputError(f"epsilon: expected a probability in (0, 0.5], got {epsilon}")
    keep, flip = log(1 - epsilon), log(epsilon)

    def local(delta: Tensor) -> Tensor:
        same = keep + softplus(flip - keep - delta)
        moved = flip + softplus(keep - flip - delta)
        return (1 - epsilon) * same + epsilon * moved

    return _over_sites(energy, x, local, redrawn_group(epsilon))


def pseudo_likelihood(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i −log p(x_i | x_∖i) = mean_n Σ_i softplus(−Δ_i(x_n))`, over the free bits; a scalar.

    All conditionals come from one `flip_delta`. It is `single_site_discrepancy` at ε = ½, up to a constant. A group of
    bits is one variable, with the moves `i` to its other values: `−log p(x_v | x_∖v) = log(1 + Σ_i e^{−Δ_i})`.

    Source: Besag 1975, The Statistician 24, 179–195.

    >>> from discrete_ed import IsingEnergy
    >>> round(pseudo_likelihood(IsingEnergy(3), torch.zeros(5, 3)).item(), 4)  # 3 log 2
    2.0794
    """
    return _over_sites(energy, x, lambda delta: softplus(-delta), lambda delta, *_: (-delta).logsumexp(-1))


def ratio_matching(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i (1 + p(x_n) / p(x_n with bit i flipped))^−2 = mean_n Σ_i sigmoid(−Δ_i)²`, free bits; a scalar.

    For groups of bits the sum is over the moves.

    Source: Hyvärinen 2007, Computational Statistics & Data Analysis 51, 2499–2512.

    >>> from discrete_ed import IsingEnergy
    >>> ratio_matching(IsingEnergy(4), torch.zeros(5, 4)).item()
    1.0
    """
    return _over_sites(energy, x, lambda delta: (-delta).sigmoid().square())


def interaction_screening(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i exp(−Δ_i(x_n) / 2)`, over the free bits, or the moves of groups; a scalar.

    For an Ising energy `Δ_i / 2 = s_i (h_i + Σ_j J_ij s_j)`, the exponent of the interaction screening objective.

    Source: Vuffray et al. 2016, arXiv 1605.07252.

    >>> from discrete_ed import IsingEnergy
    >>> interaction_screening(IsingEnergy(4), torch.zeros(5, 4)).item()
    4.0
    """
    return _over_sites(energy, x, lambda delta: (-delta / 2).exp())


def contrastive_divergence(energy: Energy, x: Tensor, negatives: Tensor) -> Tensor:
    """`mean_i E(x_i) − mean_j E(x⁻_j)`: its gradient is that of maximum likelihood if the negatives are samples of the
    model.

    Args:
        x: data, `(B, D)`.
        negatives: samples of the model `(B', D)`: ends of chains that started at the data (CD-k) or that persist (PCD).

    Source: Hinton 2002, Neural Computation 14, 1771–1800.

    >>> from discrete_ed import IsingEnergy
    >>> contrastive_divergence(IsingEnergy(2), torch.zeros(5, 2), torch.ones(5, 2)).item()
    0.0
    """
    _check_batch(x)
    _check_batch(negatives, "negatives")
    check_type(energy)
    values = []
    for states in (x, negatives):
        check_bits(energy, states)
        with _explaining(energy, states):
            energies = energy(states)
        check_shape(energy, energies, (len(states),))
        values.append(energies.mean())
    return values[0] - values[1]


def _over_sites(
    energy: Energy,
    x: Tensor,
    local: Callable[[Tensor], Tensor],
    of_group: OfGroup | None = None,
) -> Tensor:
    """The mean over states of a sum over bits, or over moves, of a function of the differences; see `OfGroup`."""
    _check_batch(x)
    check_type(energy)
    check_bits(energy, x)
    with _explaining(energy, x):
        groups, free = energy.groups, energy.free(x)
        delta = energy.move_delta(x)
    if delta.shape != x.shape:
        raise InputError(f"energy: expected flip_delta to map {tuple(x.shape)} to that, got {tuple(delta.shape)}")
    if groups is not None:
        free = groups.movable(x, free)
    _check_precision(energy, delta)
    check_function(energy, x, random=True)
    with torch.no_grad():
        if delta.isposinf().any() and not (delta.isfinite() & free).any():
            _warn_of_no_neighbour(energy, "neighbours", stacklevel=4)
    if groups is None or of_group is None:
        return torch.where(free, local(delta.where(free, 0.0)), 0.0).sum(-1).mean()
    return sum_over_variables(groups, x, delta, free, local, of_group).mean()


@contextmanager
def _explaining(energy: Energy, x: Tensor) -> Iterator[None]:
    """A block in which errors of torch are explained by the states `x` if the energy itself fails there."""
    try:
        yield
    except RuntimeError:
        try:
            energy(x[:1])
        except RuntimeError as error:
            raise_explained(energy, x, error)
        raise


def _check_precision(energy: Energy, values: Tensor) -> None:
    if values.element_size() < 4:
        raise InputError(
            f"energy: expected {type(energy).__name__} to give single or double precision, got {values.dtype}, in "
            "which differences are rounding errors; use autocast inside forward only, and end it with .float()"
        )


def _warn_of_no_neighbour(energy: Energy, compared: str, *, stacklevel: int) -> None:
    warnings.warn(
        f"loss: none of the {compared} of this batch has a finite energy under {type(energy).__name__}, so the "
        "gradient is zero and nothing is learned, as with one-hot data and flips of single bits; declare one-hot codes "
        "by energy.groups = Groups.one_hot([K, …]), or compare with states that are possible, by a perturbation that "
        "keeps what the energy demands",
        RuntimeWarning,
        stacklevel=stacklevel,
    )


def _check_batch(x: Tensor, name: str = "x") -> None:
    check_states(x, name=name)
    if x.ndim != 2 or len(x) == 0:
        raise InputError(f"{name}: expected a batch of shape (B, D) with B >= 1, got {tuple(x.shape)}")
