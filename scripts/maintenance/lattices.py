"""The figures of the page on lattices: against exact values, coverage of errors, and lattices of growing size.

python scripts/maintenance/lattices.py exact
python scripts/maintenance/lattices.py coverage --runs 200
python scripts/maintenance/lattices.py size --sides 512 1024 2048 4096 --figure growth.png
python scripts/maintenance/lattices.py size --sides 64 128 256 --dimension 3
python scripts/maintenance/lattices.py glass
pip install mcising peapods thrml dwave-samplers
python scripts/maintenance/lattices.py race
python scripts/maintenance/lattices.py words
python scripts/maintenance/lattices.py threads
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import peers
from racing import Race, rates, rows_of

from discrete_ed import (
    IsingEnergy,
    colour_classes,
    ground_state,
    kaufman,
    lattice,
    plus_minus_couplings,
    simulate,
    temper,
)
from discrete_ed.lattices import CRITICAL_ENERGIES, CRITICAL_TEMPERATURES
from discrete_ed.lattices.measuring import Measured
from discrete_ed.names import Z_95, UpdateName
from discrete_ed.samplers.compiled_clusters import swendsen_wang
from discrete_ed.samplers.folding import folded
from discrete_ed.samplers.interactions import Interactions, loops
from discrete_ed.samplers.many_chains import many_words
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
    for side, measurements in ((32, 1000), (64, 600), (128, 300), (256, 200)):
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
    inside = np.mean([abs(misses(16, temperatures, 500, 1000 + run)) < Z_95 for run in range(runs)], 0)
    print(f"{runs} runs, coverage of energy and specific heat at T = {temperatures}:\n{inside}")
    print(f"mean {inside.mean():.3f}")


def size(sides: list[int], dimension: int, figure: Path | None) -> None:
    """Seconds and memory of sweeps and clusters at T = d, one chain on one core, and the exponents of their growth."""
    rows: dict[str, list[tuple[int, float, float]]] = {}
    for update in ("sweeps", "swendsen-wang"):
        for side in sides:  # each in a process of its own, whose peak is that of one lattice
            arguments = [sys.executable, __file__, "one-size", str(side), str(dimension), update]
            seconds, peak, least = json.loads(subprocess.run(arguments, check=True, capture_output=True).stdout)
            sites = side**dimension
            print(f"{side}^{dimension}, {update}: {seconds:.4f} s a sweep, {seconds / sites * 1e9:.2f} ns a spin; peak "
                  f"{peak:.2f} GB, {(peak - least) / sites * 1e9:.0f} bytes a spin above the {least:.2f} GB of the "
                  "programs", flush=True)  # fmt: skip
            rows.setdefault(update, []).append((sites, seconds, peak - least))
    for update, values in rows.items():
        if len(values) > 1:
            of_time, of_memory = powers(values)
            print(f"{update}: grows with the spins to the power {of_time:.2f} in time, {of_memory:.2f} in memory")
    if figure is not None:
        plot_growth(rows, figure)


def one_size(side: int, dimension: int, update: UpdateName) -> None:
    """Seconds of a sweep, the peak of the memory in GB, and that of a small lattice, which is of the programs alone."""
    found: list[float] = []
    for each in (16, side):
        graph = lattice(each, dimension)
        model = Measured(IsingEnergy.from_graph(graph), dimension, update=update, sizes=(*graph.shape, 1))
        seconds = 1 / rates(Race("", "", 1, {"sweeps": measured_sweeps(model)}), 4, 0.3)["sweeps"]
        found = [seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, *found[1:2]]
    print(json.dumps(found))


def powers(values: list[tuple[int, float, float]]) -> list[float]:
    """The slopes of the logarithms of time and memory against that of the number of spins, by least squares."""
    sites, *others = np.log(values).T
    return [float(np.polyfit(sites, other, 1)[0]) for other in others]


def plot_growth(rows: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Seconds of a sweep and memory against the number of spins, with the exponents of their growth."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column, label in zip(page.subplots(1, 2), (1, 2), ("seconds a sweep", "memory, GB"), strict=True):
        for update, values in rows.items():
            power = powers(values)[column - 1]
            axes.loglog([row[0] for row in values], [row[column] for row in values], "o-",
                        label=f"{update}, power {power:.2f}")  # fmt: skip
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

    many_chains(seconds)


def many_chains(seconds: float) -> None:
    """Sweeps of 64 chains at once, a bit of a word for each, at the critical points."""
    for side, dimension, temperature in ((64, 2, 2.2692), (256, 2, 2.2692), (16, 3, 4.5115), (32, 3, 4.5115)):
        energy = IsingEnergy.from_graph(lattice(side, dimension), 1 / temperature)
        many = many_words(Interactions.of(energy), colour_classes(energy))
        words = many.enter(np.random.default_rng(0).integers(0, 2, (64, energy.bits), np.uint8))

        def sweeps(repetitions: int, run: Any = many.run, words: Any = words) -> None:
            run(words, sweeps=repetitions, counter=np.uint64(1))

        rows = Race(f"64 chains of {side}^{dimension}", "spins/s", 64 * side**dimension, {"words": sweeps})
        for row in rows_of(rows, rates(rows, 5, seconds)):
            print("  ".join(f"{cell:<28}" for cell in row), flush=True)


def threads(rounds: int) -> None:
    """Seconds of two temperatures on one thread and on two, in turn, the best of some; wants two cores at rest."""
    for side, update, measurements in ((512, "sweeps", 400), (256, "swendsen-wang", 100)):
        energy, graph = IsingEnergy.from_graph(lattice(side)), lattice(side)
        best = {1: np.inf, 2: np.inf}
        for _ in range(rounds):
            for count in best:
                started = time.perf_counter()
                simulate(energy, [2.2, 2.4], graph=graph, update=update, chains=2, measurements=measurements,
                         threads=count)  # fmt: skip
                best[count] = min(best[count], time.perf_counter() - started)
        print(f"{side}², {update}: {best[1]:.2f} s on one thread, {best[2]:.2f} s on two: "
              f"{best[1] / best[2]:.2f} times as fast", flush=True)  # fmt: skip


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
    parts.add_parser("words").add_argument("--seconds", type=float, default=1.0)
    parts.add_parser("threads").add_argument("--rounds", type=int, default=3)
    parts.add_parser("coverage").add_argument("--runs", type=int, default=200)
    sized = parts.add_parser("size")
    sized.add_argument("--sides", type=int, nargs="+", default=[256, 1024, 4096])
    sized.add_argument("--dimension", type=int, default=2)
    sized.add_argument("--figure", type=Path, help="PNG in which growth is plotted")
    one = parts.add_parser("one-size")
    one.add_argument("side", type=int)
    one.add_argument("dimension", type=int)
    one.add_argument("update", choices=["sweeps", "swendsen-wang"])
    options = parser.parse_args()
    if options.part == "exact":
        exact()
    elif options.part == "glass":
        glass()
    elif options.part == "race":
        race(options.seconds)
    elif options.part == "words":
        many_chains(options.seconds)
    elif options.part == "threads":
        threads(options.rounds)
    elif options.part == "coverage":
        coverage(options.runs)
    elif options.part == "one-size":
        one_size(options.side, options.dimension, options.update)
    else:
        size(options.sides, options.dimension, options.figure)
