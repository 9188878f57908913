"""The job that compares the perturbations on one problem with a known answer: the couplings of an Ising lattice."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from discrete_ed.energies import IsingEnergy
from discrete_ed.jobs.compare_perturbations import report
from discrete_ed.jobs.compare_perturbations.config import ComparePerturbationsConfig
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import lattice
from discrete_ed.likelihood.torus import torus_sample
from discrete_ed.theory.perturbation_comparison import (
    GeneratorLoss,
    learn_couplings,
    loss_at_truth,
    losses_to_compare,
    seconds_per_step,
)

JOB = "compare-perturbations"


def run(config: ComparePerturbationsConfig) -> dict[str, Any]:
    """Compare the losses; returns the content of `result.json`.

    Raises:
        InputError: a run folder that can't be used.
    """
    config = resumed(config, JOB)
    with RunFolder(config.out, JOB, f"{config.side}x{config.side}", config) as folder:
        rows = _rows(config, folder)
        result = {"sigma": config.sigma, "samples": config.samples, "losses": rows}
        folder.finish(result)
    torus = f"a {config.side} × {config.side} torus"
    print(f"σ = {config.sigma:g} on {torus}, {config.samples:,} exact samples, M = {config.m}")
    print(as_text(report.comparison_table(rows)))
    print(f"\nwritten to {folder.path}")
    return result


def _rows(config: ComparePerturbationsConfig, folder: RunFolder) -> dict[str, dict[str, float]]:
    """The numbers of each loss, by its name."""
    truth = IsingEnergy.from_graph(lattice(config.side), 2 * config.sigma)
    adjacency = IsingEnergy.from_graph(lattice(config.side)).couplings.detach()
    generator = torch.Generator().manual_seed(config.seed)
    x = torus_sample(truth, config.samples, (config.side, config.side), generator=generator)
    losses = losses_to_compare(config.side, m=config.m, epsilon=config.epsilon)
    rows: dict[str, dict[str, float]] = {}
    with tqdm(losses.items(), desc="perturbations", leave=False) as bar:
        for name, loss in bar:
            bar.set_postfix_str(name)
            rows[name] = folder.cached(name, partial(compare_loss, loss, adjacency, x, config))
            folder.log({"loss": name, **rows[name]})
    seconds = seconds_per_step(losses, x[: config.batch])
    for name, row in rows.items():
        row |= {"seconds_per_step": seconds[name], "relative_time": seconds[name] / min(seconds.values())}
    return rows


def compare_loss(
    loss: GeneratorLoss, adjacency: Tensor, x: Tensor, config: ComparePerturbationsConfig
) -> dict[str, float]:
    """Bias and noise of a loss at the true energy, and the couplings that it learns; shows a progress bar."""
    at_truth = loss_at_truth(
        loss, adjacency, x[: config.probe], sigma=config.sigma, error=config.error, seed=config.seed + 1
    )
    with tqdm(total=config.steps, desc="fit", leave=False) as bar:
        learned = learn_couplings(
            loss,
            adjacency,
            x,
            sigma=config.sigma,
            steps=config.steps,
            batch_size=config.batch,
            learning_rate=config.learning_rate,
            seed=config.seed + 2,
            callback=lambda _: bar.update(),
        )
    return {**asdict(at_truth), **asdict(learned)}
