"""The simulation job: lattices at many temperatures, measured on the fly."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import numpy as np

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.simulate.config import SimulateConfig
from discrete_ed.jobs.simulate.report import notes_of, result_of, table_of, verdict, warnings_of, write_report
from discrete_ed.jobs.simulate.simulated import Simulated, critical_temperature
from discrete_ed.jobs.text import as_text
from discrete_ed.lattices import (
    DISORDER,
    AtTemperature,
    Lattice,
    Scaling,
    Tempered,
    correlations_of,
    lattice,
    scale,
    simulate,
    temper,
)
from discrete_ed.lattices.measuring import check_clusters, chosen_update
from discrete_ed.lattices.scaling import CORRECTION_EXPONENTS
from discrete_ed.runtime.distributed import ranks

JOB = "simulate"
CHAINS, LADDERS = 4, 8  # by default; modes of glasses are slow, and show only between many ladders


def run(config: SimulateConfig) -> dict[str, Any]:
    """Simulate, and write everything to a run folder; returns the content of `result.json`.

    Raises:
        InputError: options that can't be used, a lattice that doesn't fit into memory, clusters for a frustrated model.
    """
    config = resumed(config, JOB)
    refuse_options_without_effect(config)
    graphs = {size: lattice_of(config, size) for size in config.size}
    chains = config.chains or (LADDERS if config.tempering else CHAINS)
    config = replace(config, temperatures=config.temperatures or usual_temperatures(config), chains=chains)
    temperatures = temperatures_of(config)
    if config.update in ("swendsen-wang", "wolff"):  # refused before the run folder is made
        try:
            check_clusters(energy_of(config, graphs[min(config.size)]))
        except InputError:
            raise InputError(
                f"update: expected a model without frustration for --update {config.update}, got one with it; take "
                "--update sweeps"
            ) from None
    started = time.monotonic()
    with RunFolder(config.out, JOB, config.lattice, config) as folder:
        results: dict[int, list[AtTemperature]] = {}
        tempered: dict[int, Tempered] = {}
        for size, graph in graphs.items():
            energy = energy_of(config, graph)
            print(f"{config.lattice}, {' × '.join(map(str, graph.shape))}: {graph.sites:,} spins, "
                  f"{graph.number_of_edges():,} couplings, {len(temperatures)} temperatures")  # fmt: skip
            with counted_progress(f"simulate {size}", "draw") as callback:
                shared: dict[str, Any] = {
                    "graph": graph,
                    "chains": chains,
                    "measurements": config.sweeps,
                    "error": config.error,
                    "seed": config.seed,
                    "threads": config.threads,
                    # checkpoints are made by all ranks together, and here the ranks have different pieces
                    "cache": folder.cached_in(f"size-{size}") if ranks().size == 1 else None,
                    "callback": callback,
                }
                if config.tempering:
                    measure = {*config.measure, "overlaps"}
                    place, exchange = config.place_temperatures, config.exchange_clusters
                    tempered[size] = temper(
                        energy, temperatures, place=place, exchange_clusters=exchange, measure=measure, **shared
                    )
                    results[size] = tempered[size].results
                else:
                    results[size] = simulate(
                        energy, temperatures, update=config.update, measure=config.measure, **shared
                    )
            folder.write(f"states-{size}.npz", states_file(results[size]))
            folder.write(f"series-{size}.npz", series_file(results[size]))
            if "correlations" in config.measure:
                folder.write(f"correlations-{size}.csv", correlations_file(results[size]).encode())
        would_do = not config.tempering and config.update == "sweeps" and chosen_update(energy) != "sweeps"
        scaling = scaling_of(config, temperatures, results)
        done = Simulated(config, graphs, temperatures, results, scaling, would_do, tempered)
        seconds = time.monotonic() - started
        result = {**result_of(done), "warnings": warnings_of(done), "seconds": seconds}
        text = "\n\n".join(f"{title}\n\n{as_text(rows)}" for title, rows in table_of(done).items())
        text = "\n\n".join([text, *notes_of(done), *warnings_of(done)])
        folder.write("table.txt", (text + "\n").encode())
        folder.write("table.csv", csv_of(result).encode())
        write_report(folder, done, seconds)
        folder.finish(result)
    print(f"\n{verdict(done)}\n\n{text}\n")
    print(f"written to {folder.path}: open {folder.path / 'report.html'}; table.csv, states and series for programs")
    return result


def lattice_of(config: SimulateConfig, size: int) -> Lattice:
    """The lattice of one size."""
    return lattice(size, config.dimension, kind=config.lattice, periodic=not config.open)


def energy_of(config: SimulateConfig, graph: Lattice) -> IsingEnergy:
    """The model: one coupling, or random ones."""
    couplings = DISORDER[config.disorder](graph, config.coupling, config.seed)
    return IsingEnergy.from_graph(graph, couplings, config.field)


def usual_temperatures(config: SimulateConfig) -> tuple[float, float, int]:
    """13 temperatures from 15% below to 15% above the critical one, or from .5 to 5 couplings; for several
    sizes 7, so close to the critical one that `(T/T_c − 1) L^{1/ν}` of the largest size is between −1 and 1."""
    critical = critical_temperature(config)
    if critical is not None and len(config.size) > 1:
        flat = len(lattice_of(config, min(config.size)).shape) == 2
        width = min(0.15, max(config.size) ** -(1.0 if flat else 1.6))
        return round((1 - width) * critical, 4), round((1 + width) * critical, 4), 7
    return (0.5 * abs(config.coupling), 5.0 * abs(config.coupling), 10) if critical is None else (
        round(0.85 * critical, 3), round(1.15 * critical, 3), 13)  # fmt: skip


def temperatures_of(config: SimulateConfig) -> list[float]:
    """The temperatures that the options ask for."""
    assert config.temperatures is not None
    low, high, count = config.temperatures
    return np.linspace(low, high, count).tolist()


def scaling_of(
    config: SimulateConfig, temperatures: list[float], results: dict[int, list[AtTemperature]]
) -> Scaling | str | None:
    """The critical point, if there are several sizes; text that says why there is none, if the curves don't cross."""
    if len(config.size) < 2:
        return None
    if config.field:
        return "a field leaves no transition at which Binder cumulants cross"
    if config.disorder != "none":
        return "couplings are random, and a transition shows only in averages over many of them"
    if config.place_temperatures:
        return "every size has temperatures of its own"
    estimates = {size: [each.estimates() for each in ats] for size, ats in results.items()}
    names = {name: name for name in ("binder", "abs_magnetisation", "square_magnetisation")}
    if config.coupling < 0:
        if any("staggered_binder" not in each for all_ in estimates.values() for each in all_):
            return "an antiferromagnet orders on sublattices, and these lattices don't have them"
        staggered = ("staggered_binder", "staggered_magnetisation", "square_staggered_magnetisation")
        names = dict(zip(names, staggered, strict=True))
    curves = {
        size: {name: [each[of] for each in all_] for name, of in names.items()} for size, all_ in estimates.items()
    }
    try:
        return scale(temperatures, curves, correction=correction_of(config, results), seed=config.seed)
    except InputError as error:
        return str(error)


def correction_of(config: SimulateConfig, results: dict[int, list[AtTemperature]]) -> float | None:
    """The exponent of corrections to scaling; None where it is not that of Ising models on periodic lattices: surfaces
    add others, and three sublattices are another universality class."""
    series = results[config.size[0]][0].series
    if config.open:
        return None
    if config.coupling < 0 and (series.sublattices is None or series.sublattices.shape[-1] != 2):
        return None
    return CORRECTION_EXPONENTS.get(len(lattice_of(config, config.size[0]).shape))


def states_file(results: list[AtTemperature]) -> bytes:
    """The last states of all chains, exact: `bits`, `(T, chain, D)`, and `temperature`."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        bits=np.stack([each.states for each in results]),
        temperature=np.array([each.temperature for each in results]),
    )
    return file.getvalue()


def series_file(results: list[AtTemperature]) -> bytes:
    """The time series of all temperatures: `energy_k` and `magnetisation_k`, `(draw, chain)`, of temperature `k`; where
    they were measured `sublattices_k`, `(draw, chain, q)`, `overlap_k` and `link_overlap_k`, `(draw, pair)`."""
    arrays = {"temperature": np.array([each.temperature for each in results])}
    for k, each in enumerate(results):
        arrays |= {f"energy_{k}": each.series.energy, f"magnetisation_{k}": each.series.magnetisation}
        if each.series.sublattices is not None:
            arrays[f"sublattices_{k}"] = each.series.sublattices
        if each.overlaps is not None:
            arrays |= {f"overlap_{k}": each.overlaps.overlap, f"link_overlap_{k}": each.overlaps.link}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def correlations_file(results: list[AtTemperature]) -> str:
    """The correlation function at every temperature: temperature, cells, value and standard error in each row."""
    lines = ["temperature,cells,correlation,error"]
    for each in results:
        found = correlations_of(each.series)
        for row in zip(found.cells, found.value, found.error, strict=True):
            lines.append(",".join(str(number) for number in (each.temperature, *row)))
    return "\n".join(lines) + "\n"


def csv_of(result: dict[str, Any]) -> str:
    """One row for each size and temperature."""
    rows = result["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row))  # sizes differ in what is known exactly of them
    lines = [",".join(names)]
    lines += [",".join("" if row.get(n) is None else f"{row[n]}" for n in names) for row in rows]
    return "\n".join(lines) + "\n"
