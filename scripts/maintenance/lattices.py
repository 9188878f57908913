"""The figures of the page on lattices: against exact values, coverage of errors, and lattices of growing size.

python scripts/maintenance/lattices.py exact
python scripts/maintenance/lattices.py coverage --runs 200
python scripts/maintenance/lattices.py size --sides 1024 4096
python scripts/maintenance/lattices.py glass
pip install mcising peapods thrml dwave-samplers
python scripts/maintenance/lattices.py race
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import peers
from racing import Race, rates, rows_of

from discrete_ed import IsingEnergy, ground_state, kaufman, lattice, plus_minus_couplings, simulate, temper
from discrete_ed.lattices import CRITICAL_ENERGIES, CRITICAL_TEMPERATURES
from discrete_ed.lattices.measuring import Measured
from discrete_ed.samplers.compiled_clusters import swendsen_wang
from discrete_ed.samplers.folding import folded
from discrete_ed.samplers.interactions import loops
from discrete_ed.samplers.thresholds import threshold

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


def size(sides: list[int], dimension: int, figure: Path | None) -> None:
    """Seconds and memory of sweeps and clusters at T = d, one chain on one core, and the exponents of their growth."""
    rows: dict[str, list[tuple[int, float, float]]] = {}
    for side in sides:
        for update, sweeps in (("sweeps", 10), ("swendsen-wang", 5)):
            graph = lattice(side, dimension)
            model = Measured(IsingEnergy.from_graph(graph), dimension, update=update, sizes=(*graph.shape, 1))
            bits, _, counter = model.run(model.start(1, 0, ordered=True), 1, 0)
            started = time.process_time()
            model.run(bits, sweeps, counter)
            seconds = (time.process_time() - started) / sweeps
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            each = seconds / graph.sites * 1e9
            print(f"{side}^{dimension}, {update}: {seconds:.4f} s a sweep, {each:.1f} ns a spin; peak {peak:.2f} GB",
                  flush=True)  # fmt: skip
            rows.setdefault(update, []).append((graph.sites, seconds, peak))
            del graph, model, bits
    for update, values in rows.items():
        if len(values) > 1:
            sites, seconds, peak = np.log(values[-2:]).T
            print(f"{update}: time grows with the number of spins to the power "
                  f"{np.ptp(seconds) / np.ptp(sites):.2f}, memory {np.ptp(peak) / np.ptp(sites):.2f}")  # fmt: skip
    if figure is not None:
        plot_growth(rows, figure)


def plot_growth(rows: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Seconds of a sweep and peak memory against the number of spins."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, column, label in zip(page.subplots(1, 2), (1, 2), ("seconds a sweep", "peak memory, GB"), strict=True):
        for update, values in rows.items():
            axes.loglog([row[0] for row in values], [row[column] for row in values], "o-", label=update)
        axes.set_xlabel("spins")
        axes.set_title(label, loc="left")
        axes.legend(frameon=False)
    page.savefig(path, dpi=110)


def glass() -> None:
    """Two independent temperings of one ±J glass on 8³, and ground states against the exact method."""
    graph, temperatures = lattice(8, 3), np.linspace(1.0, 2.0, 10)
    model = IsingEnergy.from_graph(graph, plus_minus_couplings(graph, seed=1))
    one = temper(model, temperatures, graph=graph, place=True, measurements=20_000, seed=1)
    placed = [at.temperature for at in one.results]
    other = temper(model, placed, graph=graph, measurements=20_000, seed=2)
    for found in (one, other):
        short = [f"{at.temperature:.2f}" for at in found.results if not at.long]
        print(f"8³: swap rates {found.swap_rates.min():.2f} to {found.swap_rates.max():.2f}, round trips "
              f"{found.round_trips.tolist()}, {found.results[0].dropped} sweeps dropped, thermal {found.thermal}, "
              f"shorter than 50 τ at T = {', '.join(short) or 'none'}", flush=True)  # fmt: skip
    for name in ("energy", "abs_overlap", "overlap_binder", "link_overlap"):
        far = []
        for a, b in zip(one.results, other.results, strict=True):
            x, y = a.estimates()[name], b.estimates()[name]
            far.append((x.value - y.value) / np.hypot(x.error, y.error))
            if a.temperature == 1:
                print(f"T = 1, {name}: {x.value:.4f} ± {x.error:.4f}, {y.value:.4f} ± {y.error:.4f}")
        print(f"{name}: standard errors apart at T = {placed[0]:.2f} to {placed[-1]:.2f}: {np.round(far, 1)}")
    for shape, dimension in ((6, 2), (4, 3)):
        agree = 0
        for seed in range(10):
            graph = lattice(shape, dimension)
            model = IsingEnergy.from_graph(graph, plus_minus_couplings(graph, seed=seed))
            proven = ground_state(model, method="exact", seconds=600)
            agree += ground_state(model, sweeps=500, seed=seed).energy == proven.energy
        print(f"ground states of {shape}^{dimension}: annealing finds the proven one in {agree} of 10 glasses")


def race(seconds: float) -> None:
    """One chain on one core against the other packages that are installed, in processor time, in turn."""
    contests = ((1024, 2, "sweeps"), (64, 3, "sweeps"), (1024, 2, "swendsen-wang"), (256, 2, "sweeps"))
    for side, dimension, update in contests:
        temperature = 2.2692 if dimension == 2 else 4.5115
        graph = lattice(side, dimension)
        energy = IsingEnergy.from_graph(graph)
        model = Measured(energy, temperature, update=update, sizes=(*graph.shape, 1))
        runs: dict[str, peers.Run] = {"measured after every sweep": measured_sweeps(model)}
        runs = {"without measurements": bare_sweeps(model) if update == "sweeps" else bare_clusters(model), **runs}
        if peers.has("mcising"):
            algorithm = "metropolis" if update == "sweeps" else "swendsen_wang"
            runs["mcising"] = peers.mcising_sweeps(side, dimension, temperature, algorithm)
        if peers.has("peapods"):
            runs["peapods"] = peers.peapods_sweeps(side, dimension, temperature, clusters=update != "sweeps")
        if side == 256:  # building a larger model takes these longer than sweeping it
            bonds = tuple(graph.edges.T)
            if peers.has("thrml"):
                colour = np.add(*np.divmod(np.arange(side**2), side)) % 2
                classes = [np.flatnonzero(colour == k).tolist() for k in (0, 1)]
                runs["thrml"] = peers.thrml_sweeps(side**2, bonds, classes, 1 / temperature, 1)
            if peers.has("dwave-samplers"):
                runs["dwave-samplers"] = peers.dwave_sweeps(bonds, 1 / temperature, 1)
        rows = Race(f"{side}^{dimension}, {update}", "spins/s", side**dimension, runs)
        for row in rows_of(rows, rates(rows, 3, seconds)):
            print("  ".join(f"{cell:<28}" for cell in row), flush=True)


def measured_sweeps(model: Measured) -> peers.Run:
    """Updates of one chain, each with its measurements."""
    bits = model.start(1, 0, ordered=True)

    def run(repetitions: int) -> None:
        bits[:] = model.run(bits, repetitions, 1)[0]

    return run


def bare_sweeps(model: Measured) -> peers.Run:
    """Sweeps of one chain in words, without measurements."""
    words = folded(model.unit, model.sizes)
    x, degree = words.pack(model.start(1, 0, ordered=True)), len(words.neighbour)
    table = threshold((2 * np.arange(degree + 1) - degree) / model.temperature)

    def run(repetitions: int) -> None:
        loops("word_loops").sweep_words(x[0], *words[3:], table, repetitions, np.uint64(1))

    return run


def bare_clusters(model: Measured) -> peers.Run:
    """Swendsen–Wang updates of one chain, without measurements."""
    bits, update = model.start(1, 0, ordered=True), swendsen_wang(model.unit, 1 / model.temperature)

    def run(repetitions: int) -> None:
        bits[:] = update(bits, repetitions, np.uint64(1))[0]

    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("exact")
    parts.add_parser("glass")
    parts.add_parser("race").add_argument("--seconds", type=float, default=2.0)
    parts.add_parser("coverage").add_argument("--runs", type=int, default=200)
    sized = parts.add_parser("size")
    sized.add_argument("--sides", type=int, nargs="+", default=[256, 1024, 4096])
    sized.add_argument("--dimension", type=int, default=2)
    sized.add_argument("--figure", type=Path, help="PNG in which growth is plotted")
    options = parser.parse_args()
    if options.part == "exact":
        exact()
    elif options.part == "glass":
        glass()
    elif options.part == "race":
        race(options.seconds)
    elif options.part == "coverage":
        coverage(options.runs)
    else:
        size(options.sides, options.dimension, options.figure)
