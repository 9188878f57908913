"""Binary paths of this version against an older one, in one process: ratios of many short calls in turn.

    git worktree add --detach /tmp/before 8c97017
    python scripts/maintenance/binary_paths.py /tmp/before

8c97017 is the last commit without groups. Both versions are imported into one process, under the same name one after
the other, with weights and states in the same memory, and every workload is called by both in random order, again and
again, in processor time. Printed are the median of the ratios of such pairs, now over before, with its standard error
by resampling. With `--control` the older version is raced against itself, which shows what is left of other influences.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, stdev
from types import ModuleType
from typing import Any

import torch

NAME = "discrete_ed"
HERE = Path(__file__).parents[2]
RESAMPLED = 300


class Version:
    """One version of the package, whose modules are those of their name while it is in use."""

    def __init__(self, folder: Path, weights: list[torch.Tensor]) -> None:
        self.folder, self.modules = folder, {}
        with self:
            package = importlib.import_module(NAME)
            assert Path(str(package.__file__)).is_relative_to(folder), f"{package.__file__} is not in {folder}"
            self.work = workloads(package, weights)
            for work in self.work.values():
                for _ in range(3):
                    work()

    def __enter__(self) -> Version:
        self.modules_of_others = taken()
        sys.modules.update(self.modules)
        sys.path.insert(0, str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        self.modules = taken()
        sys.path.remove(str(self.folder))
        sys.modules.update(self.modules_of_others)

    def seconds(self, name: str) -> float:
        """Processor time of one call of a workload."""
        with self:
            start = time.process_time()
            self.work[name]()
            return time.process_time() - start


def taken() -> dict[str, ModuleType]:
    """The modules of the package, taken from the list of imported ones."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == NAME}


SHAPES = ((100, 32), (100, 64), (128, 32))
STATES = [(torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < 0.5).float() for shape in SHAPES]


def workloads(package: Any, weights: list[torch.Tensor]) -> dict[str, Callable[[], Any]]:
    """Chains of few steps, and one step of training with each loss.

    Args:
        package: a version of the package.
        weights: those of the energies, which the first version adds and the others take.
    """
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    x, wide, data = STATES
    mlp, rbm, ising = package.MLPEnergy(32), package.RBMEnergy(64, 32), package.IsingEnergy(32)
    parameters = [parameter for energy in (mlp, rbm, ising) for parameter in energy.parameters()]
    weights += [parameter.data for parameter in parameters[len(weights) :]]
    for parameter, weight in zip(parameters, weights, strict=True):
        parameter.data = weight
    exact, taylor, machine = package.Exact(mlp), package.Taylor(mlp), package.Exact(rbm)

    def chain(kernel: Any, local: Any, start: torch.Tensor, steps: int) -> Callable[[], Any]:
        return lambda: package.sample(kernel, local, start, steps, generator=g)

    def trained(loss: Callable[[], torch.Tensor]) -> Callable[[], Any]:
        def step() -> None:
            mlp.zero_grad()
            loss().backward()

        return step

    def discrepancy(perturbation: Any) -> Callable[[], Any]:
        return trained(lambda: package.energy_discrepancy(mlp, data, perturbation, m=16, generator=g))

    noise = package.Bernoulli(epsilon=0.1)
    return {
        "Gibbs, 20 steps": chain(package.Gibbs(), exact, x[:10], 20),
        "Metropolis, 20 steps": chain(package.Metropolis(), exact, x[:10], 20),
        "Gibbs-with-gradients, 20 steps": chain(package.GibbsWithGradients(), taylor, x, 20),
        "path-auxiliary, 20 steps": chain(package.PathAuxiliary(), taylor, x, 20),
        "path-auxiliary, Ising, 20 steps": chain(package.PathAuxiliary(), package.Exact(ising), x, 20),
        "DMALA, Ising, 20 steps": chain(package.DMALA(0.2), package.Exact(ising), x, 20),
        "DMALA, 20 steps": chain(package.DMALA(0.2), taylor, x, 20),
        "block Gibbs, 20 steps": chain(package.BlockGibbs(), machine, wide, 20),
        "sweep, 2 steps": chain(package.GibbsSweep(), machine, wide[:20], 2),
        "Bernoulli noise": discrepancy(noise),
        "informed noise": discrepancy(package.Informed(noise)),
        "grid": discrepancy(package.Grid()),
        "block": discrepancy(package.Block()),
        "pseudo-likelihood": trained(lambda: package.pseudo_likelihood(mlp, data[:32])),
        "ratio matching": trained(lambda: package.ratio_matching(mlp, data[:32])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a checkout of the older version")
    parser.add_argument("--pairs", type=int, default=300, help="number of calls of each version")
    parser.add_argument("--control", action="store_true", help="race the older version against itself")
    parser.add_argument("--only", default="", help="part of the names of workloads")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    older, weights = arguments.before.resolve(), []
    now, before = (Version(folder, weights) for folder in (older if arguments.control else HERE, older))
    gc.disable()
    rng = random.Random(0)
    for name in [name for name in now.work if arguments.only in name]:
        ratios, took = [], []
        for _ in range(arguments.pairs):
            seconds = {version: version.seconds(name) for version in rng.sample([now, before], 2)}
            ratios.append(seconds[now] / seconds[before])
            took.append(seconds[now])
        error = stdev(median(rng.choices(ratios, k=len(ratios))) for _ in range(RESAMPLED))
        print(f"{name:32} {median(ratios):.3f} ± {error:.3f} | {1000 * median(took):.1f} ms", flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
