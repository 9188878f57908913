"""What a run of the Ising job leaves behind and says: files of the couplings, tables, and a page with figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from discrete_ed.experiments.configs import TrainIsing
from discrete_ed.experiments.run_folder import RunFolder
from discrete_ed.ising import Recovery
from discrete_ed.ising.goodness import Goodness
from discrete_ed.report import ising_figures, page
from discrete_ed.report.tables import as_text

HIDDEN = ("out", "resume", "table", "bias", "limits", "seeds")  # what a report needn't tell


def write_couplings(
    folder: RunFolder, found: Recovery, true: np.ndarray | None = None, true_fields: np.ndarray | None = None
) -> None:
    """`couplings.npz`, in the physics convention, with the truth where it is known."""
    arrays = {
        "couplings": found.couplings,
        "fields": found.fields,
        "standard_errors": found.standard_errors,
        "field_errors": found.field_errors,
    }
    truth = {"true_couplings": true, "true_fields": true_fields}
    arrays |= {name: array for name, array in truth.items() if array is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    folder.write("couplings.npz", buffer.getvalue())


def write_edges(folder: RunFolder, found: Recovery, names: tuple[str, ...]) -> None:
    """`edges.csv`: every coupling that was kept, with its standard error, interval and z."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["first", "second", "coupling", "standard_error", "low_95", "high_95", "z"])
    for i, j in found.edges.tolist():
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        numbers = (value, error, value - 1.96 * error, value + 1.96 * error, value / error)
        writer.writerow([names[i], names[j], *(f"{number:.6g}" for number in numbers)])
    folder.write("edges.csv", file.getvalue().encode())


def report_known_model(
    folder: RunFolder, config: TrainIsing, found: Recovery, true: np.ndarray, result: dict[str, Any]
) -> None:
    """Say how near the learned couplings are to the true ones: a table on the screen, and the page."""
    label, how, rmse, right = result["model"], result["drawn"], result["neg_log_rmse"], result["edges"]
    model = label if result["sigma"] is None else f"{label}, σ = {result['sigma']:g}"
    table = [
        [f"{model}, {config.samples} samples", "−log RMSE (published)", "RMSE of J (physics)"],
        [f"{found.estimator}: {found.choice}", f"{rmse:.2f}", f"{2 * np.exp(-rmse):.4f}"],
        ["J = 0", f"{result['all_zeros']:.2f}", f"{2 * np.exp(-result['all_zeros']):.4f}"],
    ]
    if result["bound"] is not None:
        bound = result["bound"]
        table.append(["bound, if the edges were known", f"{bound:.2f}", f"{2 * np.exp(-bound):.4f}"])
    if result["rmse_fields"] is not None:
        cells = ["RMSE of h", f"{result['rmse_fields']:.4f}"]
        table = [[*row, cell] for row, cell in zip_longest(table, cells, fillvalue="–")]
    print(f"{config.samples} samples of {label}: {how}\n\n{as_text(table)}\n")
    print(f"edges: {right['right']} of {right['true']} found, and {right['found'] - right['right']} that aren't there")
    _print_warnings(found)
    drawings = {
        "couplings": (
            "Couplings",
            lambda: ising_figures.coupling_matrices({"truth": true, "learned": found.couplings}),
            "The same colours in both. Published couplings are half of these.",
        ),
        "recovery": (
            "Learned against true",
            lambda: ising_figures.recovery(true, found.couplings, found.standard_errors),
            "Pairs that are no edge and were left out aren't drawn. Blue on the dashed line: nothing lost. Red: not "
            "an edge.",
        ),
    }
    lead = (
        f"{config.samples} samples of {label} ({how}), recovered by {found.estimator}: {found.choice}. The measure is "
        "−log of the root mean square error over all D² entries of the published couplings (half the physics ones); "
        "higher is better. Below the row of J = 0, nothing was learned."
    )
    _write_page(folder, config, f"Ising couplings: {label}", lead, {"How near": table}, drawings, found, result)


def report_table(
    folder: RunFolder,
    config: TrainIsing,
    found: Recovery,
    names: tuple[str, ...],
    fit: Goodness,
    result: dict[str, Any],
) -> None:
    """Say how sure the couplings of a user's table are, and how well the model tells it: tables, and the page."""
    n, d, how, exact = result["samples"], result["spins"], result["goodness"]["model_draws"], result["log_likelihood"]
    strongest = [["the strongest couplings", "J", "95% interval", "z"]]
    for i, j in found.edges[:12].tolist():
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        interval = f"{value - 1.96 * error:.3f} … {value + 1.96 * error:.3f}"
        strongest.append([f"{names[i]} – {names[j]}", f"{value:.3f}", interval, f"{value / error:.1f}"])
    quality = [
        ["data against draws of the model", "root mean square difference", "expected of noise alone"],
        ["covariances of pairs", f"{fit.pair_error:.4f}", f"{fit.pair_noise:.4f}"],
        ["third moments of triples", f"{fit.triple_error:.4f}", f"{fit.triple_noise:.4f}"],
    ]
    print(
        f"{n} rows, {d} columns: {found.estimator}, {found.choice}; "
        f"{len(found.edges)} couplings of {d * (d - 1) // 2} pairs\n"
    )
    print(f"{as_text(strongest)}\n\n{as_text(quality)}")
    print(f"number of spins up: total variation {fit.sum_distance:.3f} between data and model")
    if exact is not None:
        print(f"log-likelihood of a row (exact): {exact['mean']:.4f}; independent columns: {exact['independent']:.4f}")
    _print_warnings(found)
    drawings = {
        "network": (
            "Who interacts with whom",
            lambda: ising_figures.network(found.couplings, names),
            "Blue pulls two columns together, red apart; the wider, the stronger. Nearness is for the eye only.",
        ),
        "couplings": (
            "Couplings",
            lambda: ising_figures.coupling_matrices({"learned": found.couplings}),
            "In the order of the columns.",
        ),
        "goodness": (
            "Goodness of fit",
            lambda: ising_figures.goodness(fit),
            f"Draws of the model: {how}. Points on the dashed lines are told as they are; triples were not fitted.",
        ),
    }
    lead = (
        f"{n} observations of {d} binary columns, fitted by {found.estimator}: {found.choice}. Couplings are those of "
        "E(s) = −½ sᵀJs − hᵀs, each pair counted once. Intervals hold for the pairs as chosen; that the same data "
        "chose them is not counted."
    )
    tables = {"Couplings": strongest, "Goodness of fit": quality}
    _write_page(folder, config, f"Ising model of {Path(result['data']).name}", lead, tables, drawings, found, result)


def _print_warnings(found: Recovery) -> None:
    for warning in found.warnings:
        print(f"warning: {warning}")


def _write_page(
    folder: RunFolder,
    config: TrainIsing,
    title: str,
    lead: str,
    tables: dict[str, list[list[str]]],
    drawings: dict[str, tuple[str, Callable[[], Figure], str]],
    found: Recovery,
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    images = folder.draw(drawings)
    facts = {
        **{name: value for name, value in vars(config).items() if name not in HIDDEN},
        **{name: "of the graph" for name in ("sigma", "field") if result.get(name, "") is None},
        **{f"seconds to {phase}": f"{seconds:.1f}" for phase, seconds in result["seconds"].items()},
    }
    if found.held_out:
        rows = [["candidate", "negative log pseudo-likelihood of held-out rows"]]
        rows += [[name, f"{loss:.4f}"] for name, loss in found.held_out.items()]
        tables = {**tables, "What held-out data said": rows}
    html = page.render_page(title, lead, tables, images, facts, list(found.warnings))
    folder.write("report.html", html.encode())
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
