"""The options of the sampling job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect
from discrete_ed.names import KernelName

OF_ENERGY = When("with a saved energy instead of a run of generate", run=False)
OF_RUN = When("with a run of generate, or of estimate on a table", run=True)
KERNEL_HELP = (
    f"the transition kernel of the chains: {', '.join(get_args(KernelName))}, or a name that your program added to "
    "discrete_ed.KERNELS. auto: block-gibbs for an RBM, gibbs-sweep for an Ising model, and gibbs-with-gradients for "
    "other energies"
)


@dataclass(frozen=True)
class SampleConfig(ResumableConfig):
    """Sample from a saved energy, and report whether the chains have mixed; or more graphs from a run of generate.

    Runs Markov chains from random bits and prints R̂, effective sample sizes, acceptance rates, and the number of bits
    that change from one sample to the next. The samples (samples.npz), their energies, the table and a figure of the
    chains go into a run folder.

    Of a run of generate, it samples more graphs without training again: the same chains with the settings of the run,
    from random graphs with the node counts of its training graphs. They go into the graph file or run folder --out. Of
    a run of estimate on a table with other than binary columns, it samples more rows, into the CSV file --out.

    Examples:
      discrete-ed sample RUN/checkpoint
      discrete-ed sample RUN/checkpoint --kernel gibbs-with-gradients --chains 64 --steps 2000 --thin 10
      discrete-ed sample RUN --samples 1000 --out more.g6
      discrete-ed sample RUN --samples 5000 --out rows.csv
      discrete-ed sample RUN --nodes 12 14 16 --seed 1 --out larger.g6
      python scripts/sample.py RUN/checkpoint
    """

    energy: Annotated[Positional[Path | None], arg(metavar="FOLDER", help_behavior_hint="")] = None
    """folder of a saved energy, such as the checkpoint of a run of another job, or the folder of a run of generate,
    or of estimate on a table with other than binary columns"""
    samples: Annotated[int | None, OF_RUN] = None
    """number of graphs, for a run of generate, by default as many as it generated; or of rows, for a run of estimate on
    a table, by default as many as it learned from"""
    kernel: Annotated[str, OF_ENERGY, arg(help=KERNEL_HELP, metavar="NAME")] = "auto"
    chains: Annotated[int, OF_ENERGY] = 16
    """number of chains, each started at different random bits"""
    steps: Annotated[int, OF_ENERGY] = 1000
    """number of samples kept from each chain"""
    warmup: Annotated[int, OF_ENERGY] = 500
    """number of samples at the start of each chain that are dropped"""
    thin: Annotated[int, OF_ENERGY] = 1
    """number of kernel steps from one sample to the next"""
    nodes: Annotated[tuple[int, ...], When("for an energy of graphs", graph_energy=True)] = ()
    """numbers of nodes of the random graphs that chains start from, each for equally many chains, for a GraphEnergy or
    a run of generate; by default the energy's maximum, or the numbers of nodes of the training graphs"""
    seed: int = 0
    """seed of the random bits and of the chains"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1; chains of Ising models run fastest on the cpu, in compiled loops"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/sample/ENERGY-TIME. For a run of generate it may also be
    a new graph file (.g6, .s6, .jsonl), and for one of estimate it must be a new CSV file; that then is all that is
    written"""

    def __post_init__(self) -> None:
        expect(self, "at least 1", "chains", "thin", low=1)
        expect(self, "at least 4, which the diagnostics need", "steps", low=4)
        expect(self, "at least 0", "warmup", low=0)
        check_seed(self.seed)
        if self.samples is not None:
            expect(self, "at least 1", "samples", low=1)
        if self.nodes and min(self.nodes) < 1:
            raise InputError(f"nodes: expected at least 1, got {min(self.nodes)}")
