"""Samplers: Markov kernels, and how to run them.

In your own program a subclass of `Kernel` is enough, with an entry in `KERNELS` if the job `sample` should offer it. To
add one to the package, touch five places: its module with the class, the lists and `KERNELS` below, its name in
`discrete_ed/names.py`, which the help texts show, `discrete_ed/__init__.pyi`, and an entry in the contract tests of
`tests/samplers/test_kernels.py`.
"""

from discrete_ed.energies import Energy, IsingEnergy, PottsEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.samplers.block import BlockGibbs
from discrete_ed.samplers.chain import chain, sample
from discrete_ed.samplers.cluster import SwendsenWang, Wolff
from discrete_ed.samplers.gibbs import Gibbs, GibbsSweep, colour_classes
from discrete_ed.samplers.gradients import GibbsWithGradients, PathAuxiliary
from discrete_ed.samplers.kernels import Kernel, State, accept, check_exact, evaluate, uniforms
from discrete_ed.samplers.langevin import DMALA, DULA, adapt_step_size
from discrete_ed.samplers.levels import LevelState, ProductProposals, sample_levels
from discrete_ed.samplers.metropolis import Kawasaki, Metropolis
from discrete_ed.samplers.perfect import perfect_sample
from discrete_ed.samplers.registry import KERNELS, kernel_by_name, local_for, suitable_kernel
from discrete_ed.samplers.replica_clusters import Houdayer
from discrete_ed.samplers.tempering import ParallelTempering, anneal

__all__ = [
    "DMALA",
    "DULA",
    "KERNELS",
    "BlockGibbs",
    "Gibbs",
    "GibbsSweep",
    "GibbsWithGradients",
    "Houdayer",
    "Kawasaki",
    "Kernel",
    "LevelState",
    "Metropolis",
    "ParallelTempering",
    "PathAuxiliary",
    "ProductProposals",
    "State",
    "SwendsenWang",
    "Wolff",
    "accept",
    "adapt_step_size",
    "anneal",
    "chain",
    "check_exact",
    "colour_classes",
    "evaluate",
    "kernel_by_name",
    "local_for",
    "perfect_sample",
    "sample",
    "sample_levels",
    "suitable_kernel",
    "uniforms",
]


def _sweep(energy: Energy) -> GibbsSweep:
    known = of_kind(energy, IsingEnergy) or of_kind(energy, PottsEnergy)
    return GibbsSweep(None if known is None else colour_classes(energy))


KERNELS |= {
    "gibbs": lambda _: Gibbs(),
    "gibbs-sweep": _sweep,
    "gibbs-with-gradients": lambda _: GibbsWithGradients(),
    "path-auxiliary": lambda _: PathAuxiliary(),
    "dmala": lambda _: DMALA(),
    "block-gibbs": lambda _: BlockGibbs(),
    "swendsen-wang": lambda _: SwendsenWang(),
    "wolff": lambda _: Wolff(),
    "metropolis": lambda _: Metropolis(),
    "kawasaki": lambda _: Kawasaki(),
}
