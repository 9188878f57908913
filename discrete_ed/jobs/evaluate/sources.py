"""What is scored against what: graph files, a data set by name, or a run of `generate`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import states_to_graphs
from discrete_ed.graphs.datasets import load_graph_data
from discrete_ed.graphs.io import graph_files, read_graphs
from discrete_ed.graphs.power import flip_pairs
from discrete_ed.graphs.yardsticks import erdos_renyi_like
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.generate.past_run import PastRun, refuse_run
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.runtime.distributed import pick_device, rank_seed

FLIPPED = 0.02
"""share of the pairs of nodes that a trivial generator flips in training graphs"""
CURVE = 3  # least number of generators that make a curve
Graphs = list[nx.Graph]


@dataclass(frozen=True)
class Sources:
    """The graphs of an evaluation, and where they are from."""

    config: EvaluateConfig
    """the options, with those filled in that the data set or the run decides"""
    name: str
    """what the reference graphs are called"""
    reference: Graphs
    train: Graphs | None
    generated: Callable[[RunFolder | None], dict[str, Graphs]]
    """reads, makes or samples the graphs of each generator; a run folder keeps what was sampled"""
    inputs: list[Path]
    """all files that are read"""
    facts: dict[str, Any]
    """facts that conditions on options are about"""


def find_sources(config: EvaluateConfig) -> Sources:
    """The reference and training graphs that the options name, and how to get the generated ones.

    Raises:
        InputError: a file, a data set or a run that can't be used, or none is named.
    """
    reference, generated = config.graph_files()
    if config.data is not None:
        return _of_data_set(config, generated)
    if reference is not None and PastRun.is_at(reference):
        return _of_run(config, PastRun.open(reference, "reference"), generated)
    if reference is not None and not generated and not reference.exists():
        raise InputError(f"reference: expected a graph file or a run of generate, but {reference} doesn't exist")
    if reference is None or not generated:
        named = [*config.files, *([] if config.reference is None else [config.reference]), *config.generated]
        raise InputError(
            "reference, generated: expected at least one file of generated graphs beside one of test graphs (or a run "
            "of generate, or --data), or --resume with the folder of a run, got "
            f"{f'only {listed(named)}' if named else 'none'}"
        )
    refuse_run(config.train, "train")
    train = None if config.train is None else read_graphs(config.train, **config.reading())
    inputs = [file for path in (reference, *filter(None, [config.train])) for file in graph_files(path)]
    inputs += _files(generated)
    tested, read = read_graphs(reference, **config.reading()), _read(generated, config)
    return Sources(config, reference.name, tested, train, lambda _: read, inputs, _facts(split=False, graph_files=True))


def _facts(**known: bool) -> dict[str, Any]:
    nothing = dict.fromkeys(("random_split", "recipe", "snapshots", "graph_files"), False)
    return {"split": True, **nothing, **known}


def _read(files: tuple[Path, ...], config: EvaluateConfig) -> dict[str, Graphs]:
    """The graphs of each file or folder by its name, or by its whole path if two names are the same; of a run of
    `generate`, those that it generated."""
    names = [path.name for path in files]
    labels = names if len(set(names)) == len(names) else [str(path) for path in files]
    return {label: read_graphs(_samples(path), **config.reading()) for label, path in zip(labels, files, strict=True)}


def _files(generated: tuple[Path, ...]) -> list[Path]:
    return [file for path in generated for file in graph_files(_samples(path))]


def _samples(path: Path) -> Path:
    """The file with what a run generated, or the path itself if it isn't the folder of a run."""
    return PastRun.open(path, "generated").file("samples") if PastRun.is_at(path) else path


def _of_data_set(config: EvaluateConfig, generated: tuple[Path, ...]) -> Sources:
    """Test and training graphs of a data set; without generated graphs, trivial generators show what scores mean."""
    data = load_graph_data(str(config.data), config.root, split_seed=config.split_seed, graphs=config.graphs)
    if data.origin == "own":
        raise InputError(f"data: expected a data set by name, got the graph file {config.data}; name files by position")
    if generated:
        read = _read(generated, config)
        found: Callable[[RunFolder | None], dict[str, Graphs]] = lambda _: read  # noqa: E731
    else:
        found = lambda _: trivial_generators(data.train, config.seed)  # noqa: E731
    inputs = [*data.files, *_files(generated)]
    known = {"random_split": data.random_split, "recipe": data.origin == "recipe", "graph_files": bool(generated)}
    facts = _facts(**known)
    config = replace(config, valid=config.valid or data.valid)
    return Sources(config, data.name, data.test, data.train, found, inputs, facts)


def trivial_generators(train: Graphs, seed: int) -> dict[str, Graphs]:
    """As many graphs as there are training graphs, by generators that no model should lose to."""
    rng = np.random.default_rng(seed)
    return {
        "training graphs, 2% flipped": [flip_pairs(graph, FLIPPED, rng) for graph in train],
        "random graphs, same n and m": erdos_renyi_like(train, len(train), seed=seed),
    }


def _of_run(config: EvaluateConfig, run: PastRun, generated: tuple[Path, ...]) -> Sources:
    """Test and training graphs of a run; without other graphs, its snapshots are sampled, or its own samples read."""
    snapshots = {} if generated else run.snapshots()
    inputs = [run.file("train"), run.file("test")]
    if snapshots:
        inputs += run.inputs(*snapshots.values())
        found: Callable[[RunFolder | None], dict[str, Graphs]] = partial(_sampled, run, snapshots, config)
    else:
        files = generated or (run.file("samples"),)
        inputs += _files(files)
        read = _read(files, config)
        found = lambda _: read  # noqa: E731
    config = replace(config, valid=config.valid or run.config.valid)
    facts = _facts(snapshots=bool(snapshots), graph_files=bool(generated))
    reference, train = run.graphs("test"), run.graphs("train")
    return Sources(
        config, f"the test graphs of {run.path}", reference, train, found, list(dict.fromkeys(inputs)), facts
    )


def _sampled(
    run: PastRun, snapshots: dict[int, Path], config: EvaluateConfig, folder: RunFolder | None
) -> dict[str, Graphs]:
    """Graphs of each snapshot by the same random numbers, so that two differ by what was learned between them."""
    device = pick_device(config.device)

    def states(energy: Path) -> dict[str, Tensor]:
        generator = torch.Generator(device).manual_seed(rank_seed(config.seed))
        generated, _ = run.sample(energy, config.samples, device=device, generator=generator)
        return {"states": generated.states}

    sets = {}
    for step, energy in snapshots.items():
        compute = partial(states, energy)
        found = compute() if folder is None else folder.cached(f"sample-{step}", compute)
        sets[f"step {step}"] = states_to_graphs(found["states"])
    return sets


def places_on_curve(labels: list[str]) -> list[int] | None:
    """The numbers that are all that tells the labels apart, such as training steps; None if other things do.

    >>> places_on_curve(["samples-100.g6", "samples-200.g6", "samples-1000.g6"])
    [100, 200, 1000]
    >>> places_on_curve(["mine-1.g6", "theirs-2.g6", "ours-3.g6"]) is None
    True
    """
    parts = [re.split(r"(\d+)", label) for label in labels]
    if len(labels) < CURVE or len({len(part) for part in parts}) > 1:
        return None
    differing = [k for k, column in enumerate(zip(*parts, strict=True)) if len(set(column)) > 1]
    if len(differing) != 1 or differing[0] % 2 == 0:
        return None
    numbers = [int(part[differing[0]]) for part in parts]
    return numbers if len(set(numbers)) == len(numbers) else None


def listed(paths: list[Path]) -> str:
    """Paths as a list in words."""
    return " and ".join(map(str, paths))
