"""The files that recovered couplings are written to: arrays, tables, and the network."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import networkx as nx
import numpy as np

from discrete_ed.ising import Parameters, Recovery
from discrete_ed.ising.comparison import interval_95
from discrete_ed.jobs.run_folder import RunFolder

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""characters that XML can't contain"""
Rows = list[list[str]]


def write_couplings(
    folder: RunFolder,
    recovery: Recovery,
    truth: Parameters | None = None,
    *,
    with_fields: bool = False,
    names: Sequence[str] | None = None,
) -> None:
    """`couplings.npz`, in the physics convention, and the couplings and thresholds over bits as well.

    The ends of 95% intervals, `low_95` and `high_95`, are infinite where the rows don't tell a coupling apart from
    others, and NaN for pairs that were left out instead of estimated.

    Args:
        truth: the true couplings, if they are known.
        with_fields: whether the true fields are written as well.
        names: names of the columns, if they have names.
    """
    low, high = interval_95(*recovery.intervals)
    arrays = {
        "couplings": recovery.couplings,
        "fields": recovery.fields,
        "standard_errors": recovery.standard_errors,
        "field_errors": recovery.field_errors,
        "low_95": low,
        "high_95": high,
        "couplings_01": recovery.bit_parameters.couplings,
        "thresholds_01": recovery.bit_parameters.fields,
    }
    if truth is not None:
        arrays["true_couplings"] = truth.couplings
        if with_fields:
            arrays["true_fields"] = truth.fields
    if names is not None:
        arrays["names"] = np.array(names)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    folder.write("couplings.npz", buffer.getvalue())


def write_matrix(folder: RunFolder, recovery: Recovery, names: Sequence[str]) -> None:
    """`couplings.csv`: the matrix `J`, its rows and columns named."""
    rows = [["", *names]]
    rows += [[name, *(f"{value:.6g}" for value in row)] for name, row in zip(names, recovery.couplings, strict=True)]
    _write_rows(folder, "couplings.csv", rows)


def write_network(folder: RunFolder, recovery: Recovery, names: Sequence[str]) -> None:
    """`network.graphml`: nodes named, with `field`; edges with `coupling` and `standard_error`.

    `interaction_graph` reads it as a known model.
    """
    labels = [NO_XML.sub("\N{REPLACEMENT CHARACTER}", name) for name in names]
    if len(set(labels)) < len(labels):
        labels = [f"{number} {name}" for number, name in enumerate(labels, 1)]
    graph = nx.Graph()
    graph.add_nodes_from((name, {"field": value}) for name, value in zip(labels, recovery.fields.tolist(), strict=True))
    errors = recovery.intervals[1]
    for i, j in recovery.edges.tolist():
        value, error = recovery.couplings[i, j].item(), errors[i, j].item()
        graph.add_edge(labels[i], labels[j], coupling=value, standard_error=error)
    folder.write("network.graphml", "\n".join(nx.generate_graphml(graph)).encode())


def write_edges(folder: RunFolder, recovery: Recovery, names: Sequence[str], tables: np.ndarray) -> None:
    """`edges.csv`: every edge with its coupling, standard error, interval and z, and the pair's 2×2 table.

    The error and the ends of the interval are infinite where the rows don't tell the coupling apart from others. The
    last column is the coupling over bits, see `Recovery.bit_parameters`.

    Args:
        tables: the 2×2 table of each of the recovery's edges, `(P, 4)`.
    """
    rows = [["first", "second", "coupling", "standard_error", "low_95", "high_95", "z", "n11", "n10", "n01", "n00"]]
    rows[0].append("coupling_01")
    middles, errors = recovery.intervals
    for (i, j), counts in zip(recovery.edges.tolist(), tables.tolist(), strict=True):
        value, middle, error = recovery.couplings[i, j], middles[i, j], errors[i, j]
        numbers = (value, error, *interval_95(middle, error), middle / error)
        rows.append(
            [names[i], names[j], *(f"{number:.6g}" for number in numbers), *map(str, counts), f"{4 * value:.6g}"]
        )
    _write_rows(folder, "edges.csv", rows)


def write_fields(folder: RunFolder, recovery: Recovery, names: Sequence[str], ones: np.ndarray) -> None:
    """`fields.csv`: the field of every column, with its standard error and interval, the column's share of ones, and
    its threshold over bits, see `Recovery.bit_parameters`."""
    rows = [["name", "field", "standard_error", "low_95", "high_95", "share_of_ones", "threshold_01"]]
    columns = (names, recovery.fields, recovery.field_errors, ones, recovery.bit_parameters.fields)
    for name, value, error, share, bit in zip(*columns, strict=True):
        rows.append([name, *(f"{number:.6g}" for number in (value, error, *interval_95(value, error), share, bit))])
    _write_rows(folder, "fields.csv", rows)


def _write_rows(folder: RunFolder, name: str, rows: Rows) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    folder.write(name, file.getvalue().encode())
