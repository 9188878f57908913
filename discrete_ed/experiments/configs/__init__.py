"""What the jobs can be told. Imports nothing heavy, so that the command line answers at once."""

from discrete_ed.experiments.configs.common import Checkpointed, Resumable
from discrete_ed.experiments.configs.comparisons import ComparePerturbations, Continuous
from discrete_ed.experiments.configs.density import EstimateDensity
from discrete_ed.experiments.configs.graphs import Evaluate, EvaluateGraphs, GenerateEgoGraphs
from discrete_ed.experiments.configs.ising import TrainIsing
from discrete_ed.experiments.configs.sampling import KernelName, Sample

__all__ = [
    "Checkpointed",
    "ComparePerturbations",
    "Continuous",
    "EstimateDensity",
    "Evaluate",
    "EvaluateGraphs",
    "GenerateEgoGraphs",
    "KernelName",
    "Resumable",
    "Sample",
    "TrainIsing",
]
