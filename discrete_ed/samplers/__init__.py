"""Samplers: Markov kernels, and how to run them.

To add a sampler, touch five places: its module with a subclass of `Kernel`, the list below, its name in
`registry.KERNELS` and in `names.KernelName`, which the command line offers, and the contract tests in
`tests/samplers/test_kernels.py`. In your own program the class is enough, with an entry in `KERNELS` if the job
`sample` should offer it.
"""

from discrete_ed.samplers.block import BlockGibbs
from discrete_ed.samplers.chain import chain, sample
from discrete_ed.samplers.cluster import SwendsenWang
from discrete_ed.samplers.gibbs import Gibbs, GibbsSweep, colour_classes
from discrete_ed.samplers.gradients import GibbsWithGradients, PathAuxiliary
from discrete_ed.samplers.kernels import Kernel, State
from discrete_ed.samplers.langevin import DMALA, DULA, adapt_step_size
from discrete_ed.samplers.perfect import perfect_sample
from discrete_ed.samplers.registry import KERNELS, kernel_by_name, local_for, suitable_kernel
from discrete_ed.samplers.tempering import ParallelTempering, anneal

__all__ = [
    "DMALA",
    "DULA",
    "KERNELS",
    "BlockGibbs",
    "Gibbs",
    "GibbsSweep",
    "GibbsWithGradients",
    "Kernel",
    "ParallelTempering",
    "PathAuxiliary",
    "State",
    "SwendsenWang",
    "adapt_step_size",
    "anneal",
    "chain",
    "colour_classes",
    "kernel_by_name",
    "local_for",
    "perfect_sample",
    "sample",
    "suitable_kernel",
]
