"""The job on real vectors: three experiments with energy discrepancy, each with a figure and a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from discrete_ed.data import grey_digits, read_grey
from discrete_ed.jobs import page
from discrete_ed.jobs.continuous import report
from discrete_ed.jobs.continuous.config import ContinuousConfig
from discrete_ed.jobs.options import refuse_options_without_effect, reported_options
from discrete_ed.jobs.progress import restarting_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text
from discrete_ed.theory.continuous.gaussian_grid import gaussian_grid
from discrete_ed.theory.continuous.latent_images import latent_images
from discrete_ed.theory.continuous.mixture_weight import mixture_weights

JOB = "continuous"


def run(config: ContinuousConfig) -> dict[str, Any]:
    """Run one experiment or all; returns the content of `result.json`.

    Raises:
        InputError: images, a run folder or an option that can't be used.
        NumericalError: training diverged.
    """
    config = resumed(config, JOB)
    refuse_options_without_effect(config)
    parts: dict[str, Callable[[], report.PartReport]] = {
        "mixture": lambda: mixture(config),
        "gaussians": lambda: gaussians(config),
        "latent": lambda: latent(config, images),
    }
    chosen = list(parts) if config.part == "all" else [config.part]
    if "latent" in chosen:  # read before the run folder is made, so that a wrong path leaves no folder behind
        images = torch.from_numpy(grey_digits() if config.images is None else read_grey(config.images))
    inputs = [config.images] if config.images is not None and "latent" in chosen else []
    with RunFolder(config.out, JOB, config.part, config, inputs) as folder:
        done = {name: folder.cached(name, partial(_run_part, folder, name, parts[name])) for name in chosen}
        for part in done.values():
            print(f"\n{part['title']}\n{as_text(part['table'])}")
        result = {name: part["numbers"] for name, part in done.items()}
        html = page.render_page(
            "Continuous energy discrepancy",
            "; ".join(part["verdict"] for part in done.values()) + ".",
            "Energy discrepancy with Gaussian perturbations, on real vectors.",
            {part["title"]: part["table"] for part in done.values()},
            [
                page.PageFigure(part["title"], part["caption"], (folder.path / f"{name}.png").read_bytes(), part["svg"])
                for name, part in done.items()
            ],
            reported_options(config),
        )
        folder.write("report.html", html.encode())
        folder.finish(result)
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
    return result


def _run_part(folder: RunFolder, name: str, part: Callable[[], report.PartReport]) -> dict[str, Any]:
    """Run one experiment, and write its figure into the folder."""
    found = part()
    (figure,) = folder.plot({name: (found.title, found.plot, found.caption)})
    return {
        "numbers": found.numbers,
        "title": found.title,
        "table": found.table,
        "caption": found.caption,
        "verdict": found.verdict,
        "svg": figure.svg,
    }


def mixture(config: ContinuousConfig) -> report.PartReport:
    """Losses as functions of the weight of a mixture."""
    with restarting_progress() as callback:
        return report.mixture_report(mixture_weights(seed=config.seed, callback=callback))


def gaussians(config: ContinuousConfig) -> report.PartReport:
    """A density with 25 modes, learned from its samples."""
    with restarting_progress() as callback:
        found = gaussian_grid(
            steps=config.steps,
            learning_rate=config.learning_rate,
            sampler_steps=config.sampler_steps,
            seed=config.seed,
            callback=callback,
        )
    return report.gaussians_report(found, config.sampler_steps)


def latent(config: ContinuousConfig, images: Tensor) -> report.PartReport:
    """A decoder with a normal prior and one with a learned prior."""
    with restarting_progress() as callback:
        found = latent_images(
            images,
            dimensions=config.latent,
            most_images=config.most_images,
            steps=config.steps,
            learning_rate=config.learning_rate,
            sampler_steps=config.sampler_steps,
            seed=config.seed,
            callback=callback,
        )
    return report.latent_report(found, (images.shape[1], images.shape[2]), config.sampler_steps)
