"""The job `generate`: learn an energy over graphs, generate new ones, score them, and write a run folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import torch

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import graphs_to_states
from discrete_ed.graphs.datasets import load_graph_data
from discrete_ed.graphs.evaluation import check_sets, evaluate_graphs
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.named_data import GraphData
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.jobs import graph_tables
from discrete_ed.jobs.generate.chains import new_energy
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.like import start_like
from discrete_ed.jobs.generate.past_run import CHECKPOINT, refuse_run
from discrete_ed.jobs.generate.report import write_report
from discrete_ed.jobs.generate.sampling import sample_run
from discrete_ed.jobs.generate.training import split_held_out, train, with_defaults
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.progress import phase_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.names import SAMPLED_PERTURBATIONS
from discrete_ed.runtime.distributed import pick_device, rank_seed, ranks
from discrete_ed.runtime.memory import available_bytes

JOB = "generate"
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
        "validation": bool(data.validation),
    }
    refuse_options_without_effect(config, **facts)
    _check_data(data, config)
    config = with_defaults(config, data)
    learned, held_out = split_held_out(data, config)
    energy = new_energy(config, data.train)
    if config.like is not None:
        start_like(config.like, energy, data, held_out)
    energy = energy.to(device)
    cost = check_memory(energy, data.train, config, available_bytes(device))
    states = graphs_to_states(data.train).to(device)
    with RunFolder(config.out, JOB, data.name, config, data.files, facts) as folder:
        kept = f", {len(held_out)} of them held out" if held_out and not data.validation else ""
        print(
            f"{data.name}: {data.description}; {len(data.train)} to train on{kept}, {len(data.test)} to test "
            f"against{cost}"
        )
        parts = {"train": data.train, "validation": data.validation, "test": data.test}
        for name, graphs in {**parts, "held-out": held_out}.items():
            if graphs:
                folder.write(f"{name}.g6", encode_graphs(".g6", graphs))
        generator = torch.Generator(device).manual_seed(rank_seed(config.seed))
        with folder.keeping_energy(CHECKPOINT, energy):
            training = train(energy, learned, held_out, config, generator, folder)
        folder.save_energy(CHECKPOINT, energy)
        trained = time.monotonic()
        sampled = sample_run(energy, states, held_out, config, generator, folder)
        graphs = sampled.generated.graphs()
        folder.log(*_trace(sampled.generated))
        folder.write("samples.g6", encode_graphs(".g6", graphs))
        drawn = time.monotonic()
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
        last_energy, last_acceptance = sampled.generated.mean_energy[-1:], sampled.generated.acceptance[-1:]
        result = {
            "data": data.name,
            "seed": config.seed,
            "steps": len(training.records),
            **evaluation.to_dict(),
            "acceptance": next(iter(last_acceptance), None),
            "mean_energy": {"training": data_energy, "generated": next(iter(last_energy), None)},
            **training.to_dict(),
            **sampled.to_dict(),
            "seconds": {
                "train": trained - started,
                **sampled.seconds,
                "score": time.monotonic() - drawn,
            },
        }
        if folder.writes:
            write_report(folder, config, facts, data, sampled, training, evaluation, result)
        folder.finish(result)
        print(f"\n{graph_tables.verdict({'': evaluation})}\n")
        print(graph_tables.summary(evaluation))
        for sentence in (*training.sentences(), *sampled.sentences()):
            print(sentence)
        print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
        return result


def _check_data(data: GraphData, config: GenerateConfig) -> None:
    """Refuse data that can't be trained on or scored, before hours of training."""
    check_sets({"reference": data.test, "train": data.train}, config.protocol)
    if get_protocol(config.protocol).unbiased and config.samples < 2:
        raise InputError(f"samples: expected at least 2 for protocol {config.protocol}, got {config.samples}")
    if max(map(len, data.train)) == 0:
        raise InputError(f"data: expected a graph with a node among those to train on, got none in {config.data}")
    if config.held_out is not None and config.held_out >= len(data.train):
        raise InputError(f"held_out: expected fewer than the {len(data.train)} training graphs, got {config.held_out}")


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
    assert config.negatives is not None, "the default is filled in"
    assert config.batch is not None, "the default is filled in"
    states = config.negatives + 1 if config.perturbation in SAMPLED_PERTURBATIONS else BLOCK_STATES
    network = energy.network if isinstance(energy, NoiseConditionalEnergy) else energy
    assert isinstance(network, DenseGraphEnergy)
    each = {flag: network.memory(nodes, with_gradient_of_states=flag).mean().item() for flag in (False, True)}
    proposals = 0 if network.pair_values else config.candidates or 0  # pairs rank proposals one part after the other
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


def _trace(generated: GeneratedGraphs) -> list[dict[str, Any]]:
    """The records of the chains for `metrics.jsonl`."""
    columns = {"energy": generated.mean_energy, "acceptance": generated.acceptance, "effective": generated.effective}
    columns = {name: values for name, values in columns.items() if values}
    rows = zip(*columns.values(), strict=True)
    return [
        {"phase": "sample", "step": step, **dict(zip(columns, row, strict=True))} for step, row in enumerate(rows, 1)
    ]
