"""How fast are the samplers? Ratios measured in this run, on one core, against slow paths and against peers.

    python scripts/benchmark.py [--rounds 3] [--seconds 1.0] [--only WORD]

Every race lets its contestants run in turn, for some rounds, and keeps the best round of each. Times are processor
times, so a busy machine slows all of them alike and little. Ratios hold on other machines, rates don't. Peers (thrml,
dwave-samplers, ebmkit) run where they are installed; those that are missing are named. A new race is a function that
yields `Race`s, and an entry of `RACES`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import numpy as np
import peers
import torch
from peers import Run
from scipy.sparse import coo_array

from discrete_ed import (
    DMALA,
    Bernoulli,
    BlockGibbs,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Grid,
    IsingEnergy,
    MLPEnergy,
    PathAuxiliary,
    RBMEnergy,
    SwendsenWang,
    Taylor,
    chain,
    colour_classes,
    energy_discrepancy,
    ess_bulk,
    pseudo_likelihood,
    sample,
)
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.ising import objectives
from discrete_ed.ising.objectives import Objective
from discrete_ed.ising.parameters import Parameters
from discrete_ed.jobs.text import as_text
from discrete_ed.samplers import Kernel, compiled

COUPLING = 0.44  # about critical


@dataclass
class Race:
    """Some ways to do the same work; the first one is ours."""

    name: str
    unit: str
    """What is counted, such as "steps/s"."""
    work: float
    """How many of them one repetition is."""
    runs: Mapping[str, Run]
    targets: Mapping[str, float] = field(default_factory=dict)
    """The ratio to be reached against some of the others."""


def rate_of(race: Race, name: str, repetitions: int) -> tuple[float, float]:
    """What a contestant does in a second of processor time, and the seconds that it took."""
    start = time.process_time()
    done = race.runs[name](repetitions) or repetitions
    took = time.process_time() - start
    return race.work * done / took, took


def rates(race: Race, rounds: int, seconds: float) -> dict[str, float]:
    """The best rate of each contestant; each repeats as often as fills its share of the time."""
    repetitions = {}
    for name in race.runs:
        rate_of(race, name, 1)  # compiles, where something is compiled
        repetitions[name], (_, took) = 1, rate_of(race, name, 1)
        enough = max(seconds / 2, min(10 * took, 5 * seconds))  # what a call costs before its first step hardly counts
        while took < enough:
            repetitions[name] *= 2 if took > enough / 8 else 8
            _, took = rate_of(race, name, repetitions[name])
    best = dict.fromkeys(race.runs, 0.0)
    for _ in range(rounds):
        for name in race.runs:
            best[name] = max(best[name], rate_of(race, name, repetitions[name])[0])
    return best


def rows_of(race: Race, best: Mapping[str, float]) -> list[list[str]]:
    ours = next(iter(best))
    return [
        [
            race.name if name == ours else "",
            name,
            f"{rate:,.0f}" if rate < 1e7 else f"{rate / 1e6:,.0f} M",
            race.unit,
            "" if name == ours else f"{best[ours] / rate:.1f} ×",
            f"≥ {race.targets[name]:g} ×" if name in race.targets else "",
        ]
        for name, rate in best.items()
    ]


@contextmanager
def settings(**values: Any) -> Iterator[None]:
    """Other constants for the compiled backend, for a while."""
    old = {name: getattr(compiled, name) for name in values}
    try:
        for name, value in values.items():
            setattr(compiled, name, value)
        yield
    finally:
        for name, value in old.items():
            setattr(compiled, name, value)


def random_bits(chains: int, bits: int) -> torch.Tensor:
    return torch.rand(chains, bits).round()


def bonds_of(side: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of neighbours on a torus, `2 L²` of them."""
    site = np.arange(side * side).reshape(side, side)
    right, down = (np.roll(site, -1, axis).ravel() for axis in (1, 0))
    return np.concatenate([site.ravel(), site.ravel()]), np.concatenate([right, down])


def torus(side: int) -> IsingEnergy:
    i, j = bonds_of(side)
    couplings = torch.zeros(side * side, side * side)
    couplings[i, j] = couplings[j, i] = COUPLING
    return IsingEnergy(couplings)


def checkerboard(side: int) -> GibbsSweep:
    site = np.arange(side * side)
    colour = (site // side + site % side) % 2
    return GibbsSweep(tuple(tuple(np.flatnonzero(colour == c).tolist()) for c in (0, 1)))


def sampling(kernel: Kernel, local: LocalEvaluation, x: torch.Tensor) -> Run:
    """`sample`, as a user calls it."""

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


RACES: list[Callable[[], Iterator[Race]]] = [sweeps_of_a_lattice, informed_flips, random_scan, ising_training_steps]


def mixing(seconds: float) -> list[list[str]]:
    """Steps and effective draws of the energy a second, of every kernel on every model; 8 chains from random bits.

    A dash stands where the time allowed fewer than a hundred draws of each chain.
    """
    rows = [["model, 8 chains", "kernel", "steps/s", "ESS/s of the energy", "ESS per step", "moved"]]
    models: dict[str, tuple[Any, int]] = {f"Ising {side}×{side}": (torus(side), side**2) for side in (10, 25, 64)}
    models |= {"RBM 784×500": (RBMEnergy(784, 500, scale=0.1), 784), "MLP 32–256×3": (MLPEnergy(32), 32)}
    for name, (energy, bits) in models.items():
        kernels: list[tuple[Kernel, type[Exact | Taylor]]] = [(Gibbs(), Exact)]
        if isinstance(energy, IsingEnergy):
            kernels += [(GibbsSweep(colour_classes(energy)), Exact), (SwendsenWang(), Exact)]
        if isinstance(energy, MLPEnergy):
            kernels += [(GibbsSweep(), Exact)]
        if isinstance(energy, RBMEnergy):
            kernels = [(BlockGibbs(), Exact)]  # exact differences of a wide machine cost more than all else here
        kernels += [(kernel, Taylor) for kernel in (GibbsWithGradients(), PathAuxiliary(3), DMALA(0.2))]
        for kernel, local in kernels:
            thin = bits if isinstance(kernel, Gibbs | GibbsWithGradients) and isinstance(energy, IsingEnergy) else 1
            rows.append([name, type(kernel).__name__, *mixing_of(kernel, local(energy), bits, thin, seconds)])
    return rows


def mixing_of(kernel: Kernel, local: LocalEvaluation, bits: int, thin: int, seconds: float) -> list[str]:
    states = chain(kernel, local, random_bits(8, bits), thin=thin)
    next(states)
    until, warm = time.process_time() + seconds / 3, 1
    while time.process_time() < until:
        next(states)
        warm += 1
    start = time.process_time()
    kept = [(state.energy, state.accepted.double()) for state in islice(states, max(2 * warm, 8))]
    took = time.process_time() - start
    energy, accepted = (torch.stack(parts, 1) for parts in zip(*kept, strict=True))
    rate, moved = f"{thin * len(kept) / took:,.0f}", f"{accepted.mean():.2f}"
    if len(kept) < 100:  # too few draws for an effective sample size
        return [rate, "–", "–", moved]
    ess = ess_bulk(energy).item()
    return [rate, f"{ess / took:,.1f}", f"{ess / energy.numel() / thin:.2g}", moved]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each race; the best one counts")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each contestant runs in a round")
    parser.add_argument("--only", default="", help="only races whose name has this word")
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
