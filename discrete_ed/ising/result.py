"""What a recovery of couplings found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.ising.identification import unclear_pairs
from discrete_ed.ising.parameters import Array, Parameters, Support


@dataclass(frozen=True)
class Recovery:
    """Recovered couplings with their standard errors.

    All in the physics convention `E(s) = −½ sᵀJs − hᵀs`, each pair counted once.

    >>> from discrete_ed import recover_couplings
    >>> states = np.random.default_rng(0).integers(0, 2, (200, 4))
    >>> found = recover_couplings(states, "single-site", "none")
    >>> found.couplings.shape, found.estimator
    ((4, 4), 'single-site')
    """

    couplings: Array
    """`J`, `(D, D)`."""
    fields: Array
    """`h`, `(D,)`."""
    standard_errors: Array
    """standard errors of `J`, `(D, D)`; zero for a coupling that was set to zero instead of estimated"""
    field_errors: Array
    """standard errors of `h`, `(D,)`"""
    estimator: str
    """name of the estimator"""
    choice: str
    """the penalty that was used: `refit, price 12`, `L1, λ = 0.02`, …"""
    held_out: dict[str, float]
    """negative log pseudo-likelihood of held-out samples for each candidate, lower is better; empty without
    candidates"""
    reliability: float
    """agreement of the couplings from two halves of the data (correlation, Spearman–Brown corrected); at most 1; NaN if
    a half alone shows no coupling, so that there is nothing to compare"""
    shrinkage: float
    """the factor by which couplings were multiplied because the reliability is below ½; otherwise 1"""
    common: tuple[float, float] | None = None
    """mean and standard deviation of the common law of the couplings, if one was assumed"""
    warnings: tuple[str, ...] = field(default=())
    decided: Array | None = None
    """the pairs that were called edges apart from the estimate, `(P, 2)`; None if the penalty itself selects them"""
    debiased: Array | None = None
    """couplings estimated without penalty and shrinkage, `(D, D)`, where the others are shrunk; see `intervals`"""
    debiased_errors: Array | None = None
    """their standard errors, `(D, D)`"""
    debiased_fields: Array | None = None
    """fields estimated with all pairs free where pairs were left out, `(D,)`"""
    debiased_field_errors: Array | None = None
    """their standard errors, `(D,)`"""
    identified: Array | None = None
    """whether the rows tell the coupling of each pair apart from others, `(D, D)`; see `identified_pairs`"""
    effective_rows: float = float("nan")
    """the number of independent rows that say as much as the table, by its weights and blocks"""

    @property
    def energy(self) -> IsingEnergy:
        """The model."""
        return IsingEnergy(torch.from_numpy(self.couplings).float(), torch.from_numpy(self.fields).float())

    @property
    def parameters(self) -> Parameters:
        """Couplings and fields as one object."""
        return Parameters(self.couplings, self.fields)

    @property
    def bit_parameters(self) -> Parameters:
        """The same model over bits, as IsingFit reports it: `log p(x) = Σ_{i<j} θ_ij x_i x_j + Σ_i τ_i x_i + const`.

        The couplings are `θ = 4 J`, and the fields, there called thresholds, `τ_i = 2 h_i − 2 Σ_j J_ij`. Standard
        errors of `θ` are four times those of `J`.
        """
        return Parameters(4 * self.couplings, 2 * self.fields - 2 * self.couplings.sum(1))

    @property
    def intervals(self) -> tuple[Array, Array]:
        """Middle and standard error of the interval of each coupling, `(D, D)` each.

        The error is infinite where the rows don't tell a coupling apart from others, whatever the estimate, and both
        are NaN for a pair that was left out instead of estimated: it has no interval.

        A shrunken coupling is no middle of an interval. Where L1 shrank the couplings of complete, independent rows, at
        least twice as many as spins, these are intervals of all pairs, without the bias of L1; see
        `debiasing.debiased_couplings`. Where L1 or disagreeing halves did otherwise, they are those of the edges,
        estimated alone.
        """
        middles, errors = self.couplings, self.standard_errors
        if self.debiased is not None and self.debiased_errors is not None:
            middles, errors = self.debiased, self.debiased_errors
        estimated = errors > 0
        middles, errors = np.where(estimated, middles, np.nan), np.where(estimated, errors, np.nan)
        return middles, errors if self.identified is None else np.where(estimated & ~self.identified, np.inf, errors)

    @property
    def field_intervals(self) -> tuple[Array, Array]:
        """Middle and standard error of the interval of each field, `(D,)` each.

        A field also stands for the couplings that were left out. So where pairs were left out of complete, independent
        rows, at least twice as many as spins, these are the intervals of a fit in which all pairs are free, and an
        estimate may lie outside of its own; see `debiasing.debiased_fields`.
        """
        if self.debiased_fields is None or self.debiased_field_errors is None:
            return self.fields, self.field_errors
        return self.debiased_fields, self.debiased_field_errors

    @property
    def unclear(self) -> Array:
        """The pairs whose couplings are not zero though the rows don't tell them apart from others, `(P, 2)`."""
        return np.zeros((0, 2), int) if self.identified is None else unclear_pairs(self.identified, self.couplings)

    @property
    def edges(self) -> Array:
        """The pairs that interact, `(P, 2)`, strongest first.

        With `auto` and `l1` they are decided apart from the estimate, with at most a tenth of them false in
        expectation; other couplings that are not zero improve the prediction, but each may be noise.
        """
        pairs = Support.of(self.couplings, with_fields=False).pairs
        if self.decided is not None:
            called = {tuple(pair) for pair in self.decided.tolist()}
            pairs = pairs[[tuple(pair) in called for pair in pairs.tolist()]] if len(pairs) else pairs
        return pairs[np.argsort(-np.abs(self.couplings[tuple(pairs.T)]), kind="stable")]
