"""Training an earlier run's energy further: only on the same graphs, and only the same energy."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from discrete_ed.energies import Energy
from discrete_ed.energies.base import describe
from discrete_ed.energies.saving import load_energy
from discrete_ed.errors import InputError
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.named_data import GraphData
from discrete_ed.jobs.generate.past_run import CHECKPOINT, HELD_OUT, PastRun


def start_like(path: Path, energy: Energy, data: GraphData, held_out: list[nx.Graph]) -> None:
    """Give an energy the weights of the run in a folder.

    Args:
        path: the run folder.
        energy: an untrained energy, as the options of this run make it.
        data: the graphs of this run.
        held_out: those of the training graphs that this run does not train on.

    Raises:
        InputError: a folder without a run of `generate`, a run of another data set or split, another energy, or one
            that was trained on graphs that are held out now.
    """
    run = PastRun.open(path, "like")
    if not run.file("train").is_file() or run.file("train").read_bytes() != encode_graphs(".g6", data.train):
        raise InputError(
            f"like: expected a run that was trained on the graphs of this one, {data.name}, got {path} with --data "
            f"{run.config.data} and other training graphs"
        )
    loaded = load_energy(path / CHECKPOINT)
    wanted, found = (repr(describe(each)) for each in (energy, loaded))
    if wanted != found:
        raise InputError(
            f"like: expected an energy as this run's options make it, {wanted}, got {found} in {path}; --levels, "
            "--noise, --proposals, --network, --width and --layers must be those of the run; energies of pairs without "
            "resistances or cliques, which earlier versions trained, can't be trained further"
        )
    before = run.path / HELD_OUT
    known = before.read_bytes() if before.is_file() else b""
    if known != (encode_graphs(".g6", held_out) if held_out else b""):
        raise InputError(
            f"like: expected the held-out graphs of {path}, which it was not trained on, got others; --held-out and "
            "--split-seed must be those of the run"
        )
    energy.load_state_dict(loaded.state_dict())
