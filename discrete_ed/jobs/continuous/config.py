"""The options of the job on real vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect

LATENT, TRAINED = When(part=("latent", "all")), When(part=("gaussians", "latent", "all"))


@dataclass(frozen=True)
class ContinuousConfig(ResumableConfig):
    """Energy discrepancy on real vectors, in three experiments.

    mixture shows the loss as a function of a mixture's weight, from score matching to maximum likelihood. gaussians
    learns a density with 25 modes. latent learns images with a decoder whose prior is a normal law, or an energy
    trained beside it.

    Examples:
      python scripts/continuous.py --part mixture
      python scripts/continuous.py --part latent --images train-images-idx3-ubyte.gz
    """

    part: Literal["mixture", "gaussians", "latent", "all"] = "all"
    """which experiment to do"""
    images: Annotated[Path | None, LATENT] = None
    """images for latent: MNIST's idx file (.gz or not), .npy or .npz; without it: scikit-learn's digits"""
    most_images: Annotated[int, LATENT] = 10_000
    """images used at most; a fifth of them is held out"""
    latent: Annotated[int, LATENT] = 8
    """dimensions of the latent vector"""
    steps: Annotated[int, TRAINED] = 4000
    """training steps of gaussians, and of each model of latent"""
    learning_rate: Annotated[float, TRAINED] = 1e-3
    """learning rate of Adam, which falls to zero linearly"""
    sampler_steps: Annotated[int, TRAINED] = 500
    """steps of MALA for the samples shown"""
    seed: int = 0
    """seed of everything random"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; without it: runs/continuous/PART-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "steps", "latent", low=1)
        expect(self, "at least 10", "most_images", low=10)
        expect(self, "at least 0", "sampler_steps", low=0)
        check_seed(self.seed)
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
