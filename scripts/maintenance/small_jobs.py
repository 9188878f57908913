"""Jobs that are small enough to be killed often: start them, wait for them, compare their files."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from attempts import ROOT


class Job(NamedTuple):
    """A job, and the files by which two runs are compared."""

    script: str
    arguments: list[str]
    compared: list[str]
    steps: int = 0
    """number of training steps that are logged; 0 for a job without a log, which is killed after random times"""

    @property
    def often(self) -> list[str]:
        """The arguments with which it saves after every step, if it has steps."""
        return [*self.arguments, *(["--checkpoint-seconds", "0"] if self.steps else [])]


SMALL = ["--width", "8", "--layers", "1", "--batch", "16"]
JOBS = {
    "graphs": Job(
        "generate_ego_graphs.py",
        [*SMALL, "--steps", "300", "--negatives", "2", "--samples", "60", "--level-steps", "4", "--chains", "40"],
        ["checkpoint/weights.safetensors", "metrics.jsonl", "samples.g6"],
        300,
    ),
    "densities": Job(
        "estimate_density.py",
        [*SMALL, "--data", "moons", "--loss", "pcd", "--steps", "300", "--samples", "50", "--sampler-steps", "20"],
        ["checkpoint/weights.safetensors", "metrics.jsonl", "samples.npy"],
        300,
    ),
    "couplings": Job(
        "train_ising.py",
        ["--side", "6", "--samples", "500", "--estimator", "block", "--penalty", "auto"],
        ["model/weights.safetensors", "couplings.npz"],
    ),
    "scores": Job(
        "evaluate_graphs.py",
        ["--reference", "test.g6", "--generated", "generated.g6", "--train", "train.g6"],
        ["result.json", "report.html"],
    ),
}


def command(job: Job, *more: object, ranks: int = 1) -> list[str]:
    """The command line of a job, under torchrun where it has several ranks."""
    start = [sys.executable] if ranks == 1 else [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    start += [] if ranks == 1 else ["--nproc-per-node", str(ranks)]
    return [*start, str(ROOT / "scripts" / job.script), *map(str, more)]


def finish(job: Job, *more: object, ranks: int = 1, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a job to its end."""
    return subprocess.run(command(job, *more, ranks=ranks), capture_output=True, text=True, check=False, **options)


def begin(job: Job, *more: object, ranks: int = 1) -> subprocess.Popen[bytes]:
    """Start a job without showing its output."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(job, *more, ranks=ranks), **quiet)  # type: ignore[call-overload]


def steps_logged(folder: Path) -> int:
    """The last step that a run has logged."""
    try:
        lines = (folder / "metrics.jsonl").read_bytes().split(b"\n")
    except OSError:
        return 0
    return max((int(found[1]) for line in lines[-3:] if (found := re.search(rb'"step": (\d+)', line))), default=0)


def wait_for_step(process: subprocess.Popen[bytes], folder: Path, step: int) -> bool:
    """Whether the process is still there when it has logged the step."""
    while process.poll() is None and (steps_logged(folder) < step or not (folder / "config.json").exists()):
        time.sleep(0.002)
    return process.poll() is None


def differing(job: Job, folder: Path, other: Path) -> list[str]:
    """The files in which two runs differ."""
    return [name for name in job.compared if not _same(folder / name, other / name)]


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def write_graph_files() -> None:
    """The files that the job `scores` reads."""
    from discrete_ed.graphs import load_graph_data, write_graphs

    data = load_graph_data("citation-egos")
    for name, graphs in {"test": data.test, "generated": data.train[:300], "train": data.train}.items():
        write_graphs(f"{name}.g6", graphs)
