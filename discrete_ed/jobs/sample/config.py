"""The options of the sampling job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from discrete_ed.errors import check_seed
from discrete_ed.jobs.options import ResumableConfig, expect
from discrete_ed.names import KernelName


@dataclass(frozen=True)
class SampleConfig(ResumableConfig):
    """Sample from a saved energy, and say whether the chains have mixed.

    Runs Markov chains from random bits and prints R̂, effective sample sizes, acceptance, and the number of bits that
    change. The states, their energies, the table and a figure are kept in a run folder.

    Examples:
      discrete-ed sample RUN/checkpoint
      discrete-ed sample RUN/checkpoint --kernel gibbs-with-gradients --chains 64 --steps 2000 --thin 10
    """

    energy: Positional[Path | None] = None
    """folder of a saved energy, such as the checkpoint of a run of another job"""
    kernel: KernelName = "auto"
    """how chains move; auto: the kernel that suits the energy, which is block-gibbs for an RBM, gibbs-sweep for an
    Ising model, and gibbs-with-gradients for others"""
    chains: int = 16
    """number of chains, each started at its own random bits"""
    steps: int = 1000
    """states kept of each chain"""
    warmup: int = 500
    """states of each chain that are dropped first"""
    thin: int = 1
    """steps of the kernel from one state to the next"""
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
