"""The figures of the page on lattices: against exact values, coverage of errors, and lattices of growing size.

python scripts/maintenance/lattices.py exact
python scripts/maintenance/lattices.py coverage --runs 200
python scripts/maintenance/lattices.py size --sides 1024 4096
python scripts/maintenance/lattices.py glass
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from discrete_ed import IsingEnergy, ground_state, kaufman, lattice, plus_minus_couplings, simulate, temper
from discrete_ed.lattices import CRITICAL_ENERGIES, CRITICAL_TEMPERATURES
from discrete_ed.lattices.measuring import Measured

TEMPERATURES = [2.0, 2.2, 2.2692, 2.35, 2.6]


def misses(side: int, temperatures: list[float], measurements: int, seed: int) -> np.ndarray:
    """Differences from Kaufman's energy and specific heat in standard errors, `(T, 2)`."""
    graph, rows = lattice(side), []
    for at in simulate(IsingEnergy.from_graph(graph), temperatures, measurements=measurements, seed=seed):
        exact, values = kaufman(side, side, at.temperature), at.estimates()
        names = ("energy", "specific_heat")
        rows.append([(values[name].value - getattr(exact, name)) / values[name].error for name in names])
    return np.array(rows)


def exact() -> None:
    """Square tori against Kaufman, and the critical energies of other lattices."""
    every = []
    for side, measurements in ((32, 1000), (64, 600), (128, 300)):
        every.append(misses(side, TEMPERATURES, measurements, 3))
        print(f"{side}²: energy, specific heat in standard errors from Kaufman, at T = {TEMPERATURES}")
        print(every[-1].T.round(2))
    print(f"largest {abs(np.array(every)).max():.2f} of {np.size(every)}, rms {np.sqrt(np.square(every).mean()):.2f}")
    for kind, side in (("triangular", 96), ("honeycomb", 64)):
        graph = lattice(side, kind=kind)
        (at,) = simulate(IsingEnergy.from_graph(graph), [CRITICAL_TEMPERATURES[kind]], measurements=400)
        found = at.estimates()["energy"]
        print(f"{kind} {side}²: {found.value:.4f} ± {found.error:.4f}; infinite: {CRITICAL_ENERGIES[kind]:.4f}")


def coverage(runs: int) -> None:
    """How often 95% intervals of 16² cover the exact values."""
    temperatures = [2.0, 2.2692, 2.6]
    inside = np.mean([abs(misses(16, temperatures, 500, 1000 + run)) < 1.96 for run in range(runs)], 0)
    print(f"{runs} runs, coverage of energy and specific heat at T = {temperatures}:\n{inside}")
    print(f"mean {inside.mean():.3f}")


def size(sides: list[int]) -> None:
    """Seconds and memory of sweeps and clusters on square lattices at T = 2, one chain on one core."""
    for side in sides:
        for update, sweeps in (("sweeps", 10), ("swendsen-wang", 5)):
            graph = lattice(side)
            model = Measured(IsingEnergy.from_graph(graph), 2.0, update=update, sizes=(side, side, 1))
            bits, _, counter = model.run(model.start(1, 0, ordered=True), 1, 0)
            started = time.process_time()
            model.run(bits, sweeps, counter)
            seconds = (time.process_time() - started) / sweeps
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            each = seconds / side**2 * 1e9
            print(f"{side}², {update}: {seconds:.4f} s a sweep, {each:.1f} ns a spin; peak {peak:.2f} GB")


def glass() -> None:
    """Two independent temperings of one ±J glass on 8³, and ground states against the exact method."""
    graph, temperatures = lattice(8, 3), np.linspace(1.0, 2.0, 14)
    model = IsingEnergy.from_graph(graph, plus_minus_couplings(graph, seed=1))
    one, other = (temper(model, temperatures, graph=graph, place=True, measurements=30_000, seed=s) for s in (1, 2))
    for found in (one, other):
        print(f"8³: swap rates {found.swap_rates.min():.2f} to {found.swap_rates.max():.2f}, round trips "
              f"{found.round_trips.tolist()}, thermal {found.thermal}")  # fmt: skip
    far = []
    for a, b in ((one.results[k], other.results[k]) for k in (0, len(temperatures) - 1)):
        for name in ("energy", "abs_overlap", "overlap_binder", "link_overlap"):
            x, y = a.estimates()[name], b.estimates()[name]
            far.append((x.value - y.value) / np.hypot(x.error, y.error))
            print(f"T = {a.temperature:.2f}, {name}: {x.value:.4f} ± {x.error:.4f}, {y.value:.4f} ± {y.error:.4f}, "
                  f"{far[-1]:+.1f} standard errors apart")  # fmt: skip
    for shape, dimension in ((6, 2), (4, 3)):
        agree = 0
        for seed in range(10):
            graph = lattice(shape, dimension)
            model = IsingEnergy.from_graph(graph, plus_minus_couplings(graph, seed=seed))
            agree += ground_state(model, sweeps=500, seed=seed).energy == ground_state(model, method="exact").energy
        print(f"ground states of {shape}^{dimension}: annealing finds the proven one in {agree} of 10 glasses")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("exact")
    parts.add_parser("glass")
    parts.add_parser("coverage").add_argument("--runs", type=int, default=200)
    parts.add_parser("size").add_argument("--sides", type=int, nargs="+", default=[256, 1024, 4096])
    options = parser.parse_args()
    if options.part == "exact":
        exact()
    elif options.part == "glass":
        glass()
    elif options.part == "coverage":
        coverage(options.runs)
    else:
        size(options.sides)
