"""Every job that reads a file of the user's goes on with that file only."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import BernoulliEnergy, save_energy, write_graphs
from discrete_ed.cli import run_job
from discrete_ed.experiments.run_folder import RunFolder


def a_table(version: int) -> None:
    bits = np.random.default_rng(version).integers(0, 2, (60, 4))
    np.savetxt("input.csv", bits, "%d", ",")


def an_energy(version: int) -> None:
    save_energy("input", BernoulliEnergy(torch.tensor([0.0, 1.0, version])), {"logits": 3})


def images(version: int) -> None:
    np.save("input.npy", np.random.default_rng(version).random((60, 4, 4)))


JOBS = {
    "generate-ego-graphs --data input.g6": lambda version: write_graphs("input.g6", 9 * [nx.path_graph(5 + version)]),
    "estimate-density --data input.csv": a_table,
    "train-ising --data input.csv": a_table,
    "train-ising --graph input.g6": lambda version: write_graphs("input.g6", [nx.path_graph(5 + version)]),
    "sample input": an_energy,
    "continuous --part latent --images input.npy": images,
}


@pytest.mark.parametrize("job", JOBS)
def test_a_run_does_not_go_on_with_another_input(job, tmp_path, monkeypatch, capsys):
    class Killed(Exception):
        """Stands for kill -9."""

    def killed(_):
        raise Killed

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RunFolder, "__enter__", killed)
    name, *options = job.split()
    JOBS[job](0)
    with pytest.raises(Killed):
        run_job(name, [*options, "--out", "RUN"])
    JOBS[job](0)  # written again, but the same
    with pytest.raises(Killed):
        run_job(name, ["--resume", "RUN"])
    JOBS[job](1)
    before = sorted(Path("RUN").rglob("*"))
    with pytest.raises(SystemExit, match="2"):
        run_job(name, ["--resume", "RUN"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: resume: expected the input as it was, but since the run began input")
    assert sorted(Path("RUN").rglob("*")) == before
