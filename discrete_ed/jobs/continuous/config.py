"""What the job that learns real vectors can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import ResumableConfig, expect


@dataclass(frozen=True)
class ContinuousConfig(ResumableConfig):
    """Energy discrepancy on real vectors, in three experiments.

    mixture: the loss as a function of a mixture's weight, from score matching to maximum likelihood. gaussians: a
    density with 25 modes. latent: images from a decoder whose prior is a normal law, or an energy trained beside it.

    Examples:
      python scripts/continuous.py --part mixture
      python scripts/continuous.py --part latent --images train-images-idx3-ubyte.gz
    """

    part: Literal["mixture", "gaussians", "latent", "all"] = "all"
    """what to do"""
    images: Path | None = None
    """images for latent: MNIST's idx file (.gz or not), .npy or .npz; without it: scikit-learn's digits"""
    most_images: int = 10_000
    """images used at most; a fifth of them is held out"""
    latent: int = 8
    """dimensions of the latent vector"""
    steps: int = 4000
    """training steps of gaussians, and of each model of latent"""
    learning_rate: float = 1e-3
    """learning rate of Adam, which falls to zero linearly"""
    sampler_steps: int = 500
    """steps of MALA for the samples shown"""
    seed: int = 0
    """seed of everything random"""
    out: Path | None = None
    """run folder, which must be new or empty; without it: runs/continuous/PART-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "steps", "latent", low=1)
        expect(self, "at least 10", "most_images", low=10)
        expect(self, "at least 0", "sampler_steps", low=0)
        check_seed(self.seed)
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
