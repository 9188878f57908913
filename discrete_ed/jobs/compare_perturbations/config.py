"""The options of the job that compares perturbations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, expect


@dataclass(frozen=True)
class ComparePerturbationsConfig(ResumableConfig):
    """Compare the perturbations of energy discrepancy on an Ising lattice: bias, noise, learned couplings, time.

    Samples are exact. Bias and noise are measured at the truth, with one coupling that all edges share; then the
    coupling of every pair is learned.

    Example:
      python scripts/compare_perturbations.py
    """

    side: int = 10
    """side of the periodic square lattice, 3 to 12"""
    sigma: float = 0.2
    """σ, coupling in the literature's convention, log p = σ sᵀAs; at least 0, critical at .2203"""
    samples: int = 30_000
    """exact samples to learn from"""
    probe: int = 10_000
    """how many of the samples are used to measure bias and noise at the truth"""
    m: int = 32
    """M, negatives of each data point"""
    epsilon: float = 0.1
    """ε, noise; a tenth of it is compared as well"""
    error: float = 0.02
    """standard deviation of errors of all couplings, in units of σ; with them a common coupling is fitted once more"""
    steps: int = 3000
    """training steps"""
    batch: int = 256
    """data points in a step"""
    learning_rate: float = 1e-2
    """peak learning rate of Adam"""
    seed: int = 0
    """seed of everything random"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; without it: runs/compare-perturbations/SIZE-TIME"""

    def __post_init__(self) -> None:
        if not 3 <= self.side <= 12:
            raise InputError(f"side: expected 3 to 12, got {self.side}")
        expect(self, "at least 100", "samples", "probe", low=100)
        expect(self, "at least 1", "m", "steps", "batch", low=1)
        expect(self, "at least 0", "sigma", "error", low=0)
        check_seed(self.seed)
        if not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
