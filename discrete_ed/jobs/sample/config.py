"""What the sampling job can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from discrete_ed.errors import check_seed
from discrete_ed.jobs.options import ResumableConfig, expect
from discrete_ed.names import KernelName


@dataclass(frozen=True)
class SampleConfig(ResumableConfig):
    """Draw from a saved energy, and say whether the chains have mixed.

    Runs Markov chains from random bits, keeps draws and energies, and prints R̂, effective sample sizes, acceptance and
    jumps. A run folder keeps all of it, with a figure.

    Examples:
      discrete-ed sample RUN/checkpoint
      discrete-ed sample RUN/checkpoint --kernel gibbs-with-gradients --chains 64 --steps 2000 --thin 10
    """

    energy: Positional[Path | None] = None
    """folder of a saved energy, such as the checkpoint of a run of another job"""
    kernel: KernelName = "auto"
    """how chains move; auto: block-gibbs for an RBM, gibbs-sweep for an Ising model, else gibbs-with-gradients"""
    chains: int = 16
    """chains, each from its own random bits"""
    steps: int = 1000
    """draws kept of each chain"""
    warmup: int = 500
    """draws of each chain that are dropped first"""
    thin: int = 1
    """steps of the kernel from one draw to the next"""
    nodes: int | None = None
    """nodes of the random graphs that chains start from, for a GraphEnergy; without it: as many as it allows"""
    seed: int = 0
    """seed of the random bits and of the chains"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1; on the cpu chains of Ising models run in compiled loops"""
    out: Path | None = None
    """run folder, which must be new or empty; without it: runs/sample/ENERGY-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "chains", "thin", low=1)
        expect(self, "at least 4, which the diagnostics need", "steps", low=4)
        expect(self, "at least 0", "warmup", low=0)
        check_seed(self.seed)
        if self.nodes is not None:
            expect(self, "at least 1", "nodes", low=1)
