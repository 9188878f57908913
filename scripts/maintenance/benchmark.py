"""How fast are the samplers? Ratios measured in this run, on one core, against slow paths and against peers.

    python scripts/maintenance/benchmark.py [--rounds 3] [--seconds 1.0] [--only WORD]

Every race lets its contestants run in turn, for some rounds, and keeps the best round of each. Times are processor
times, so a busy machine slows all of them alike and little. Ratios hold on other machines, rates don't. Peers (thrml,
dwave-samplers, ebmkit) run where they are installed; those that are missing are named. A new race is a function that
yields `Race`s, and an entry of `RACES`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import numpy as np
import peers
import torch
from mixing import COUPLING, bonds_of, mixing, random_bits, torus
from peers import Run
from racing import Race, rates, rows_of
from scipy.sparse import coo_array

from discrete_ed import (
    Bernoulli,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Grid,
    Groups,
    IsingEnergy,
    MLPEnergy,
    PottsEnergy,
    RBMEnergy,
    SwendsenWang,
    Taylor,
    energy_discrepancy,
    lattice,
    pseudo_likelihood,
    sample,
)
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.ising import objectives
from discrete_ed.ising.objectives import Objective
from discrete_ed.ising.parameters import Parameters
from discrete_ed.jobs.text import as_text
from discrete_ed.samplers import Kernel, compiled


@contextmanager
def settings(**values: Any) -> Iterator[None]:
    """A block in which the constants of the compiled backend have these values."""
    old = {name: getattr(compiled, name) for name in values}
    try:
        for name, value in values.items():
            setattr(compiled, name, value)
        yield
    finally:
        for name, value in old.items():
            setattr(compiled, name, value)


def checkerboard(side: int) -> GibbsSweep:
    site = np.arange(side * side)
    colour = (site // side + site % side) % 2
    return GibbsSweep(tuple(tuple(np.flatnonzero(colour == c).tolist()) for c in (0, 1)))


def sampling(kernel: Kernel, local: LocalEvaluation, x: torch.Tensor) -> Run:
    """`sample`, called as users call it."""

    def run(repetitions: int) -> None:
        sample(kernel, local, x, repetitions)

    return run


def stepwise(kernel: Kernel, local: LocalEvaluation, x: torch.Tensor) -> Run:
    """A kernel's own steps in torch."""

    def run(repetitions: int) -> None:
        with settings(loops=lambda: None):
            sample(kernel, local, x, repetitions)

    return run


def naive(kernel: Kernel, local: LocalEvaluation, x: torch.Tensor, *, apart: bool) -> Run:
    """The same steps without the cache: both ends of each move are evaluated, energies apart from gradients or not."""

    class Apart:
        energy = local.energy

        def __call__(self, bits: torch.Tensor) -> Evaluation:
            with torch.no_grad():
                energy = self.energy(bits)
            return Evaluation(energy, local(bits).delta)

    seen: Any = Apart() if apart else local

    def run(repetitions: int) -> None:
        bits = x
        for _ in range(repetitions):
            bits = kernel.step(seen, kernel.init(seen, bits)).x

    return run


def sweeps_of_a_lattice() -> Iterator[Race]:
    """Colour-class Gibbs on a torus: spin updates a second."""
    for side in (32, 256):
        for chains in (1, 128):
            runs = {"ours": ours_sweeps(side, chains, {})}
            targets = {"dwave-samplers": 7.0, "thrml": 4.0}
            if chains == 128:
                unpacked = ours_sweeps(side, chains, {"PACKED": 2**62})
                runs = {"ours, 64 chains a word": runs["ours"], "ours, a byte a spin": unpacked}
                targets["thrml"] = 9.0
            if side == 32:
                local, x = Exact(torus(side)), random_bits(chains, side * side)
                runs["torch steps"] = stepwise(checkerboard(side), local, x)
            if peers.has("thrml"):
                runs["thrml"] = peers.thrml_sweeps(
                    side**2, bonds_of(side), checkerboard(side).classes or (), COUPLING, chains
                )
            if peers.has("dwave-samplers"):
                runs["dwave-samplers"] = peers.dwave_sweeps(bonds_of(side), COUPLING, chains)
            yield Race(f"Gibbs sweeps {side}×{side}, {chains} chains", "spins/s", side * side * chains, runs, targets)


def ours_sweeps(side: int, chains: int, constants: dict[str, Any]) -> Run:
    """`sample` where the couplings fit in a dense matrix; beyond, the loop that it would choose."""
    if side <= 64:
        kernel, local, x = checkerboard(side), Exact(torus(side)), random_bits(chains, side * side)

        def run(repetitions: int) -> None:
            with settings(**constants):
                sample(kernel, local, x, repetitions)

        return run

    i, j = bonds_of(side)
    ends = np.concatenate([i, j]), np.concatenate([j, i])
    couplings = coo_array((np.full(len(ends[0]), COUPLING), ends), shape=(side**2, side**2)).tocsr()
    with settings(**constants):
        loop = compiled.loop_for(checkerboard(side), compiled.Interactions(couplings, np.zeros(side**2)), chains)
    bits = random_bits(chains, side**2).numpy().astype(np.uint8)

    def run(repetitions: int) -> None:
        loop(bits, repetitions, np.uint64(0))

    return run


def informed_flips() -> Iterator[Race]:
    """Gibbs-with-gradients, 100 chains: steps of all chains a second."""
    chains, kernel = 100, GibbsWithGradients()
    for side in (10, 25):
        local, x = Exact(torus(side)), random_bits(chains, side * side)
        runs = {
            "ours, compiled": sampling(kernel, local, x),
            "ours, torch": stepwise(kernel, local, x),
        }
        if peers.has("ebmkit"):
            runs["ebmkit"] = peers.ebmkit_flips(peers.ebmkit_lattice(COUPLING), x.view(chains, side, side))
        yield Race(f"Gibbs-with-gradients, Ising {side}×{side}", "steps/s", 1, runs, {"ebmkit": 30})
    energies = {"Ising 25×25": (torus(25), 625), "RBM 784×500": (RBMEnergy(784, 500), 784)}
    energies["MLP 32–256×3"] = MLPEnergy(32), 32
    for name, (energy, bits) in energies.items():
        local, x = Taylor(energy), random_bits(chains, bits)
        runs = {
            "ours, torch": stepwise(kernel, local, x),
            "both ends": naive(kernel, local, x, apart=False),
            "both ends, E and ∂E apart": naive(kernel, local, x, apart=True),  # as the paper's own code does
        }
        if peers.has("ebmkit"):
            runs["ebmkit, our energy"] = peers.ebmkit_flips(energy, x)
        targets = {"both ends, E and ∂E apart": 1.9} | ({} if "Ising" in name else {"ebmkit, our energy": 1.6})
        yield Race(f"Gibbs-with-gradients, {name}", "steps/s", 1, runs, targets)


def informed_changes() -> Iterator[Race]:
    """Categorical Gibbs-with-gradients, 100 chains: steps of all chains a second."""
    chains, kernel, g = 100, GibbsWithGradients(), torch.Generator().manual_seed(0)
    potts = PottsEnergy.from_graph(lattice(8), 3)
    mlp = MLPEnergy(80)
    mlp.groups = Groups.one_hot([5] * 16)
    for name, energy, states in (("Potts 8×8, q = 3", potts, 3), ("MLP 16 × 5 values, 256×3", mlp, 5)):
        assert energy.groups is not None
        x = energy.groups.uniform(chains, torch.zeros(1), generator=g)
        split = x.view(chains, -1, states)
        runs = {"ours": sampling(kernel, Taylor(energy), x)}
        if energy is potts:
            runs["ours, exact differences"] = sampling(kernel, Exact(energy), x)
        if peers.has("ebmkit"):
            theirs = "ebmkit, our energy"
            runs[theirs] = peers.ebmkit_changes(lambda x, energy=energy: energy(x.flatten(1)), split)
            if energy is potts:
                runs["ebmkit, its energy"] = peers.ebmkit_changes(peers.ebmkit_potts(1.0), x.view(chains, 8, 8, states))
        targets = {"ebmkit, our energy": 1.6, "ebmkit, its energy": 1.6}
        yield Race(f"Categorical Gibbs-with-gradients, {name}", "steps/s", 1, runs, targets)


def random_scan() -> Iterator[Race]:
    """Single-flip Gibbs and cluster moves: the compiled loops against the torch steps."""
    for kernel, unit, work in ((Gibbs(), "steps/s", 1.0), (SwendsenWang(), "spins/s", 16 * 1024.0)):
        local, x = Exact(torus(32)), random_bits(16, 1024)
        runs = {
            "ours, compiled": sampling(kernel, local, x),
            "ours, torch": stepwise(kernel, local, x),
        }
        yield Race(f"{kernel}, Ising 32×32, 16 chains", unit, work, runs)


def ising_training_steps() -> Iterator[Race]:
    """One step of learning an Ising model, value and gradient with fresh noise: closed forms against built copies."""
    rng = np.random.default_rng(0)
    spins = np.where(rng.random((256, 100)) < 0.5, 1.0, -1.0)
    couplings = np.triu(0.1 * rng.standard_normal((100, 100)), 1)
    couplings, fields = couplings + couplings.T, np.zeros(100)
    energy = IsingEnergy(torch.from_numpy(couplings).float())
    x = torch.from_numpy((spins + 1) / 2).float()

    def by_autograd(loss: Callable[[], torch.Tensor]) -> Run:
        def run(repetitions: int) -> None:
            for _ in range(repetitions):
                energy.zero_grad()
                loss().backward()

        return run

    def in_closed_form(
        objective: Callable[[], Objective], couplings: np.ndarray = couplings, fields: np.ndarray = fields
    ) -> Run:
        def run(repetitions: int) -> None:
            for _ in range(repetitions):
                objective()(Parameters(couplings, fields))

        return run

    for epsilon, target in ((0.1, 4.0), (0.05, None), (0.01, 12.0)):
        noise = Bernoulli(epsilon=epsilon)
        yield Race(
            f"Ising training, Bernoulli ε = {epsilon:g}, 256 × 100, M = 32",
            "steps/s",
            1,
            {
                "sparse flips, closed form": in_closed_form(
                    lambda epsilon=epsilon: objectives.BernoulliDiscrepancy.sampled(spins, rng, epsilon=epsilon)
                ),
                "autograd over copies": by_autograd(lambda noise=noise: energy_discrepancy(energy, x, noise, m=32)),
            },
            {} if target is None else {"autograd over copies": target},
        )
    single = [values.astype(np.float32) for values in (spins, couplings, fields)]  # as autograd's
    yield Race(
        "Ising training, single sites, 256 × 100",
        "steps/s",
        1,
        {
            "all sites, closed form": in_closed_form(
                lambda: objectives.SiteObjective(single[0], objectives.log_logistic), *single[1:]
            ),
            "autograd over 32 copies": by_autograd(lambda: energy_discrepancy(energy, x, Grid(), m=32)),
            "autograd over all sites": by_autograd(lambda: pseudo_likelihood(energy, x)),
        },
        {"autograd over 32 copies": 30.0},
    )


RACES: list[Callable[[], Iterator[Race]]] = [
    sweeps_of_a_lattice,
    informed_flips,
    informed_changes,
    random_scan,
    ising_training_steps,
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each race; the best one counts")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds that each contestant runs in a round")
    parser.add_argument("--only", default="", help="run only races whose name contains this word")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    missing = [name for name in peers.MODULES if not peers.has(name)]
    start = time.perf_counter()
    sample(GibbsWithGradients(), Exact(torus(4)), random_bits(2, 16), 1)
    print(f"one core, one thread; first compiled step after {time.perf_counter() - start:.1f} s (later runs: cached)")
    print(f"peers not installed: {', '.join(missing) or 'none'}\n")
    rows = [["race", "contestant", "rate", "unit", "ours is", "target"]]
    for build in RACES:
        for race in build():
            if arguments.only.lower() in race.name.lower():
                print(f"  {race.name} …", flush=True)
                rows += rows_of(race, rates(race, arguments.rounds, arguments.seconds))
    print("\n" + as_text(rows))
    if arguments.only.lower() in "mixing":
        print("\n" + as_text(mixing(arguments.seconds)))


if __name__ == "__main__":
    main()
