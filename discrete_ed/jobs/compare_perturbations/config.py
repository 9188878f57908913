"""The options of the job that compares perturbations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, expect
from discrete_ed.names import TORUS_SIDE


@dataclass(frozen=True)
class ComparePerturbationsConfig(ResumableConfig):
    """Compare the perturbations of energy discrepancy on an Ising lattice: bias, noise, learned couplings, time.

    Exact samples of the lattice are the data. At the true energy, with one coupling that all edges share, the job
    measures the bias and the noise of each perturbation's gradient; then it learns the coupling of every pair with each
    perturbation and measures the error. It prints a table and writes it into a run folder, with result.json.

    Examples:
      discrete-ed compare-perturbations
      discrete-ed compare-perturbations --side 6 --epsilon 0.2
      python scripts/compare_perturbations.py
    """

    side: int = 10
    """side of the periodic square lattice, 3 to 10"""
    sigma: float = 0.2
    """σ, coupling in the published convention, log p = σ sᵀAs; at least 0; the infinite lattice is critical at
    0.2203"""
    samples: int = 30_000
    """exact samples to learn from"""
    probe: int = 10_000
    """number of samples with which bias and noise are measured at the true energy"""
    m: int = 32
    """M, number of negatives for each data point"""
    epsilon: float = 0.1
    """ε, the probability that noise flips a spin; a tenth of it is compared as well"""
    error: float = 0.02
    """standard deviation of random errors added to all couplings, in units of σ; the common coupling is then fitted
    once more, which shows how errors elsewhere in the energy disturb it"""
    steps: int = 3000
    """training steps"""
    batch: int = 256
    """data points in a training step"""
    learning_rate: float = 1e-2
    """peak learning rate of Adam"""
    seed: int = 0
    """seed of everything random"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/compare-perturbations/SIZE-TIME"""

    def __post_init__(self) -> None:
        if not 3 <= self.side <= TORUS_SIDE:
            raise InputError(f"side: expected 3 to {TORUS_SIDE}, got {self.side}")
        expect(self, "at least 100", "samples", "probe", low=100)
        expect(self, "at least 1", "m", "steps", "batch", low=1)
        expect(self, "at least 0", "sigma", "error", low=0)
        check_seed(self.seed)
        if not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
