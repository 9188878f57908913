"""Every job, interrupted: it tells how to go on, and goes on only with the files that it began with."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import forked
import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, save_energy, write_graphs
from discrete_ed.jobs.cli import run_job


def table(path: str, version: int, rows: int = 60) -> None:
    bits = np.random.default_rng([version, rows]).integers(0, 2, (rows, 3))
    np.savetxt(path, bits, fmt="%d", delimiter=",")


def graphs(path: str, version: int) -> None:
    write_graphs(path, [nx.gnp_random_graph(8, 0.5, seed=10 * version + k) for k in range(6)])


def graphml(path: str, version: int) -> None:
    graph = nx.cycle_graph(4)
    nx.set_edge_attributes(graph, 0.5 + version, "coupling")
    nx.write_graphml(graph, path)


def citeseer(path: str, version: int) -> None:
    graph = nx.gnp_random_graph(400, 0.02, seed=version)
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(pickle.dumps({node: list(graph[node]) for node in graph}))


def triple(version: int) -> None:
    Path("root").mkdir(exist_ok=True)
    for k, split in enumerate(("train", "valid", "test")):
        table(f"root/mine.{split}.data", version, 60 + k)


def many_graphs(version: int) -> None:
    Path("many").mkdir(exist_ok=True)
    for k in range(2):
        graphs(f"many/{k}.g6", 2 * version + k)


def tables(version: int) -> None:
    for k, name in enumerate(("x.csv", "v.csv", "t.csv")):
        table(name, version, 60 + k)


def judged(version: int) -> None:
    for k, name in enumerate(("reference.g6", "mine.g6", "train.g6")):
        graphs(name, 3 * version + k)


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def energy(version: int) -> None:
    save_energy("energy", IsingEnergy(torch.zeros(3, 3), torch.full((3,), float(version))))


def images(version: int) -> None:
    np.save("images.npy", np.random.default_rng(version).random((60, 4, 4)))


@dataclass(frozen=True)
class Case:
    """A job, the phase in which it is interrupted, its input files, and what writes them."""

    arguments: str
    phase: str
    files: tuple[str, ...] = ()
    write: Callable[[int], None] = lambda _: None


CASES = {
    "couplings of a table": Case(
        "recover --data x.csv --penalty refit", "recover.run.report_table", ("x.csv",), lambda k: table("x.csv", k)
    ),
    "couplings of a known model": Case(
        "recover --side 3 --samples 50 --penalty zero", "recover.run.report_known_model"
    ),
    "couplings on a graph": Case(
        "recover --graph g.graphml --samples 50 --penalty zero",
        "recover.run.report_known_model",
        ("g.graphml",),
        lambda k: graphml("g.graphml", k),
    ),
    "table of estimators": Case("ising-tables --samples 50 --seeds 1", "ising_tables.run.recover_couplings"),
    "density": Case(
        "estimate --data x.csv --valid v.csv --test t.csv",
        "estimate.training.fit_member",
        ("x.csv", "v.csv", "t.csv"),
        tables,
    ),
    "density of a named table": Case(
        "estimate --data mine --root root --steps 1 --width 4 --layers 1",
        "estimate.run.sample_density",
        ("root/mine.train.data", "root/mine.valid.data", "root/mine.test.data"),
        triple,
    ),
    "graphs of a folder": Case(
        "generate --data many --width 4", "generate.run.train", ("many/0.g6", "many/1.g6"), many_graphs
    ),
    "graphs of Citeseer": Case(
        "generate --data ego-small --root root --width 4",
        "generate.run.train",
        ("root/ind.citeseer.graph",),
        lambda k: citeseer("root/ind.citeseer.graph", k),
    ),
    "chains": Case(
        "sample energy", "sample.run.sample_in_pieces", ("energy/manifest.json", "energy/weights.safetensors"), energy
    ),
    "images": Case("continuous --part latent --images images.npy", "continuous.run.latent", ("images.npy",), images),
    "perturbations": Case(
        "compare-perturbations --side 3 --samples 200 --probe 200", "compare_perturbations.run.compare_loss"
    ),
    "evaluation": Case(
        "evaluate reference.g6 mine.g6 --train train.g6",
        "evaluate.run.evaluate_graphs",
        ("reference.g6", "mine.g6", "train.g6"),
        judged,
    ),
}


@pytest.fixture
def told(capsys) -> Callable[..., tuple[object, str]]:
    """The exit code of a job and what it says on stderr, without bars."""

    def run(job: str, *arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as stopped:
            run_job(job, arguments)
        return stopped.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("name", CASES)
def test_an_interrupted_job_tells_how_to_go_on_and_does_so_with_the_same_files_only(name, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr("discrete_ed.jobs.recover.run.states_for_bound", lambda _: 1000)
    monkeypatch.setattr("discrete_ed.jobs.ising_tables.run.COLUMNS", ((3, 0.2),))
    monkeypatch.setattr("discrete_ed.graphs.citations._download_citeseer", lambda folder: folder / "ind.citeseer.graph")
    case = CASES[name]
    versions = []
    for version in (1, 0):
        case.write(version)
        versions.append({file: Path(file).read_bytes() for file in case.files})
    changed, begun = versions
    monkeypatch.setattr(f"discrete_ed.jobs.{case.phase}", interrupted)
    job, *arguments = case.arguments.split()
    code, error = told(job, *arguments, "--out", "RUN")
    assert code == 130
    assert error.endswith("\nto go on: --resume RUN\n\ninterrupted\n")
    assert error.count("to go on") == 1
    assert Path("RUN/inputs.json").exists() == bool(case.files)
    for file in case.files:
        for content in (changed[file], None):
            Path(file).unlink() if content is None else Path(file).write_bytes(content)
            code, error = told(job, "--resume", "RUN")
            assert code == 2
            (line,) = error.strip().splitlines()
            if name == "chains":  # one file of a saved energy tells of the other
                assert "energy/" in line
            elif content is None:
                assert Path(file).name in line
            else:
                assert line == (f"error: resume: expected unchanged inputs, but {file} was changed since the run began")
        Path(file).write_bytes(begun[file])
    code, error = told(job, "--resume", "RUN")
    assert (code, error.count("to go on: --resume RUN")) == (130, 1)


def test_another_energy_in_the_same_folder_is_refused(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    energy(0)
    monkeypatch.setattr("discrete_ed.jobs.sample.run.sample_in_pieces", interrupted)
    told("sample", "energy", "--out", "RUN")
    energy(1)
    code, error = told("sample", "--resume", "RUN")
    assert code == 2
    assert error.endswith("energy/manifest.json was changed since the run began\n")


@pytest.mark.parametrize("content", ["[", "[" * 9999, "[]", "7"])
def test_hashes_that_cannot_be_read_are_one_line(content, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("discrete_ed.jobs.recover.run.report_table", interrupted)
    table("x.csv", 0)
    told("recover", "--data", "x.csv", "--penalty", "zero", "--out", "RUN")
    Path("RUN/inputs.json").write_text(content)
    assert told("recover", "--resume", "RUN") == (
        2,
        "error: resume: expected the SHA-256 of every input in RUN/inputs.json, got something else\n",
    )


@pytest.mark.thorough
@pytest.mark.parametrize(("unread", "fresh"), [("stdout", True), ("stdout", False), ("stderr", False)])
def test_a_closed_pipe_stops_no_job(tmp_path, monkeypatch, unread, fresh):
    """A fresh program, which takes seconds, differs from a copy of this one as it ends: it flushes stdout once more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)  # bars go to stderr
    judged(0)
    arguments = ["evaluate", "reference.g6", "mine.g6", "--out", "run"]
    read, write = os.pipe()
    os.close(read)
    with Path("rest").open("wb") as rest:
        streams = {"stdout": rest.fileno(), "stderr": rest.fileno(), unread: write}
        if fresh:
            code = subprocess.run([sys.executable, "-m", "discrete_ed", *arguments], **streams, check=False).returncode
        else:
            code = forked.wait(forked.start(lambda: run_job(arguments[0], arguments[1:]), **streams))
    os.close(write)
    assert code == 128 + signal.SIGPIPE
    assert {"result.json", "report.html"} <= {path.name for path in Path("run").iterdir()}
    assert "None" not in Path("run/report.html").read_text()
    assert "BrokenPipe" not in Path("rest").read_text()
    assert unread == "stdout" or "p-value" in Path("rest").read_text()
