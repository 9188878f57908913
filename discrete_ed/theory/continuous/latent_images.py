"""An experiment: images from a decoder whose prior is a normal law, or an energy trained together with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from discrete_ed.metrics.vectors import frechet_distance, gaussian_mmd
from discrete_ed.theory.continuous.kernels import MALA, Langevin, sample
from discrete_ed.theory.continuous.latent import LatentModel, NormalPrior, TiltedPrior
from discrete_ed.theory.continuous.losses import energy_discrepancy
from discrete_ed.theory.continuous.minimise import Progress, minimise, sample_with_progress

BATCH, CHAIN_STEPS, SAMPLES = 128, 5, 1000
"""images in a training step, Langevin steps for each, and number of samples of each model"""


@dataclass(frozen=True)
class ImageDistances:
    """Distances between a set of images and the held-out images."""

    frechet: float
    """Fréchet distance of the pixels, see `frechet_distance`."""
    mmd2: float
    """unbiased MMD² with a Gaussian kernel, whose scale is the median distance of held-out images"""


@dataclass(frozen=True, eq=False)
class LatentImages:
    """Images of two models, and their distances from held-out images."""

    images: int
    """number of images, including held-out ones"""
    held_out: Tensor
    """`(M, pixels)`."""
    samples: dict[str, Tensor]
    """images of each model, `(1000, pixels)`, by its name"""
    distances: dict[str, ImageDistances]
    """distances of the training images (the floor) and of the images of each model"""


def latent_images(
    images: Tensor,
    *,
    dimensions: int = 8,
    most_images: int = 10_000,
    steps: int = 4000,
    learning_rate: float = 1e-3,
    sampler_steps: int = 500,
    seed: int = 0,
    callback: Progress | None = None,
) -> LatentImages:
    """Compare a decoder with a normal prior and one whose prior is an energy trained together with it.

    Args:
        images: grey images with pixels in [0, 1], `(N, H, W)`.
        dimensions: dimensions of the latent vector.
        most_images: largest number of images used; a fifth of them is held out.
        steps: training steps of each model.
        learning_rate: initial learning rate of Adam; it falls to zero linearly.
        sampler_steps: number of steps of MALA, from a normal law, that sample the prior.
        seed: seed of everything random.
        callback: called after each step of training and sampling.

    Raises:
        NumericalError: training or a chain diverged.
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    x = images[order[:most_images]].flatten(1)
    test, train = x[: len(x) // 5], x[len(x) // 5 :]
    samples: dict[str, Tensor] = {}
    for name, learned in (("normal prior", False), ("learned prior", True)):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            prior: nn.Module = TiltedPrior(dimensions) if learned else NormalPrior()
            model = LatentModel(prior, dimensions, x.shape[1])
        generator = torch.Generator().manual_seed(seed + 1)
        train_latent(model, train, steps, learning_rate, generator, phase=f"train, {name}", callback=callback)
        z = torch.randn(SAMPLES, dimensions, generator=generator)
        samples[name] = model.decode(
            sample_with_progress(MALA(0.1), model.prior, z, sampler_steps, generator, callback)
        )
        if learned:
            z = torch.randn(SAMPLES, dimensions, generator=generator)
            samples["the same decoder, normal draws"] = model.decode(z)  # its key in result.json since 0.1
    scale = torch.pdist(test).median().item()
    compared = {"training images (the floor)": train, **samples}
    distances = {
        name: ImageDistances(frechet_distance(test, others), gaussian_mmd(test, others, scale))
        for name, others in compared.items()
    }
    return LatentImages(len(x), test, samples, distances)


def train_latent(
    model: LatentModel,
    x: Tensor,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    *,
    phase: str = "train",
    callback: Progress | None = None,
) -> None:
    """Train a decoder, and its prior if that is a `TiltedPrior`, on images `(N, pixels)`.

    Latent vectors are sampled from the posterior by Langevin chains, one for each image. The decoder learns to
    reconstruct the images from them, and the prior learns them by energy discrepancy.
    """
    z = torch.randn(len(x), model.dimensions, generator=generator)
    kernel = Langevin(1e-3)

    def loss() -> Tensor:
        rows = torch.randint(len(x), (BATCH,), generator=generator)
        z[rows] = sample(kernel, model.posterior(x[rows]), z[rows], CHAIN_STEPS, generator=generator)
        value = model.reconstruction(x[rows], z[rows]).mean()
        if isinstance(model.prior, TiltedPrior):
            value = value + energy_discrepancy(model.prior, z[rows], (0.1, 4.0), m=16, w=1.0, generator=generator)
        return value

    minimise(model.parameters(), loss, steps, learning_rate, phase=phase, callback=callback)
