"""Two processes do the work of one, to the same result; what happens to one happens to both."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import (
    Checkpoints,
    Exact,
    FitConfig,
    GibbsSweep,
    InputError,
    IsingEnergy,
    fit,
    pseudo_likelihood,
    sample,
    shuffled_batches,
    simulate,
    temper,
    write_graphs,
)
from discrete_ed.errors import DiscreteEDError
from discrete_ed.graphs import shares
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.jobs.evaluate import report
from discrete_ed.jobs.evaluate import run as evaluate
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.metrics.two_sample import mmd2, two_sample_test
from discrete_ed.runtime.distributed import (
    gathered,
    pick_device,
    processes,
    rank_seed,
    rank_sum,
    ranks,
    share,
    text_from_first,
)
from discrete_ed.samplers.interactions import loops


def spins(rows: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    x = (torch.rand(rows, 5, generator=g) < 0.4).float()
    x[:, 1] = torch.where(torch.rand(rows, generator=g) < 0.8, x[:, 0], x[:, 1])
    return x


def work(folder: Path, stop: str) -> dict[str, Any]:
    data = spins(101)

    def callback(record: dict[str, float]) -> None:
        if record["step"] == 15 and ranks().rank == 1:
            if stop == "die":
                os._exit(9)
            if stop == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
        if stop == "slow" and ranks().rank == 1:
            time.sleep(0.02)

    energies = {}
    for size in (101, 25):  # the whole data at once; batches, the same ones with any number of ranks
        energy = IsingEnergy(5)
        batches = shuffled_batches(data, size, generator=torch.Generator().manual_seed(1))
        checkpoints = Checkpoints(folder / str(size))
        config = FitConfig(steps=30, learning_rate=0.05)
        records = fit(energy, pseudo_likelihood, batches, config, callback=callback, checkpoints=checkpoints)
        energies[size] = energy.couplings.tolist(), records[-1]["loss"]

    rng = np.random.default_rng(0)
    x, y = rng.random((40, 3)), rng.random((30, 3)) + 0.1
    kernel = FeatureKernel("l2", 1.0)
    drawn = two_sample_test(x, y, kernel, permutations=20)
    part = spins(7)[share(7)]
    g = torch.Generator().manual_seed(rank_seed(5))
    noise = rank_sum(np.eye(ranks().size)[ranks().rank] * torch.rand(1, generator=g).item())
    return {
        "energies": energies,
        "mmd2": [mmd2(x, y, kernel), mmd2(x, y, kernel, unbiased=True), drawn.p_value, *drawn.interval],
        "gathered": gathered(part, 7).tolist(),
        "sampled": gathered(sample(GibbsSweep(), Exact(energy), part, 3, generator=g), 7).tolist(),
        "noise": noise.tolist(),
        "text": text_from_first(f"rank {ranks().rank} ü"),
        "lattices": lattices(),
    }


def lattices() -> list[Any]:
    """The last states of chains at two temperatures and of two pairs of ladders, and how often these swap."""
    if loops("measured_loops") is None:
        return []
    glass = IsingEnergy.from_edges([(0, 1), (1, 2), (0, 2), (2, 3)], [1.0, -1.0, 1.0, 1.0])
    plain = simulate(glass, [1.0, 2.0], update="sweeps", measurements=20)
    found = temper(glass, [1.0, 2.0], chains=4, place=True, measurements=20)
    states = [each.states.tolist() for each in (*plain, *found.results)]
    return [states, found.swap_rates.tolist(), found.round_trips.tolist()]


def judged(folder: Path, stop: str) -> dict[str, Any]:
    """The judging job, in which rank 1 may die; without drawings."""
    report.render = lambda *_: ("", {})
    if stop == "die" and ranks().rank == 1:
        shares.find_classes = lambda *_, **__: os._exit(9)
    out = folder / ("whole" if stop == "" else "run")
    return evaluate.run(EvaluateConfig(resume=out) if stop == "resume" else files_of(folder, out))


def files_of(folder: Path, out: Path | None = None) -> EvaluateConfig:
    return EvaluateConfig(reference=folder / "reference.g6", generated=(folder / "generated.g6",), out=out)


Work = Callable[[Path, str], dict[str, Any]]


def one_rank(rank: int, port: int, folder: Path, stop: str, work: Work) -> None:
    """A process as torchrun starts it."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
    try:
        with processes(timeout=60):
            result = work(folder, stop)
            if rank == 0:
                (folder / "result.json").write_text(json.dumps(result))
    except DiscreteEDError as error:
        (folder / "error.txt").write_text(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(143)


def two_ranks(folder: Path, stop: str = "", work: Work = work) -> list[int | None]:
    """The exit codes of two processes that do the work together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fork = multiprocessing.get_context("fork")  # torch is imported already
    started = [fork.Process(target=one_rank, args=(rank, port, folder, stop, work)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=100)
    return [process.exitcode for process in started]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return json.loads(json.dumps(work(tmp_path_factory.mktemp("alone"), "")))


@pytest.mark.thorough
def test_two_ranks_do_the_work_of_one_even_after_a_signal(alone, tmp_path):
    assert two_ranks(tmp_path, "signal") == [143, 143]  # only rank 1 gets it
    assert sorted(path.name for path in (tmp_path / "101").iterdir()) == ["rank-1", "step-000015"]
    with pytest.raises(InputError, match="expected a checkpoint of 1 processes, got 2"):
        work(tmp_path, "")
    assert two_ranks(tmp_path, "slow") == [0, 0]
    result = json.loads((tmp_path / "result.json").read_text())
    for size, (couplings, loss) in alone["energies"].items():
        assert torch.allclose(torch.tensor(result["energies"][size][0]), torch.tensor(couplings), atol=1e-5)
        assert result["energies"][size][1] == pytest.approx(loss, abs=1e-5)
    assert result["mmd2"] == pytest.approx(alone["mmd2"], abs=1e-10)
    assert result["gathered"] == spins(7).tolist()
    assert torch.tensor(result["sampled"]).shape == (7, 5)
    assert result["noise"][0] == alone["noise"][0] != result["noise"][1]
    assert result["text"] == "rank 0 ü"
    assert result["lattices"] == alone["lattices"]


def test_a_rank_that_dies_ends_the_others(tmp_path):
    assert two_ranks(tmp_path, "die") == [2, 9]
    assert (tmp_path / "error.txt").read_text().startswith("ranks: expected all processes to go on, but one ended")


@pytest.mark.thorough
def test_two_ranks_judge_as_one_even_after_one_died(tmp_path):
    write_graphs(tmp_path / "reference.g6", [nx.cycle_graph(n) for n in range(3, 11)])
    write_graphs(tmp_path / "generated.g6", [nx.gnp_random_graph(8, 0.4, seed=n) for n in range(6)])
    alone = evaluate.run(files_of(tmp_path))["statistics"]
    assert two_ranks(tmp_path, "die", judged) == [2, 9]
    assert (tmp_path / "run" / "progress" / "0" / "test-orbit" / "rank-1").is_dir()
    assert two_ranks(tmp_path, "resume", judged) == [0, 0]
    assert two_ranks(tmp_path, "", judged) == [0, 0]
    result, whole = ((tmp_path / name / "result.json").read_bytes() for name in ("run", "whole"))
    assert result == whole
    for name, scores in json.loads(result)["statistics"].items():
        assert scores.pop("interval") == pytest.approx(alone[name].pop("interval"), abs=1e-10)
        assert scores == pytest.approx(alone[name], abs=1e-10)
    assert not (tmp_path / "run" / "progress").exists()


@pytest.mark.parametrize("name", ["meta", "abacus", "cpu:x", ""])
def test_a_device_that_cannot_be_computed_on_is_refused_in_one_line(name):
    with pytest.raises(InputError) as caught:
        pick_device(name)
    assert re.fullmatch(f"device: expected cpu, or an available device, got {name!r}: .+", str(caught.value))


def test_an_environment_that_is_not_torchruns_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="expected to be started by torchrun"), processes():
        pass
