"""The options of the job on real vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from discrete_ed.errors import check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect, expect_positive

# the conditions under which some of the options have an effect
LATENT, TRAINED = When(part=("latent", "all")), When(part=("gaussians", "latent", "all"))


@dataclass(frozen=True)
class ContinuousConfig(ResumableConfig):
    """Energy discrepancy on real vectors, in three experiments.

    `mixture` plots the loss as a function of the weight of a mixture, from score matching (little noise) to maximum
    likelihood (much noise). `gaussians` learns a density with 25 modes. `latent` learns images with a decoder, once
    with a normal prior and once with a prior whose energy is trained together with the decoder. Figures, numbers and
    report.html go into a run folder.

    Examples:
      discrete-ed continuous --part mixture
      discrete-ed continuous --part latent --images train-images-idx3-ubyte.gz
      python scripts/continuous.py --part latent --images train-images-idx3-ubyte.gz
    """

    part: Literal["mixture", "gaussians", "latent", "all"] = "all"
    """the experiment to run"""
    images: Annotated[Path | None, LATENT] = None
    """images for latent: MNIST's idx file (.gz or not), .npy or .npz; by default scikit-learn's digits"""
    most_images: Annotated[int, LATENT] = 10_000
    """largest number of images used; a fifth of them is held out"""
    latent: Annotated[int, LATENT] = 8
    """dimensions of the latent vector"""
    steps: Annotated[int, TRAINED] = 4000
    """training steps of the model of gaussians, and of each model of latent"""
    learning_rate: Annotated[float, TRAINED] = 1e-3
    """initial learning rate of Adam; it falls to zero linearly"""
    sampler_steps: Annotated[int, TRAINED] = 500
    """steps of MALA (Metropolis-adjusted Langevin) that make the samples shown"""
    seed: int = 0
    """seed of everything random"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/continuous/PART-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "steps", "latent", low=1)
        expect(self, "at least 10", "most_images", low=10)
        expect(self, "at least 0", "sampler_steps", low=0)
        check_seed(self.seed)
        expect_positive(self, "learning_rate")
