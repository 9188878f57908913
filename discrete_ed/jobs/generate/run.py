"""The job `generate`: learn an energy over graphs, generate new ones, score them, and write a run folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import Energy, NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import graphs_to_states
from discrete_ed.graphs.datasets import GraphData, load_graph_data
from discrete_ed.graphs.evaluation import check_sets, evaluate_graphs
from discrete_ed.graphs.generation import GeneratedGraphs, training_steps
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.jobs import graph_tables
from discrete_ed.jobs.generate.chains import network_sizes, new_energy, new_loss, sample_as_configured
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.past_run import CHECKPOINT, SNAPSHOTS, refuse_run
from discrete_ed.jobs.generate.report import write_report
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.progress import phase_progress, training_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.names import SAMPLED_PERTURBATIONS
from discrete_ed.runtime.distributed import pick_device, rank_seed, ranks
from discrete_ed.runtime.memory import available_bytes
from discrete_ed.training import FitConfig, Record, fit, shuffled_batches

JOB = "generate"
LEVEL_STEPS = 4000  # default number of training steps of an energy of all noise levels
BLOCK_STATES = 64  # number of states that a block of six edges enumerates for each training graph


def run(config: GenerateConfig) -> dict[str, Any]:
    """Run the whole job; returns the content of `result.json`.

    Raises:
        InputError: a data set, device or run folder that can't be used, or an option that has no effect.
        NumericalError: training diverged; the weights of the last good step are in the run folder.
    """
    started = time.monotonic()
    config = resumed(config, JOB)
    device = pick_device(config.device)
    refuse_run(Path(config.data), "data")
    refuse_run(config.test, "test")
    data = load_graph_data(
        config.data,
        config.root,
        split_seed=config.split_seed,
        graphs=config.graphs,
        test=config.test,
        **config.reading(),
    )
    facts: dict[str, Any] = {
        "random_split": data.random_split,
        "recipe": data.origin == "recipe",
        "own": data.origin == "own",
        "graph_files": data.origin == "own",
        "noise_levels": config.levels > 0,
    }
    refuse_options_without_effect(config, **facts)
    _check_data(data, config)
    steps = config.steps or (LEVEL_STEPS if config.levels else training_steps(len(data.train)))
    rate = config.learning_rate or (2e-3 if config.levels else 1e-3)
    config = replace(config, steps=steps, learning_rate=rate, valid=config.valid or data.valid, **network_sizes(config))
    energy = new_energy(config, data.train).to(device)
    cost = check_memory(energy, data.train, config, available_bytes(device))
    states = graphs_to_states(data.train).to(device)
    with RunFolder(config.out, JOB, data.name, config, data.files, facts) as folder:
        print(f"{data.name}: {data.description}; {len(data.train)} to train on, {len(data.test)} to test against{cost}")
        for name, graphs in (("train", data.train), ("validation", data.validation), ("test", data.test)):
            if graphs:
                folder.write(f"{name}.g6", encode_graphs(".g6", graphs))
        generator = torch.Generator(device).manual_seed(rank_seed(config.seed))
        records = _train_and_save(energy, states, steps, config, generator, folder)
        trained = time.monotonic()
        checkpoints = folder.checkpoints("sample", {"noise": generator}, every=config.checkpoint_seconds)
        generated = sample_as_configured(
            energy, states, config.samples, config, generator=generator, checkpoints=checkpoints
        )
        folder.log(*_trace(generated))
        graphs = generated.graphs()
        folder.write("samples.g6", encode_graphs(".g6", graphs))
        sampled = time.monotonic()
        with phase_progress("score", shown=folder.writes) as callback:
            evaluation = evaluate_graphs(
                data.test,
                graphs,
                data.train,
                protocol=config.protocol,
                valid=config.valid,
                seed=config.seed,
                callback=callback,
                phase_cache=folder.cached_in("score"),
            )
        with torch.no_grad():
            data_energy = energy(states.float()).mean().item()
        last_energy, last_acceptance = generated.mean_energy[-1:], generated.acceptance[-1:]
        result = {
            "data": data.name,
            "seed": config.seed,
            "steps": len(records),
            **evaluation.to_dict(),
            "acceptance": next(iter(last_acceptance), None),
            "mean_energy": {"training": data_energy, "generated": next(iter(last_energy), None)},
            "seconds": {"train": trained - started, "sample": sampled - trained, "score": time.monotonic() - sampled},
        }
        if folder.writes:
            losses = [record["loss"] for record in records]
            write_report(folder, config, facts, data, generated, losses, evaluation, result)
        folder.finish(result)
        print(f"\n{graph_tables.verdict({'': evaluation})}\n")
        print(graph_tables.summary(evaluation))
        print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
        return result


def _check_data(data: GraphData, config: GenerateConfig) -> None:
    """Refuse data that can't be trained on or scored, before hours of training."""
    check_sets({"reference": data.test, "train": data.train}, config.protocol)
    if get_protocol(config.protocol).unbiased and config.samples < 2:
        raise InputError(f"samples: expected at least 2 for protocol {config.protocol}, got {config.samples}")
    if max(map(len, data.train)) == 0:
        raise InputError(f"data: expected a graph with a node among those to train on, got none in {config.data}")


def check_memory(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    graphs: Sequence[nx.Graph],
    config: GenerateConfig,
    available: int | None,
) -> str:
    """The memory that a training step and the chains of this process need, in words, if it is more than a gigabyte.

    Raises:
        InputError: it is more than there is; the message names the options that lessen it.
    """
    nodes = torch.tensor([len(graph) for graph in graphs])
    states = config.negatives + 1 if config.perturbation in SAMPLED_PERTURBATIONS else BLOCK_STATES
    network = energy.network if isinstance(energy, NoiseConditionalEnergy) else energy
    assert isinstance(network, DenseGraphEnergy)
    each = {flag: network.memory(nodes, with_gradient_of_states=flag).mean().item() for flag in (False, True)}
    proposals = config.candidates if config.levels else 0
    needed = {
        "a training step": min(config.batch, len(graphs)) / ranks().size * states * each[False],
        "the chains": min(config.chains, config.samples / ranks().size) * max(each[True], proposals * each[False]),
    }
    words = " and ".join(f"{use} about {amount / 1e9:.1f} GB" for use, amount in needed.items())
    most = int(nodes.max())
    if available is not None and max(needed.values()) > available:
        raise InputError(
            f"batch, chains: expected what fits into {available / 1e9:.1f} GB of free memory; for graphs of up to "
            f"{most} nodes {words.replace('step about', 'step needs about')}. It is in proportion to --batch and "
            "--negatives, and to --chains; --width and --layers lessen it too"
        )
    return f"; {words.replace('step about', 'step needs about')} of memory" if max(needed.values()) > 1e9 else ""


def _train_and_save(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    states: Tensor,
    steps: int,
    config: GenerateConfig,
    generator: torch.Generator,
    folder: RunFolder,
) -> list[Record]:
    """Train the energy and save it, even if training stops early."""
    with folder.keeping_energy(CHECKPOINT, energy):
        records = train(energy, states, steps, config, generator, folder)
    folder.save_energy(CHECKPOINT, energy)
    return records


def train(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    states: Tensor,
    steps: int,
    config: GenerateConfig,
    generator: torch.Generator,
    folder: RunFolder,
) -> list[Record]:
    """Fit the energy by energy discrepancy, with a progress bar."""
    loss = new_loss(config, generator)
    batches = shuffled_batches(states, config.batch, generator=torch.Generator().manual_seed(config.seed))
    assert config.learning_rate is not None, "the default is filled in"
    fit_config = FitConfig(steps=steps, learning_rate=config.learning_rate)
    checkpoints = folder.checkpoints("train", {"noise": generator}, every=config.checkpoint_seconds)
    kept = {steps * k // config.snapshots for k in range(1, config.snapshots + 1)}

    def snapshot(step: int, averaged: Energy) -> None:
        if step in kept:
            folder.save_energy(f"{SNAPSHOTS}/step-{step}", averaged)

    with training_progress(folder, steps) as callback:
        return fit(energy, loss, batches, fit_config, callback=callback, snapshot=snapshot, checkpoints=checkpoints)


def _trace(generated: GeneratedGraphs) -> list[dict[str, Any]]:
    """The records of the chains for `metrics.jsonl`."""
    steps = zip(generated.mean_energy, generated.acceptance, strict=True)
    return [
        {"phase": "sample", "step": step, "energy": energy, "acceptance": acceptance}
        for step, (energy, acceptance) in enumerate(steps, 1)
    ]
