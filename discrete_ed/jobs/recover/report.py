"""What a run of the Ising job leaves behind and says: files of the couplings, tables, and a page with figures."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.figure import Figure

from discrete_ed.ising import GoodnessOfFit, Recovery
from discrete_ed.ising.recovery import pair_counts
from discrete_ed.jobs import page
from discrete_ed.jobs.recover import figures as ising_figures
from discrete_ed.jobs.recover.config import RecoverConfig, silent
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text, short

HIDDEN = {"out", "resume", "table", "bias", "limits"}  # what a report needn't tell
UNTOLD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML can't hold
TABLED = 20  # fields up to which the page has a table of them, and beyond a figure
Rows = list[list[str]]


def write_couplings(
    folder: RunFolder,
    found: Recovery,
    true: np.ndarray | None = None,
    true_fields: np.ndarray | None = None,
    *,
    names: tuple[str, ...] | None = None,
) -> None:
    """`couplings.npz`, in the physics convention, with the truth or the names of the columns where there are any."""
    arrays = {
        "couplings": found.couplings,
        "fields": found.fields,
        "standard_errors": found.standard_errors,
        "field_errors": found.field_errors,
    }
    more = {"true_couplings": true, "true_fields": true_fields, "names": None if names is None else np.array(names)}
    arrays |= {name: array for name, array in more.items() if array is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    folder.write("couplings.npz", buffer.getvalue())


def write_matrix(folder: RunFolder, found: Recovery, names: Sequence[str]) -> None:
    """`couplings.csv`: the matrix `J`, its rows and columns named."""
    rows = [["", *names]]
    rows += [[name, *(f"{value:.6g}" for value in row)] for name, row in zip(names, found.couplings, strict=True)]
    _write_rows(folder, "couplings.csv", rows)


def write_network(folder: RunFolder, found: Recovery, names: Sequence[str]) -> None:
    """`network.graphml`: nodes named, with `field`; edges with `coupling` and `standard_error`.

    What `interaction_graph` reads back as a known model.
    """
    told = [UNTOLD.sub("\N{REPLACEMENT CHARACTER}", name) for name in names]
    if len(set(told)) < len(told):
        told = [f"{number} {name}" for number, name in enumerate(told, 1)]
    graph = nx.Graph()
    graph.add_nodes_from((name, {"field": value}) for name, value in zip(told, found.fields.tolist(), strict=True))
    for i, j in found.edges.tolist():
        value, error = found.couplings[i, j].item(), found.standard_errors[i, j].item()
        graph.add_edge(told[i], told[j], coupling=value, standard_error=error)
    folder.write("network.graphml", "\n".join(nx.generate_graphml(graph)).encode())


def write_edges(folder: RunFolder, found: Recovery, names: tuple[str, ...], bits: np.ndarray) -> None:
    """`edges.csv`: every coupling that was kept, with its standard error, interval and z, and the pair's 2×2 table."""
    rows = [["first", "second", "coupling", "standard_error", "low_95", "high_95", "z", "n11", "n10", "n01", "n00"]]
    for (i, j), counts in zip(found.edges.tolist(), pair_counts(bits, found.edges).tolist(), strict=True):
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        numbers = (value, error, *_interval(value, error), value / error)
        rows.append([names[i], names[j], *(f"{number:.6g}" for number in numbers), *map(str, counts)])
    _write_rows(folder, "edges.csv", rows)


def write_fields(folder: RunFolder, found: Recovery, names: tuple[str, ...], ones: np.ndarray) -> None:
    """`fields.csv`: the field of every column, with its standard error and interval, and the column's share of ones."""
    rows = [["name", "field", "standard_error", "low_95", "high_95", "share_of_ones"]]
    for name, value, error, share in zip(names, found.fields, found.field_errors, ones, strict=True):
        rows.append([name, *(f"{number:.6g}" for number in (value, error, *_interval(value, error), share))])
    _write_rows(folder, "fields.csv", rows)


def _write_rows(folder: RunFolder, name: str, rows: Rows) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    folder.write(name, file.getvalue().encode())


def _interval(value: float, error: float) -> tuple[float, float]:
    return value - 1.96 * error, value + 1.96 * error


def report_known_model(
    folder: RunFolder, config: RecoverConfig, found: Recovery, true: np.ndarray, result: dict[str, Any]
) -> None:
    """Say how near the learned couplings are to the true ones: a table on the screen, and the page."""
    label, how, rmse, right = result["model"], result["drawn"], result["neg_log_rmse"], result["edges"]
    model = label if result["sigma"] is None else f"{label}, σ = {result['sigma']:g}"
    table = [
        [f"{model}, {config.samples} samples", "−log RMSE (published)", "RMSE of J (physics)"],
        [f"{found.estimator}: {found.choice}", *_measure(rmse)],
        ["J = 0", *_measure(result["all_zeros"])],
    ]
    if result["bound"] is not None:
        table.append(["bound, if the edges were known", *_measure(result["bound"])])
    if result["rmse_fields"] is not None:
        cells = ["RMSE of h", f"{result['rmse_fields']:.4f}"]
        table = [[*row, cell] for row, cell in zip_longest(table, cells, fillvalue="–")]
    print(f"{config.samples} samples of {label}: {how}\n\n{as_text(table)}\n")
    print(
        f"edges: {right['right']} of {right['true']} found, {right['covered']} with a 95% interval that holds the "
        f"truth, and {right['found'] - right['right']} that aren't there"
    )
    _print_warnings(result)
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
    config: RecoverConfig,
    found: Recovery,
    names: tuple[str, ...],
    fit: GoodnessOfFit,
    result: dict[str, Any],
) -> None:
    """Say how sure the couplings of a user's table are, and how well the model tells it: tables, and the page."""
    n, d, how, exact = result["samples"], result["spins"], result["goodness"]["model_draws"], result["log_likelihood"]
    quality = [
        ["data against draws of the model", "difference", "expected of noise alone"],
        ["means, root mean square", f"{fit.mean_error:.4f}", f"{fit.mean_noise:.4f}"],
        ["covariances of pairs, root mean square", f"{fit.pair_error:.4f}", f"{fit.pair_noise:.4f}"],
        ["third moments of triples, root mean square", f"{fit.triple_error:.4f}", f"{fit.triple_noise:.4f}"],
        ["number of spins up, total variation", f"{fit.sum_distance:.4f}", f"{fit.sum_noise:.4f}"],
    ]
    print(
        f"{n} rows, {d} columns: {found.estimator}, {found.choice}; "
        f"{len(found.edges)} couplings of {d * (d - 1) // 2} pairs\n"
    )
    print(f"{as_text(_strongest(found, [short(name) for name in names]))}\n\n{as_text(quality)}")
    if exact is not None:
        print(f"log-likelihood of a row (exact): {exact['mean']:.4f}; independent columns: {exact['independent']:.4f}")
    _print_warnings(result)
    nearness = "Blue pulls two columns together, red apart; the wider, the stronger. Nearness is for the eye only."
    if len(found.edges) > ising_figures.STRONGEST:
        nearness += f" The {ising_figures.STRONGEST} strongest of {len(found.edges)} couplings; edges.csv has all."
    drawings: dict[str, tuple[str, Callable[[], Figure], str]] = {
        "network": ("Who interacts with whom", lambda: ising_figures.network(found.couplings, names), nearness),
        "couplings": (
            "All couplings",
            lambda: ising_figures.coupling_matrices({"learned": found.couplings}, names),
            "In the order of the columns.",
        ),
        "goodness": (
            "Goodness of fit",
            lambda: ising_figures.goodness(fit),
            f"Draws of the model: {how}. Points on the dashed lines are told as they are; triples were not fitted.",
        ),
    }
    tables = {"Strongest couplings": _strongest(found, names), "Data against the model": quality}
    if d <= TABLED:
        tables["Fields"] = _fields(found, names)
    else:
        drawings["fields"] = (
            "Fields",
            lambda: ising_figures.fields(found.fields, found.field_errors, names),
            "Above 0: the column would rather be 1, all others aside. fields.csv has the numbers.",
        )
    lead = (
        f"{n} observations of {d} binary columns, fitted by {found.estimator}: {found.choice}. Couplings are those of "
        "E(s) = −½ sᵀJs − hᵀs, where s is −1 for 0 and +1 for 1, each pair counted once. Intervals hold for the pairs "
        "as chosen; that the same data chose them is not counted."
    )
    _write_page(folder, config, f"Ising model of {Path(result['data']).name}", lead, tables, drawings, found, result)


def _measure(value: float | None) -> list[str]:
    """−log RMSE of published couplings and RMSE of physics ones; no number where nothing differs."""
    return ["–", "–"] if value is None else [f"{value:.2f}", f"{2 * np.exp(-value):.4f}"]


def _strongest(found: Recovery, names: Sequence[str]) -> Rows:
    rows = [["the strongest couplings", "J", "95% interval", "z"]]
    for i, j in found.edges[:12].tolist():
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        low, high = _interval(value, error)
        z = f"{value / error:.1f}"
        rows.append([f"{names[i]} – {names[j]}", f"{value:.3f}", f"{low:.3f} … {high:.3f}", z])
    return rows


def _fields(found: Recovery, names: Sequence[str]) -> Rows:
    rows = [["column", "h", "95% interval"]]
    for name, value, error in zip(names, found.fields, found.field_errors, strict=True):
        low, high = _interval(value, error)
        rows.append([name, f"{value:.3f}", f"{low:.3f} … {high:.3f}"])
    return rows


def _print_warnings(result: dict[str, Any]) -> None:
    for warning in result["warnings"]:
        print(f"warning: {warning}")


def _options(config: RecoverConfig) -> dict[str, Any]:
    """The options that had a say in the run."""
    mute = HIDDEN | silent(config).keys()
    return {name: value for name, value in vars(config).items() if name not in mute and value is not None}


def _write_page(
    folder: RunFolder,
    config: RecoverConfig,
    title: str,
    lead: str,
    tables: dict[str, Rows],
    drawings: dict[str, tuple[str, Callable[[], Figure], str]],
    found: Recovery,
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    images = folder.plot(drawings)
    facts = {
        **_options(config),
        **{name: "of the graph" for name in ("sigma", "field") if result.get(name, "") is None},
        **{f"seconds to {phase}": f"{seconds:.1f}" for phase, seconds in result["seconds"].items()},
    }
    if found.held_out:
        rows = [["candidate", "negative log pseudo-likelihood of held-out rows"]]
        rows += [[name, f"{loss:.4f}"] for name, loss in found.held_out.items()]
        tables = {**tables, "What held-out data said": rows}
    html = page.render_page(title, lead, "", tables, images, facts, warnings=result["warnings"], marked=False)
    folder.write("report.html", html.encode())
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
