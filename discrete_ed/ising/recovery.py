"""Couplings from a table of spins: every estimator with every way to keep noise out, and a default that decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.ising.objectives import Array
from discrete_ed.ising.recipe import Recipe, Settings, Work, common_law
from discrete_ed.ising.restricted import PRIOR_SD
from discrete_ed.names import ENUMERABLE_BITS, EstimatorName, PenaltyName
from discrete_ed.states import check_states

SMALL = 16  # spins up to which maximum likelihood is chosen


@dataclass(frozen=True)
class Recovery:
    """Recovered couplings, and how sure they are.

    All in the physics convention `E(s) = −½ sᵀJs − hᵀs`, each pair counted once.
    """

    couplings: Array
    """`J`, `(D, D)`."""
    fields: Array
    """`h`, `(D,)`."""
    standard_errors: Array
    """Of `J`, `(D, D)`; zero where a coupling was set to zero, not estimated."""
    field_errors: Array
    """Of `h`, `(D,)`."""
    estimator: str
    """What was minimised."""
    choice: str
    """What was done: `refit, price 12`, `L1, λ = 0.02`, …"""
    held_out: dict[str, float]
    """Negative log pseudo-likelihood of held-out samples for each candidate, lower is better; empty if none."""
    reliability: float
    """How well two halves of the data agree on the couplings (correlation, Spearman–Brown corrected); 1 at best."""
    shrinkage: float
    """The factor that couplings were multiplied by, for a reliability below ½."""
    common: tuple[float, float] | None = None
    """Mean and standard deviation of the couplings' common law, where it was assumed."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def energy(self) -> IsingEnergy:
        """The model."""
        return IsingEnergy(torch.from_numpy(self.couplings).float(), torch.from_numpy(self.fields).float())

    @property
    def edges(self) -> Array:
        """The pairs that interact, `(P, 2)`, strongest first."""
        pairs = np.argwhere(np.triu(self.couplings, 1))
        return pairs[np.argsort(-np.abs(self.couplings[tuple(pairs.T)]), kind="stable")]


def recover_couplings(
    x: torch.Tensor | Array,
    estimator: EstimatorName = "auto",
    penalty: PenaltyName = "auto",
    *,
    fields: bool = True,
    settings: Settings | None = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
    callback: Callable[[str], None] | None = None,
) -> Recovery:
    """Recover the couplings of an Ising model from independent observations.

    Estimators, each a convex objective in `(J, h)` (but ratio matching); `auto` is `maximum-likelihood` up to 16 spins
    and `single-site` beyond:

    - `single-site`: exact single-site energy discrepancy, which is pseudo-likelihood. Nearly efficient and fast.
    - `block`: energy discrepancy over random blocks of `k` spins, enumerated. No bias at any ε.
    - `bernoulli`: Bernoulli energy discrepancy with `M` copies. Take ε ≈ .01: with few copies at large ε the finite
      sample inflates couplings.
    - `interaction-screening`, `ratio-matching`: as published.
    - `contrastive-divergence`: maximum likelihood with persistent chains, 1,000 steps; slow and noisy, to compare.
    - `maximum-likelihood`: by enumeration, at most 20 spins; the optimum that any pairwise model can reach.

    What keeps noise out:

    - `refit`: pairs are selected forwards and backwards by pseudo-likelihood, then only their couplings are estimated.
    - `l1`: `λ Σ|J_ij|`, the largest λ within a standard error of the best on held-out data.
    - `auto`: held-out pseudo-likelihood (a fifth of the samples) decides between refit at up to three falling prices
      of a pair (the first that predicts worse is the last), L1 and J = 0, then all samples are used. L1 must be better
      than refit by a standard error, since it makes all couplings smaller. If two halves of the data agree so little
      that J = 0 may well be nearer to the truth (reliability r < ½), the couplings are shrunk by 2 r, as little as
      keeps the expected error from exceeding that of J = 0, and the fields fitted anew. L1 is not tried beyond
      `N D² = 3·10⁸`, where it takes minutes.
    - `common`: refit, then empirical Bayes. It assumes that the couplings of all edges are draws of one normal law,
      whose mean and spread it learns; right for lattices and wrong for networks of strong and weak edges.
    - `none`: all couplings free. `zero`: J = 0.

    A normal prior of standard deviation 3, counted once, keeps separable data finite.

    Args:
        x: observations, `(N, D)`, zeros and ones.
        fields: whether `h` is estimated; zero where not.
        seed: of the split, of blocks and of flips.
        names: what warnings call the columns; x1, x2, … where not given.
        callback: told what is being done.

    Raises:
        InputError: not a table of zeros and ones with at least 2 spins and 10 samples, one of which varies; an unknown
            name; too many spins for `maximum-likelihood`.

    >>> from discrete_ed import IsingEnergy, torus_sample
    >>> ring = 0.8 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    >>> x = torus_sample(IsingEnergy(ring), 2000, (6, 1), generator=torch.Generator().manual_seed(0))
    >>> found = recover_couplings(x, fields=False)
    >>> sorted(map(tuple, found.edges.tolist()))
    [(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5)]
    """
    spins = check_samples(x, estimator, penalty)
    names = names or [f"x{i}" for i in range(1, spins.shape[1] + 1)]
    same = _same(spins)
    warnings = _doubts(spins, same, names)
    if estimator == "auto":
        estimator = "maximum-likelihood" if spins.shape[1] <= SMALL else "single-site"
    work = Work(estimator, settings or Settings(), fields, seed, callback or _quiet)
    held_out: dict[str, float] = {}
    pairs = None
    if penalty in ("none", "zero"):
        recipe = Recipe(penalty)
    else:
        recipe, held_out, pairs = work.choose(
            spins, zero=penalty == "auto", refit=penalty != "l1", l1=penalty in ("auto", "l1")
        )
    work.callback(f"fit all samples: {recipe}")
    couplings, h = work.apply(recipe, spins, pairs=pairs)
    reliability = shrinkage = 1.0
    if penalty == "auto" and couplings.any():
        work.callback("compare the two halves of the samples")
        reliability = work.reliability(recipe, spins)
        shrinkage = min(1.0, max(0.0, 2 * reliability))
    work.callback("standard errors")
    errors, field_errors = work.errors(spins, couplings, h)
    common = None
    if penalty == "common" and couplings.any():
        couplings, errors, common = common_law(couplings, errors)
    if shrinkage < 1:
        couplings, errors = couplings * shrinkage, errors * shrinkage
    if fields and (common or shrinkage < 1):
        h, field_errors = work.fields_given(spins, couplings)
    if recipe.kind == "l1":
        warnings.append(
            "L1 makes all couplings smaller: their standard errors and intervals tell the noise, not how far they are "
            "too small"
        )
    if shrinkage < 1:
        warnings.append(
            f"halves of the data hardly agree on the couplings (reliability {reliability:.2f}); they were shrunk by "
            f"{shrinkage:.2f}, and more samples are needed to tell which pairs interact"
        )
    unlimited = _unlimited(spins, couplings, same) if fields else np.zeros_like(same)
    if unlimited.any():
        warnings.append(
            "couplings of columns of which one combination never occurs: the data set no limit to them, and only the "
            f"prior keeps them finite: {_pairs(np.argwhere(unlimited), names)}"
        )
    large = np.argwhere(np.triu((np.abs(couplings) > PRIOR_SD) & ~same & ~unlimited))
    if len(large):
        warnings.append(f"couplings above {PRIOR_SD:g}, which the prior makes smaller: {_pairs(large, names)}")
    return Recovery(
        couplings,
        h,
        errors,
        field_errors,
        estimator,
        str(recipe),
        held_out,
        reliability,
        shrinkage,
        common,
        tuple(warnings),
    )


def _quiet(message: str) -> None:
    del message


def check_samples(x: torch.Tensor | Array, estimator: str, penalty: str, *, name: str = "x") -> Array:
    """The samples as spins −1 and +1, `(N, D)`; raises what `recover_couplings` raises, naming `name`."""
    bits = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x, dtype=float))
    check_states(bits.float() if bits.dtype == torch.uint8 else bits, name=name)
    if bits.ndim != 2 or bits.shape[0] < 10 or bits.shape[1] < 2:
        raise InputError(f"{name}: expected a table of at least 10 samples of 2 spins, got shape {tuple(bits.shape)}")
    for option, value, known in (("estimator", estimator, EstimatorName), ("penalty", penalty, PenaltyName)):
        if value not in get_args(known):
            raise InputError(f"{option}: expected one of {', '.join(get_args(known))}, got {value!r}")
    d = bits.shape[1]
    if estimator == "maximum-likelihood" and d > ENUMERABLE_BITS:
        raise InputError(f"estimator: expected at most {ENUMERABLE_BITS} spins for maximum-likelihood, got {d}")
    spins: Array = 2 * bits.double().cpu().numpy() - 1
    if _constant(spins).all():
        raise InputError(f"{name}: expected columns that vary, got {d} constant in all rows")
    return spins


def pair_counts(spins: Array, pairs: Array) -> Array:
    """Of spins or bits: how often both of a pair are up, only the first, only the second, and neither; `(P, 4)`."""
    ups = (spins > 0).astype(float)
    i, j = pairs.T
    both = (ups.T @ ups)[i, j]
    first, second = ups.sum(0)[i] - both, ups.sum(0)[j] - both
    return np.stack([both, first, second, len(ups) - both - first - second], 1).astype(int)


def _same(spins: Array) -> Array:
    """Which pairs of columns always agree or always differ, `(D, D)`; columns that never change aside."""
    same = np.abs(spins.T @ spins) == len(spins)
    constant = _constant(spins)
    same[constant] = same[:, constant] = False
    return same & ~np.eye(len(same), dtype=bool)


def _constant(spins: Array) -> Array:
    return np.abs(spins.mean(0)) == 1


def _unlimited(spins: Array, couplings: Array, same: Array) -> Array:
    """Which couplings, of pairs `i < j`, could grow for ever and the data be no less likely, `(D, D)`.

    Those with an empty cell in their 2×2 table, since fields make up for the rest; those of columns that are the same
    or never change aside.
    """
    constant = _constant(spins)
    pairs = np.argwhere(np.triu(couplings, 1) * ~same * ~constant * ~constant[:, None])
    unlimited = np.zeros_like(same)
    unlimited[tuple(pairs[(pair_counts(spins, pairs) == 0).any(1)].T)] = True
    return unlimited


def _doubts(spins: Array, same: Array, names: Sequence[str]) -> list[str]:
    """What a table can't tell, before anything is estimated."""
    n, d = spins.shape
    found = []
    constant = np.flatnonzero(_constant(spins))
    if len(constant):
        told = _first([names[i] for i in constant.tolist()])
        found.append(f"columns that never change tell nothing of couplings: {told}")
    if same.any():
        found.append(
            "columns that always agree or always differ: the data set no limit to their coupling and can't tell whose "
            f"neighbours are whose; leave out one of each: {_pairs(np.argwhere(np.triu(same)), names)}"
        )
    if n < d:
        found.append(f"fewer samples ({n}) than spins ({d}): only strong couplings can be found")
    return found


def _pairs(pairs: Array, names: Sequence[str]) -> str:
    return _first([f"{names[i]} and {names[j]}" for i, j in pairs.tolist()])


def _first(told: list[str], most: int = 5) -> str:
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
