"""The options of the sampling job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from discrete_ed.errors import check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect
from discrete_ed.names import KernelName

KERNEL_HELP = (
    f"the transition kernel of the chains: {', '.join(get_args(KernelName))}, or a name that your program added to "
    "discrete_ed.KERNELS. auto: block-gibbs for an RBM, gibbs-sweep for an Ising model, and gibbs-with-gradients for "
    "other energies"
)


@dataclass(frozen=True)
class SampleConfig(ResumableConfig):
    """Sample from a saved energy, and report whether the chains have mixed.

    Runs Markov chains from random bits and prints R̂, effective sample sizes, acceptance rates, and the number of bits
    that change from one sample to the next. The samples (samples.npz), their energies, the table and a figure of the
    chains go into a run folder.

    Examples:
      discrete-ed sample RUN/checkpoint
      discrete-ed sample RUN/checkpoint --kernel gibbs-with-gradients --chains 64 --steps 2000 --thin 10
      python scripts/sample.py RUN/checkpoint
    """

    energy: Positional[Path | None] = None
    """folder of a saved energy, such as the checkpoint of a run of another job"""
    kernel: Annotated[str, arg(help=KERNEL_HELP, metavar="NAME")] = "auto"
    chains: int = 16
    """number of chains, each started at different random bits"""
    steps: int = 1000
    """number of samples kept from each chain"""
    warmup: int = 500
    """number of samples at the start of each chain that are dropped"""
    thin: int = 1
    """number of kernel steps from one sample to the next"""
    nodes: Annotated[int | None, When("for an energy of graphs", graph_energy=True)] = None
    """number of nodes of the random graphs that chains start from, for a GraphEnergy; by default its maximum"""
    seed: int = 0
    """seed of the random bits and of the chains"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1; chains of Ising models run fastest on the cpu, in compiled loops"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/sample/ENERGY-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "chains", "thin", low=1)
        expect(self, "at least 4, which the diagnostics need", "steps", low=4)
        expect(self, "at least 0", "warmup", low=0)
        check_seed(self.seed)
        if self.nodes is not None:
            expect(self, "at least 1", "nodes", low=1)
