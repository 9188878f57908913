"""The main job: learn an energy over graphs, generate new ones, score them, and leave a run folder behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from discrete_ed.energies.graph import GraphEnergy
from discrete_ed.energies.local import Taylor
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.graphs.convert import graphs_to_states, states_to_graphs
from discrete_ed.graphs.datasets import GraphData, load_graph_data
from discrete_ed.graphs.evaluation import check_sets, evaluate_graphs
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.mmd import get_protocol
from discrete_ed.jobs import page
from discrete_ed.jobs.evaluate import tables
from discrete_ed.jobs.generate import figures
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.losses import energy_discrepancy
from discrete_ed.perturbations import Bernoulli, Block, Informed, NodeBlock, Perturbation
from discrete_ed.runtime.distributed import (
    from_first_,
    gathered,
    pick_device,
    rank_seed,
    ranks,
    share,
    summed,
    wait_for_all,
)
from discrete_ed.samplers import GibbsWithGradients, State, sample
from discrete_ed.training.fit import FitConfig, Record, fit, shuffled_batches

JOB = "generate"
SEGMENT = 100
"""Steps of a chain after which sampling can go on."""
STAGES = (0.25, 0.5, 0.75, 1.0, 0.0, 0.0)
"""How far from 1 to `cold` the inverse temperature is in each sixth of a chain; the last third is at 1."""


def run(config: GenerateConfig) -> dict[str, Any]:
    """Do the whole job; returns what `result.json` holds.

    Raises:
        InputError: a data set, device or run folder that can't be used.
        NumericalError: training diverged; the weights of the last good step are in the run folder.
    """
    started = time.monotonic()
    config = resumed(config, JOB)
    device = pick_device(config.device)
    data = load_graph_data(config.data, config.root, split_seed=config.split_seed)
    check_sets({"reference": data.test, "train": data.train}, config.protocol)  # before hours of training
    if get_protocol(config.protocol).unbiased and config.samples < 2:
        raise InputError(f"samples: expected at least 2 for protocol {config.protocol}, got {config.samples}")
    max_nodes = max(map(len, data.train))
    if max_nodes == 0:
        raise InputError(f"data: expected a graph with a node among those to train on, got none in {config.data}")
    states = graphs_to_states(data.train).to(device)
    with RunFolder(config.out, JOB, data.name, config, data.files) as folder:
        print(f"{data.name}: {data.description}; {len(data.train)} to train on, {len(data.test)} to test against")
        with torch.random.fork_rng(devices=[]):  # the weights are drawn on the CPU
            torch.default_generator.manual_seed(config.seed)
            energy = GraphEnergy(max_nodes, width=config.width, layers=config.layers).to(device)
        generator = torch.Generator(device).manual_seed(rank_seed(config.seed))
        try:
            records = train(energy, states, config, generator, folder)
        except (KeyboardInterrupt, NumericalError):
            folder.save_energy("checkpoint", energy)
            print(f"\nstopped early; the energy so far is kept in {folder.path / 'checkpoint'}", file=sys.stderr)
            raise
        folder.save_energy("checkpoint", energy)
        trained = time.monotonic()
        bits, trace = generate(energy, states, config, generator, folder)
        folder.log(*trace)
        generated = states_to_graphs(bits)
        folder.write("samples.g6", encode_graphs(".g6", generated))
        sampled = time.monotonic()

        scores = evaluate_graphs(
            data.test,
            generated,
            data.train,
            protocol=config.protocol,
            seed=config.seed,
            progress=folder.writes,
            once=folder.cached_in("score"),
        )
        with torch.no_grad():
            data_energy = energy(states.float()).mean().item()
        result = {
            "data": data.name,
            "seed": config.seed,
            "steps": len(records),
            **scores,
            "acceptance": trace[-1]["acceptance"] if trace else None,
            "mean_energy": {"training": data_energy, "generated": trace[-1]["energy"] if trace else None},
            "seconds": {"train": trained - started, "sample": sampled - trained, "score": time.monotonic() - sampled},
        }
        if folder.writes:
            write_report(folder, config, data, generated, records, trace, result)
        folder.finish(result)
        print(tables.summary(result))
        print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
        return result


def train(
    energy: GraphEnergy, states: Tensor, config: GenerateConfig, generator: torch.Generator, folder: RunFolder
) -> list[Record]:
    """Fit the energy by energy discrepancy, with a bar and records."""
    noise = Bernoulli(flips=config.flips)
    perturbations: dict[str, Perturbation] = {
        "bernoulli": noise,
        "informed": Informed(noise, local=Taylor),
        "block": Block(6, epsilon=0.5),
        "node-block": NodeBlock(4, epsilon=0.5),
    }
    perturbation = perturbations[config.perturbation]

    def loss(energy: GraphEnergy, x: Tensor) -> Tensor:
        return energy_discrepancy(energy, x, perturbation, m=config.negatives, w=config.w, generator=generator)

    batches = shuffled_batches(states, config.batch, generator=torch.Generator().manual_seed(config.seed))
    steps = config.steps or min(6 * len(states), 2000)
    fit_config = FitConfig(steps=steps, learning_rate=config.learning_rate)
    checkpoints = folder.checkpoints("train", {"noise": generator}, every=config.checkpoint_seconds)
    with tqdm(total=steps, desc="train", unit="step") as bar:

        def callback(record: Record) -> None:
            folder.log({"phase": "train", **record})
            bar.update(record["step"] - bar.n)
            bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)

        return fit(energy, loss, batches, fit_config, callback=callback, checkpoints=checkpoints)


def generate(
    energy: GraphEnergy, states: Tensor, config: GenerateConfig, generator: torch.Generator, folder: RunFolder
) -> tuple[Tensor, list[dict[str, Any]]]:
    """Sample from noise: random graphs with the node counts of training graphs and, by default, their densities.

    Every training graph lends its node count equally often, up to one. The inverse temperature rises in `STAGES` to
    `cold` and ends at 1. A run that goes on loses at most the last `SEGMENT` steps of one chunk of chains. Of several
    processes each runs its share of the chains.

    Returns:
        The final bits `(samples, D)`, and the mean energy and acceptance of all chains after each step.
    """
    rounds = -(-config.samples // len(states))
    orders = [torch.randperm(len(states), generator=generator, device=states.device) for _ in range(rounds)]
    lenders = states[torch.cat(orders)[: config.samples]].float()
    free = energy.free(lenders)
    density = (lenders * free).sum(-1, keepdim=True) / free.sum(-1, keepdim=True).clamp(min=1)
    level = torch.full_like(density, 0.5) if config.start == "half" else density
    noise = torch.rand(lenders.shape, generator=generator, device=states.device) < level
    start = from_first_(torch.where(free, noise.float(), lenders))
    bits = start[share(config.samples)].clone()  # overwritten chunk by chunk, segment by segment
    totals = torch.zeros(config.sampler_steps, 2, dtype=torch.float64)
    most = -(-config.samples // ranks().size)
    ends = [config.sampler_steps * k // len(STAGES) for k in range(len(STAGES) + 1)]
    segments = [
        (first, step, min(step + SEGMENT, end), 1 + (config.cold - 1) * rise)
        for first in range(0, most, config.chains)
        for (begin, end), rise in zip(pairwise(ends), STAGES, strict=True)
        for step in range(begin, end, SEGMENT)
    ]
    checkpoints = folder.checkpoints("sample", {"noise": generator}, every=config.checkpoint_seconds)
    saved = checkpoints.restore()
    done = 0 if saved is None else saved.step
    if saved is not None:
        bits, totals = saved.state["bits"].to(bits), saved.state["totals"]
    kernel = GibbsWithGradients()
    with tqdm(total=config.sampler_steps * -(-most // config.chains), desc="sample", unit="step") as bar:
        bar.update(sum(end - step for _, step, end, _ in segments[:done]))
        for number, (first, step, end, beta) in enumerate(segments[done:], done + 1):
            trace = totals[step:end].to(bits.device, copy=True)

            def callback(step: int, state: State, trace: Tensor = trace, beta: float = beta) -> None:
                trace[step - 1] += torch.stack([state.energy.sum() / beta, state.accepted.sum()])
                bar.update()

            rows = slice(first, first + config.chains)
            if len(bits[rows]):
                bits[rows] = sample(
                    kernel, Taylor(energy, beta), bits[rows], end - step, generator=generator, callback=callback
                )
            totals[step:end] = trace.cpu()
            checkpoints.save(number, {"bits": bits, "totals": totals})
            wait_for_all()
    bits, totals = gathered(bits, config.samples), torch.from_numpy(summed(totals.numpy()))
    records = [
        {"phase": "sample", "step": step, "energy": value, "acceptance": accepted}
        for step, (value, accepted) in enumerate((totals / config.samples).tolist(), 1)
    ]
    return bits, records


def write_report(
    folder: RunFolder,
    config: GenerateConfig,
    data: GraphData,
    generated: list[nx.Graph],
    records: list[Record],
    trace: list[dict[str, Any]],
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    rng = np.random.default_rng(config.seed)
    shown = [data.train[k] for k in rng.permutation(len(data.train))]
    drawn: dict[str, tuple[str, Callable[[], Figure], str]] = {
        "gallery": (
            "Training and generated graphs",
            lambda: figures.gallery(shown, generated),
            "Training graphs drawn at random, and the first generated graphs, in the same layout.",
        ),
        "statistics": (
            "What they are made of",
            lambda: figures.statistics({"training": data.train, "test": data.test, "generated": generated}),
            "How the three sets of graphs distribute; the scores above compare graphs, these pictures pool them.",
        ),
        "curves": (
            "Training and sampling",
            lambda: figures.curves(
                [record["loss"] for record in records],
                [record["energy"] for record in trace],
                [record["acceptance"] for record in trace],
                result["mean_energy"]["training"],
            ),
            "Loss while training (thin: each step, bold: running mean); mean energy and acceptance of the chains, from "
            "noise. Chains that still fall need more sampler steps. Acceptance is the share of chains that moved.",
        ),
    }
    images = folder.plot(drawn)
    lead = (
        f"{result['generated_graphs']} graphs from an energy that learned {len(data.train)} graphs of {data.name} "
        f"({data.description}). Read a score beside its floor: below it, differences are noise or memorised graphs."
    )
    html = page.render_page(
        f"Generated graphs: {data.name}",
        lead,
        "",
        {"Scores": tables.score_table(result), "The generated graphs": [["", "value"], *tables.overall(result)]},
        images,
        {
            **{
                name: value
                for name, value in vars(config).items()
                if name not in ("out", "resume", "checkpoint_seconds")
            },
            **{f"seconds to {phase}": f"{seconds:.0f}" for phase, seconds in result["seconds"].items()},
        },
        tables.notes(result),
    )
    folder.write("report.html", html.encode())
