"""Couplings from a table of spins: every estimator with every penalty, and a default that chooses between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from discrete_ed.ising.columns import fields_given_couplings
from discrete_ed.ising.debiasing import debiased_couplings, debiased_fields
from discrete_ed.ising.duplicates import count_warnings, equal_row_warnings
from discrete_ed.ising.edge_decision import decide_edges, without_penalty
from discrete_ed.ising.empirical_bayes import common_law
from discrete_ed.ising.estimators import ConfiguredEstimator, EstimatorSettings, resolve_estimator
from discrete_ed.ising.expectation import estimate
from discrete_ed.ising.forecast import check_memory, is_compact
from discrete_ed.ising.identification import identification_warnings, identified_pairs, seldom_warnings
from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.ising.penalties import Lasso
from discrete_ed.ising.preparation import (
    BlockLength,
    Prepared,
    blocks_by_energy,
    check_block_length,
    check_estimator_of_rows,
    observed_rows,
    prepare,
)
from discrete_ed.ising.result import Recovery
from discrete_ed.ising.selection import PENALTIES, PenaltyRule, choose_penalty, reliability, shrinkage_warnings
from discrete_ed.ising.table_checks import (
    MOST_MISSING,
    check_names,
    check_samples,
    coupling_warnings,
    table_warnings,
)
from discrete_ed.names import EstimatorName, PenaltyName
from discrete_ed.runtime.threads import suitable_numpy_threads


def recover_couplings(
    x: torch.Tensor | Array,
    estimator: EstimatorName = "auto",
    penalty: PenaltyName = "auto",
    *,
    fields: bool = True,
    weights: Array | None = None,
    blocks: Array | None = None,
    block_length: BlockLength = "auto",
    most_missing: float = MOST_MISSING,
    settings: EstimatorSettings | None = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
    callback: Callable[[str], None] | None = None,
) -> Recovery:
    """Recover the couplings of an Ising model from observations.

    Estimators, each a convex objective in `(J, h)` (except ratio matching); `auto` is `maximum-likelihood` up to 16
    spins and `single-site` beyond:

    - `single-site`: exact single-site energy discrepancy, which is pseudo-likelihood. Nearly efficient and fast.
    - `block`: energy discrepancy over random blocks of `k` spins, enumerated. No bias at any ε.
    - `bernoulli`: Bernoulli energy discrepancy with `M` copies. Take ε ≈ .01: with few copies at large ε the finite
      sample inflates couplings.
    - `interaction-screening`, `ratio-matching`: as published.
    - `contrastive-divergence`: maximum likelihood with persistent chains, 1,000 steps; slow and noisy; for comparison.
    - `maximum-likelihood`: by enumeration, at most 20 spins; statistically the most efficient.

    Penalties, which suppress couplings that are only noise:

    - `refit`: pairs are selected forwards and backwards by pseudo-likelihood, then only their couplings are estimated.
    - `l1`: `λ Σ|J_ij|`, the largest λ within a standard error of the best on held-out data.
    - `auto`: held-out pseudo-likelihood (a fifth of the samples) decides between refit at up to three falling prices
      of a pair (stopping at the first that predicts worse), L1 and J = 0; then all samples are used. L1 must be better
      than refit by a standard error, since it shrinks all couplings. If two halves of the data agree so little that
      J = 0 may be closer to the truth (reliability r < ½), the couplings are multiplied by 2 r, the largest factor with
      which the expected error does not exceed that of J = 0, and the fields are refitted; where a half alone shows no
      coupling, r is unknown (NaN) and nothing is shrunk. L1 is not tried above `N D² = 3·10⁸`, where it takes minutes.
    - `common`: refit, then empirical Bayes. It assumes that the couplings of all edges are samples of one normal law,
      whose mean and spread it learns; this is right for lattices, and wrong for networks with strong and weak edges.
    - `none`: all couplings free. `zero`: J = 0.

    A normal prior of standard deviation 3, counted once, keeps estimates from separable data finite.

    Args:
        x: observations, `(N, D)`, zeros and ones or −1 and +1; NaN or masked where a cell is missing. All observed
            cells are used, and missing ones are expected under the estimate itself, see `expectation.estimate`.
        fields: whether `h` is estimated; otherwise it is zero.
        weights: how much each row counts, `(N,)`. Whole numbers are counts of equal rows, which are never repeated in
            memory; others are proportions, and together count as `(Σw)² / Σw²` rows. The estimators with random blocks,
            flips or chains take none.
        blocks: for each row the block to which it belongs, `(N,)`, of any type. Only rows of different blocks are
            independent: splits, the choice of the penalty, reliability and standard errors go by whole blocks, and rows
            count as many as their design effect leaves.
        block_length: the number of rows in sequence that are a block. With `auto`, rows without weights and blocks are
            tested, and blocks are made of rows that depend on each other, with a warning; 1 means independent rows.
        most_missing: the largest share of cells of a column that may be missing.
        seed: seed of the split, of blocks and of flips.
        names: names of the columns in warnings; by default x1, x2, ….
        settings: ε, M, w and the size of blocks, for `block` and `bernoulli`.
        callback: called with a message at each stage.

    Raises:
        InputError: not a table of zeros and ones with at least 2 spins and 10 samples, one of which varies; an unknown
            name; too many spins for `maximum-likelihood`; weights or blocks that are none.

    >>> from discrete_ed import IsingEnergy, torus_sample
    >>> ring = 0.8 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    >>> x = torus_sample(IsingEnergy(ring), 2000, (6, 1), generator=torch.Generator().manual_seed(0))
    >>> found = recover_couplings(x, fields=False)
    >>> sorted(map(tuple, found.edges.tolist()))
    [(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5)]
    """
    x, weights, blocks = observed_rows(x, weights, blocks)
    rows, d = x.shape
    check_memory(rows, d, estimator, penalty, plain=blocks is None)
    spins = check_samples(x, estimator, penalty, names=names, weights=weights, most_missing=most_missing, compact=True)
    names = check_names(names, d)
    progress = callback or (lambda _: None)
    chosen = ConfiguredEstimator(resolve_estimator(estimator, d), settings or EstimatorSettings(), fields, seed)
    progress("compare the rows")
    length = check_block_length(block_length, len(x), weights, blocks)
    counted = weights is None or bool((weights == np.rint(weights)).all())
    independent = counted and blocks is None and length in (1, "auto")
    if not (independent and is_compact(rows, d, estimator, penalty)):
        spins = spins.astype(float)
    plain = weights is blocks is None and length in (1, "auto") and bool(spins.all())
    check_estimator_of_rows(chosen.name, plain=plain)
    prepared = prepare(spins, weights, blocks, length, weighs_rows=chosen.entry.weighs_rows)
    with suitable_numpy_threads(prepared.data.spins.size * d * d):
        found = _recovered(chosen, PENALTIES[penalty], prepared, names, progress)
        data = prepared.data
        tested = plain and length == "auto" and data.weights is data.blocks is None
        if tested and chosen.entry.weighs_rows and (again := blocks_by_energy(data, found.parameters)) is not None:
            return _recovered(chosen, PENALTIES[penalty], again, names, progress)
        given = weights is not None and counted and data.blocks is None and bool(data.spins.all())
        if tested or given:
            unshrunk = Parameters(found.couplings / (found.shrinkage or 1.0), found.fields)
            said = equal_row_warnings(chosen, data, unshrunk, is_lasso=found.choice.startswith("L1"))
            said += count_warnings(data, said) if given else []
            return replace(found, warnings=(*found.warnings, *said))
        return found


def _recovered(
    chosen: ConfiguredEstimator,
    rule: PenaltyRule,
    prepared: Prepared,
    names: Sequence[str],
    progress: Callable[[str], None],
) -> Recovery:
    """The recovery from observations whose weights and blocks are known."""
    data, fields = prepared.data, chosen.with_fields
    choice = choose_penalty(chosen, data, rule, progress)
    progress(f"fit all samples: {choice.penalty}")
    found, data = estimate(chosen, choice.penalty, data, choice.support)
    agreement = 1.0
    if rule.tests_halves and found.couplings.any():
        progress("compare the two halves of the samples")
        agreement = reliability(chosen, choice.penalty, prepared.data)
    shrinkage = 1.0 if np.isnan(agreement) else min(1.0, max(0.0, 2 * agreement))
    progress("standard errors")
    errors = chosen.errors(data, found)
    couplings, coupling_errors, decided, alone = found.couplings, errors.couplings, None, None
    identified = identified_pairs(prepared.data)
    is_lasso = isinstance(choice.penalty, Lasso)
    if is_lasso and data.spins.all():
        alone = debiased_couplings(data, found, with_fields=fields)
    free_fields = None  # with all pairs free: a field also stands for the couplings that were left out
    if alone is not None:
        free_fields = (alone.fields, alone.field_errors)
    elif fields and rule.tries_refit and data.spins.all() and (found.couplings == 0).sum() > len(found.couplings):
        free_fields = debiased_fields(data, found, errors.fields)
    if rule.tries_lasso and found.couplings.any():
        progress("decide which pairs are edges")
        decided, wider = decide_edges(chosen, data, found, errors, identified=identified, debiased=alone)
        if alone is not None:
            alone.errors[tuple(decided.T)] *= wider
            alone.errors[tuple(decided.T[::-1])] *= wider
        elif is_lasso or shrinkage < 1:
            alone = without_penalty(chosen, prepared.data, decided, found)
    debiased, debiased_errors, *fields_alone = alone or (None,) * 4
    field_middles, field_widths = free_fields or fields_alone
    common = None
    if rule.has_common_law and couplings.any():
        law = common_law(couplings, coupling_errors)
        couplings, coupling_errors, common = law.couplings, law.errors, (law.mean, law.sd)
    if shrinkage < 1:
        couplings, coupling_errors = couplings * shrinkage, coupling_errors * shrinkage
    h, field_errors = found.fields, errors.fields
    if fields and (common or shrinkage < 1):
        h, field_errors = fields_given_couplings(data, couplings)
    warnings = [
        *table_warnings(prepared.data.spins, names),
        *prepared.warnings,
        *shrinkage_warnings(choice.penalty, couplings, agreement, shrinkage),
        *coupling_warnings(prepared.data.spins, couplings, names, with_fields=fields),
        *(seldom_warnings(prepared.data, couplings, names) if fields and free_fields is None else []),
        *identification_warnings(prepared.data, identified, couplings, names, decided=decided is not None),
    ]
    return Recovery(
        couplings=couplings,
        fields=h,
        standard_errors=coupling_errors,
        field_errors=field_errors,
        estimator=chosen.name,
        choice=str(choice.penalty),
        held_out=choice.losses,
        reliability=agreement,
        shrinkage=shrinkage,
        common=common,
        warnings=tuple(warnings),
        effective_rows=data.size,
        decided=decided,
        identified=identified,
        debiased=debiased,
        debiased_errors=debiased_errors,
        debiased_fields=field_middles,
        debiased_field_errors=field_widths,
    )
