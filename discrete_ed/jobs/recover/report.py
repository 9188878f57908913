"""The report on recovered couplings: a table on the terminal, and a page with figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from discrete_ed.ising import Comparison, GoodnessOfFit, Parameters, Recovery
from discrete_ed.ising.comparison import interval_95
from discrete_ed.jobs import page
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.recover.files import Rows
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import MISSING, as_text, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLED = 20
"""largest number of fields that the page shows as a table; more are shown as a figure"""
STRONGEST = 12
"""number of couplings in the table of the strongest ones"""
FEW_ROWS = 100
"""number of rows below which the report says that they can show little: at 100, a coupling of .4 has a z of 4"""
Plots: TypeAlias = "dict[str, tuple[str, Callable[[], Figure], str]]"


def report_known_model(
    folder: RunFolder,
    config: RecoverConfig,
    recovery: Recovery,
    truth: Parameters,
    comparison: Comparison,
    result: dict[str, Any],
) -> None:
    """Report how close the learned couplings are to the true ones: a table on the terminal, and the page."""
    from discrete_ed.jobs.recover import figures  # matplotlib is needed only where something is plotted

    label, method = result["model"], result["drawn"]
    model = label if result["sigma"] is None else f"{label}, σ = {result['sigma']:g}"
    table = [
        [f"{model}, {config.samples} samples", "−log RMSE (published)", "RMSE of J (physics)"],
        [f"{recovery.estimator}: {recovery.choice}", *_measure(result["neg_log_rmse"])],
        ["J = 0", *_measure(result["all_zeros"])],
    ]
    if result["bound"] is not None:
        table.append(["bound, if the edges were known", *_measure(result["bound"])])
    if result["rmse_fields"] is not None:
        cells = ["RMSE of h", f"{result['rmse_fields']:.4f}"]
        table = [[*row, cell] for row, cell in zip_longest(table, cells, fillvalue=MISSING)]
    print(f"{config.samples} samples of {label}: {method}\n\n{as_text(table)}\n")
    print(
        f"edges: {comparison.right_edges} of {comparison.true_edges} found, and {comparison.false_edges} that aren't "
        f"there; {comparison.covered_edges} of {comparison.bounded_edges} 95% intervals of true edges hold the truth"
    )
    _print_warnings(result)
    plots: Plots = {
        "couplings": (
            "Couplings",
            lambda: figures.coupling_matrices({"truth": truth.couplings, "learned": recovery.couplings}),
            "Both on one colour scale. Published couplings are half as large.",
        ),
        "recovery": (
            "Learned against true",
            lambda: figures.recovery(truth.couplings, recovery.couplings, interval_95(*recovery.intervals)),
            "Pairs that are no edge and were left out aren't shown. Where blue points lie on the dashed line, the "
            "coupling is exact. Red points are pairs that are no edge.",
        ),
    }
    lead = (
        f"Learned from {config.samples} samples of {label} ({method}) by {recovery.estimator}: {recovery.choice}. The "
        "measure is −log of the root mean square error over all D² entries of the published couplings (half the "
        "physics ones); higher is better, and below the value of J = 0 nothing was learned."
    )
    verdict = verdict_on_known_model(comparison, result["bound"])
    title = f"Ising couplings: {label}"
    _write_page(folder, config, title, verdict, lead, {"How near": table}, plots, recovery, result)


def verdict_on_known_model(comparison: Comparison, bound: float | None) -> str:
    """One sentence: the error next to that of J = 0 and the bound, and the edges."""
    edges = f"{comparison.right_edges} of {comparison.true_edges} edges found, {comparison.false_edges or 'none'} false"
    if not np.isfinite(comparison.neg_log_rmse):
        return f"The couplings are exact; {edges}."
    yardsticks = f"J = 0 has {comparison.zero_neg_log_rmse:.2f}"
    if bound is not None:
        yardsticks += f" and the bound is {bound:.2f}"
    return f"−log RMSE {comparison.neg_log_rmse:.2f}, where {yardsticks}; {edges}."


def report_table(
    folder: RunFolder,
    config: RecoverConfig,
    recovery: Recovery,
    names: Sequence[str],
    fit: GoodnessOfFit,
    result: dict[str, Any],
) -> None:
    """Report the couplings of a user's table with their errors, and the goodness of fit: tables, and the page."""
    from discrete_ed.jobs.recover import figures

    n, d, method = result["samples"], result["spins"], result["goodness"]["model_draws"]
    quality = [["data against samples of the model", "difference", "expected from noise alone"]]
    for name, (error, noise) in fit.measures.items():
        measure = "total variation" if name == "numbers of spins up" else "root mean square"
        quality.append([f"{name}, {measure}", f"{error:.4f}", f"{noise:.4f}"])
    counted = _counted(result)
    print(
        f"{n} rows{counted}, {d} columns: {recovery.estimator}, {recovery.choice}; "
        f"{len(recovery.edges)} couplings of {d * (d - 1) // 2} pairs\n"
    )
    found = _no_pair(result)
    if len(recovery.edges):
        found = as_text(_strongest(recovery, [short(name) for name in names]))
    print(f"{found}\n\n{as_text(quality)}")
    likelihood = result["log_likelihood"]
    if likelihood is not None:
        print(
            f"log-likelihood of a row (exact): {likelihood['mean']:.4f}; "
            f"independent columns: {likelihood['independent']:.4f}"
        )
    _print_warnings(result)
    network = (
        "Blue: the two columns tend to be equal; red: they tend to differ; wide lines are strong couplings. Positions "
        "have no meaning."
    )
    if len(recovery.edges) > figures.STRONGEST:
        network += f" The {figures.STRONGEST} strongest of {len(recovery.edges)} couplings; edges.csv has all."
    plots: Plots = {
        "network": ("Who interacts with whom", lambda: figures.network(_of_edges(recovery), names), network),
        "couplings": (
            "All couplings",
            lambda: figures.coupling_matrices({"learned": recovery.couplings}, names),
            "Rows and columns in the order of the table.",
        ),
        "goodness": (
            "Goodness of fit",
            lambda: figures.goodness_of_fit(fit),
            f"Samples of the model: {method}. Points on the dashed lines are reproduced exactly; triples were not "
            "fitted.",
        ),
    }
    tables = {"Strongest couplings": _strongest(recovery, names)} if len(recovery.edges) else {}
    tables["Data against the model"] = quality
    if d <= TABLED:
        tables["Fields"] = _fields(recovery, names)
    else:
        plots["fields"] = (
            "Fields",
            lambda: figures.fields(*recovery.field_intervals, names),
            "With a field above 0, a column tends to 1 if all others are balanced. fields.csv has the numbers.",
        )
    lead = "" if len(recovery.edges) else f"{_no_pair(result)}. "
    lead += (
        f"Learned from {n} observations{counted} of {d} binary columns by "
        f"{recovery.estimator}: {recovery.choice}. Couplings are those of E(s) = −½ sᵀJs − hᵀs, where s is −1 for 0 "
        "and +1 for 1, each pair counted once; for bits, as IsingFit reports them, couplings are 4 J and thresholds "
        "2 h − 2 Σ J (columns coupling_01 and threshold_01 of edges.csv and fields.csv). Unless L1 was "
        "chosen, the intervals treat the selected pairs as given; that they were selected with the same data is not "
        "accounted for."
    )
    title = f"Ising model of {Path(result['data']).name}"
    _write_page(folder, config, title, verdict_on_table(recovery, fit), lead, tables, plots, recovery, result)


def _no_pair(result: dict[str, Any]) -> str:
    """What is said where no pair is found: that this is no evidence of independence where rows are few."""
    rows, unclear = result["rows"]["in_effect"], result["edges"]["not_identified"]
    few = f"; {rows:.0f} rows can show almost nothing but very strong couplings" if rows < FEW_ROWS else ""
    if unclear:
        couplings = "1 coupling is" if unclear == 1 else f"{unclear} couplings are"
        return f"No pair of columns can be called an edge, but {couplings} not identified (see the warnings){few}"
    return f"No pair of columns was found to interact{few}"


def _counted(result: dict[str, Any]) -> str:
    """How many rows the table counts as, in brackets; empty if each row counts once and no cell is missing."""
    rows, words = result["rows"], []
    if rows["counted"] != result["samples"]:
        words.append(f"counted {rows['counted']:.0f} times")
    if round(rows["in_effect"]) != round(rows["counted"]):
        words.append(f"as many as {rows['in_effect']:.0f} independent ones")
    if rows["left_out"]:
        words.append(f"{rows['left_out']} others left out")
    if rows["missing_cells"]:
        words.append(f"{rows['missing_cells']} cells missing")
    return f" ({'; '.join(words)})" if words else ""


def verdict_on_table(recovery: Recovery, fit: GoodnessOfFit) -> str:
    """One sentence: the number of pairs that interact, and whether the model reproduces the data."""
    d = len(recovery.fields)
    count, pairs = len(recovery.edges), d * (d - 1) // 2
    edges = f"{count} of {pairs} pairs {'interacts' if count == 1 else 'interact'}"
    called = {tuple(pair) for pair in recovery.edges.tolist()}
    unclear = sum(tuple(pair) not in called for pair in recovery.unclear.tolist())
    if unclear:
        edges += f", and {unclear} more {'is' if unclear == 1 else 'are'} not identified"
    largest = max((error / noise for error, noise in fit.measures.values() if noise > 0), default=0.0)
    if fit.failed:
        names = ", ".join(fit.failed)
        return f"{edges}, but the model does not reproduce the data: {names} differ by up to {largest:.1f} × the noise."
    return f"{edges}; no measure of the data differs from the model by more than {largest:.1f} × what noise explains."


def _measure(value: float | None) -> list[str]:
    """−log RMSE of the published couplings and RMSE of the physics ones; a dash for the logarithm of zero."""
    return [MISSING, MISSING] if value is None else [f"{value:.2f}", f"{2 * np.exp(-value):.4f}"]


def _of_edges(recovery: Recovery) -> np.ndarray:
    """The couplings of the edges, `(D, D)`; zero elsewhere."""
    couplings = np.zeros_like(recovery.couplings)
    i, j = recovery.edges.T
    couplings[i, j] = couplings[j, i] = recovery.couplings[i, j]
    return couplings


def _strongest(recovery: Recovery, names: Sequence[str]) -> Rows:
    rows = [["the strongest couplings", "J", "95% interval", "z"]]
    middles, errors = recovery.intervals
    for i, j in recovery.edges[:STRONGEST].tolist():
        value, middle, error = recovery.couplings[i, j], middles[i, j], errors[i, j]
        low, high = interval_95(middle, error)
        cells = [f"{low:.3f} … {high:.3f}", f"{middle / error:.1f}"]
        if np.isinf(error):
            cells = ["not identified", MISSING]
        rows.append([f"{names[i]} – {names[j]}", f"{value:.3f}", *cells])
    return rows


def _fields(recovery: Recovery, names: Sequence[str]) -> Rows:
    rows = [["column", "h", "95% interval"]]
    for name, value, middle, error in zip(names, recovery.fields, *recovery.field_intervals, strict=True):
        low, high = interval_95(middle, error)
        rows.append([name, f"{value:.3f}", f"{low:.3f} … {high:.3f}"])
    return rows


def _print_warnings(result: dict[str, Any]) -> None:
    for warning in result["warnings"]:
        print(f"warning: {warning}")


def _write_page(
    folder: RunFolder,
    config: RecoverConfig,
    title: str,
    verdict: str,
    lead: str,
    tables: dict[str, Rows],
    plots: Plots,
    recovery: Recovery,
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    images = folder.plot(plots)
    facts = {
        **reported_options(config, table=config.data is not None),
        **{name: "of the graph" for name in ("sigma", "field") if result.get(name, "") is None},
        **{f"seconds to {phase}": f"{seconds:.1f}" for phase, seconds in result["seconds"].items()},
    }
    if recovery.held_out:
        rows = [["candidate", "negative log pseudo-likelihood of held-out rows"]]
        rows += [[name, f"{loss:.4f}"] for name, loss in recovery.held_out.items()]
        tables = {**tables, "Candidates on held-out data": rows}
    html = page.render_page(title, verdict, lead, tables, images, facts, warnings=result["warnings"], marked=False)
    folder.write("report.html", html.encode())
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
