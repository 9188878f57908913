"""Density estimation: fit an energy to binary states, bracket its likelihood, draw from it, leave a run folder."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from discrete_ed.data import TableData, load_table_data
from discrete_ed.density.models import ENUMERATED, density_energy, density_loss, judge
from discrete_ed.density.sampling import generate
from discrete_ed.density.scores import (
    MMD_SIZE,
    bracket,
    discrepancies,
    independent_columns,
    likelihoods,
    toy_scores,
)
from discrete_ed.energies import Energy, SumEnergy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.jobs import page
from discrete_ed.jobs.estimate import figures as density_figures
from discrete_ed.jobs.estimate import tables
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.jobs.text import as_text
from discrete_ed.likelihood import LogLikelihood, log_likelihood
from discrete_ed.names import LossName
from discrete_ed.runtime.distributed import pick_device, rank_seed
from discrete_ed.samplers import suitable_kernel
from discrete_ed.training.fit import FitConfig, Record, shuffled_batches
from discrete_ed.training.selection import Selected, fit_selected

JOB = "estimate"
HIDDEN = ("out", "resume", "checkpoint_seconds")  # what a report needn't tell
JUDGED = 2**17  # flips of validation states at one scoring: bounds its cost
SCORINGS = 20
TOLD = 50_000  # training states whose likelihood is told, and at which chains may start


@dataclass(frozen=True)
class Settled(EstimateConfig):
    """A configuration that leaves nothing open; its defaults are those for densities in the plane."""

    loss: LossName = "ed"
    epsilon: float = 0.1
    width: int = 128
    layers: int = 3
    steps: int = 3000
    batch: int = 128
    learning_rate: float = 4e-3


def run(config: EstimateConfig) -> dict[str, Any]:
    """Do the whole job; returns what `result.json` holds.

    Raises:
        InputError: a data set, device or run folder that can't be used.
        NumericalError: training diverged; the best weights so far are in the run folder.
    """
    started = time.monotonic()
    config = resumed(config, JOB)
    device = pick_device(config.device)
    data = load_table_data(config.data, config.root, valid=config.valid, test=config.test, seed=config.seed)
    settings = settled(config, data)
    train, valid, test = (torch.from_numpy(part).to(device) for part in (data.train, data.valid, data.test))
    bits = train.shape[1]
    with RunFolder(settings.out, JOB, data.name, settings, data.files) as folder:
        sizes = f"{len(train)} to train on, {len(valid)} and {len(test)} held out"
        print(f"{data.name}: {data.description}; {bits} bits; {sizes}")
        if data.shape is None and data.constant:
            shown = ", ".join(data.constant[:5]) + (", …" if len(data.constant) > 5 else "")
            print(f"note: {len(data.constant)} columns are constant in the training rows: {shown}", file=sys.stderr)
        energy, selected = fit_members(train, valid.float(), data.shape, settings, folder)
        trained = time.monotonic()

        generator = torch.Generator(device).manual_seed(settings.seed)
        drawn = folder.cached("sample", lambda: generate(energy, train, settings, generator), {"noise": generator})
        samples, ess = drawn["states"].to(device), drawn["effective_starts"]
        buffer = io.BytesIO()
        np.save(buffer, samples.to(torch.uint8).cpu().numpy())
        folder.write("samples.npy", buffer.getvalue())
        sampled = time.monotonic()

        z, caught = bracket(energy, train[:TOLD].float(), settings, generator)
        likelihood = log_likelihood(energy, test.float(), z)
        result = {
            "data": data.name,
            "seed": settings.seed,
            "loss": settings.loss,
            "energy": settings.energy,
            "parameters": sum(parameter.numel() for parameter in energy.parameters()),
            "members": settings.members,
            "steps": [len(fitted.records) for fitted in selected],
            "selected_steps": [fitted.step for fitted in selected],
            "validation_scores": [fitted.score for fitted in selected],
            **likelihoods(
                likelihood, log_likelihood(energy, train[:TOLD].float(), z), log_likelihood(energy, valid.float(), z)
            ),
            "independent_columns": independent_columns(train, test),
            "warnings": caught,
            **discrepancies(samples.cpu(), test.float().cpu(), train.cpu()),
            "effective_starts": ess,
            "toy": None if data.toy is None else toy_scores(data.toy, energy, test.float(), generator),
            "seconds": {"train": trained - started, "sample": sampled - trained, "score": time.monotonic() - sampled},
        }
        if folder.writes:
            write_report(folder, settings, data, energy, samples.cpu(), likelihood, selected, result)
        folder.finish(result)
    print(as_text(tables.density_table(result)))
    print("", *tables.density_notes(result), sep="\n")
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
    return result


def settled(config: EstimateConfig, data: TableData) -> Settled:
    """The configuration with what it leaves open chosen by the kind of data and energy.

    Raises:
        InputError: an energy or a loss that these data can't have.
    """
    if config.energy == "conv" and data.shape is None:
        raise InputError(f"energy: expected mlp, residual, rbm or ising, as {data.name} is no set of images, got conv")
    bits = data.train.shape[1]
    if config.loss == "ml" and bits > ENUMERATED:
        raise InputError(f"loss: expected ml with at most {ENUMERATED} columns only, got {bits}")
    usual: dict[str, Any] = {}
    if data.toy is None:
        usual |= {"loss": "block-ed", "width": 64, "layers": 2, "steps": 4000, "batch": 256, "learning_rate": 1.5e-3}
    if config.energy == "conv":
        usual |= {"width": 16, "layers": 1}
    given = {name: value for name, value in vars(config).items() if value is not None}
    if {**usual, **given}.get("loss", "ed") != "ed":
        usual["epsilon"] = 0.5
    return Settled(**{**usual, **given})


def told(config: Settled, *, exact: bool, drawn: bool) -> dict[str, Any]:
    """The options that had a say in the run.

    Args:
        exact: whether the likelihood was had without annealing.
        drawn: whether states were drawn without chains.
    """
    network, loss = config.energy not in ("rbm", "ising"), config.loss
    says = {
        "width": config.energy != "ising",
        "layers": network,
        "epsilon": loss in ("ed", "block-ed"),
        "negatives": loss == "ed",
        "w": loss == "ed",
        "block": loss == "block-ed",
        "chain_steps": loss in ("cd", "pcd"),
        "buffer": loss == "pcd",
        "temperatures": not exact,
        "runs": not exact,
        "sampler_steps": not drawn,
    }
    return {
        name: value
        for name, value in vars(config).items()
        if says.get(name, True) and name not in HIDDEN and value is not None
    }


def fit_members(
    train: Tensor, valid: Tensor, shape: tuple[int, int] | None, config: Settled, folder: RunFolder
) -> tuple[Energy, list[Selected]]:
    """Fit the members of the ensemble, one after the other, each with a seed of its own, and save their mean."""
    bits = train.shape[1]
    members: list[Energy] = []
    selected: list[Selected] = []

    def kept() -> Energy:
        """The mean of the members so far, saved."""
        energy = members[0] if len(members) == 1 else SumEnergy(*members, scale=1 / len(members))
        folder.save_energy("checkpoint", energy)
        return energy

    for k in range(config.members):
        seed = config.seed * config.members + k
        energy = density_energy(
            config.energy, bits, width=config.width, layers=config.layers, shape=shape, data=train, seed=seed
        )
        members.append(energy.to(train.device))
        try:
            selected.append(fit_energy(energy, train, valid, config, seed, folder))
        except (KeyboardInterrupt, NumericalError):
            if k:
                members.pop()  # half learned, it would spoil the mean
            kept()
            print(f"\nstopped early; the energy so far is kept in {folder.path / 'checkpoint'}", file=sys.stderr)
            raise
    return kept(), selected


def fit_energy(energy: Energy, train: Tensor, valid: Tensor, config: Settled, seed: int, folder: RunFolder) -> Selected:
    """Fit by the loss of that name, with a bar and records; keep the averaged weights that judge `valid` best."""
    generator = torch.Generator(train.device).manual_seed(rank_seed(seed))
    loss = density_loss(
        config.loss,
        epsilon=config.epsilon,
        m=config.negatives,
        w=config.w,
        block=config.block,
        steps=config.chain_steps,
        buffer=max(config.buffer, config.batch),
        kernel=suitable_kernel(energy, purpose="training"),
        generator=generator,
    )
    fit_config = FitConfig(
        steps=config.steps, learning_rate=config.learning_rate, weight_decay=config.weight_decay, ema=config.ema
    )
    batches = shuffled_batches(train, config.batch, generator=torch.Generator().manual_seed(seed))
    enumerable = train.shape[1] <= ENUMERATED
    rows = valid if enumerable else valid[: max(2, JUDGED // train.shape[1])]
    with tqdm(total=config.steps, desc="train", unit="step") as bar:

        def callback(record: Record) -> None:
            folder.log({"phase": "train", **record})
            bar.update(record["step"] - bar.n)
            bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)

        return fit_selected(
            energy,
            loss,
            batches,
            fit_config,
            score=lambda energy: judge(energy, rows),
            every=max(1, config.steps // SCORINGS),
            patience=config.patience,
            callback=callback,
            checkpoints=folder.checkpoints(f"train-{seed}", {"noise": generator}, every=config.checkpoint_seconds),
        )


def write_report(
    folder: RunFolder,
    config: Settled,
    data: TableData,
    energy: Energy,
    samples: Tensor,
    likelihood: LogLikelihood,
    selected: list[Selected],
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    drawn: dict[str, tuple[str, Callable[[], Figure], str]] = {}
    made = samples.to(torch.uint8).numpy()
    toy = data.toy
    if toy is not None:
        drawn["density"] = (
            "The learned law and the true one",
            lambda: density_figures.heat_maps(toy, energy, likelihood.log_partition.value),
            "Both densities in the plane, on one scale of colours.",
        )
        drawn["samples"] = (
            "Samples and draws of the truth",
            lambda: density_figures.points(toy.decode(made[:MMD_SIZE]), toy.decode(data.test[:MMD_SIZE]), toy),
            "The states of the chains, and test states, as points in the plane.",
        )
    elif data.shape is not None:
        shape = data.shape
        drawn["samples"] = (
            "Samples and test images",
            lambda: density_figures.images(made, data.test, shape),
            "The first states of the chains, and the first test images.",
        )
    drawn["marginals"] = (
        "Means and correlations",
        lambda: density_figures.moments(made, data.test),
        "Mean of every bit and covariance of every pair, samples against test states; on the diagonal both agree.",
    )
    drawn["curves"] = (
        "Training",
        lambda: density_figures.curves(
            selected,
            "mean log-likelihood, nats" if data.train.shape[1] <= ENUMERATED else "−(pseudo-likelihood loss), nats",
        ),
        "Loss (thin: each step, bold: running mean); score of the averaged weights on validation data, with the one "
        "that was kept; a line for each member.",
    )
    images = folder.plot(drawn)
    lead = (
        f"{data.name} ({data.description}): an energy with {result['parameters']} parameters learned "
        f"{len(data.train)} states of {data.train.shape[1]} bits."
    )
    html = page.render_page(
        f"Density: {data.name}",
        lead,
        {"Scores": tables.density_table(result)},
        images,
        {
            **told(config, exact=result["exact"], drawn=data.train.shape[1] <= ENUMERATED),
            **{f"seconds to {phase}": f"{seconds:.0f}" for phase, seconds in result["seconds"].items()},
        },
        tables.density_notes(result),
    )
    folder.write("report.html", html.encode())
