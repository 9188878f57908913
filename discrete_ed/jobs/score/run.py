"""The job that scores new rows under a fitted density."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from discrete_ed.data import Table, read_table
from discrete_ed.density.conditional import log_sites
from discrete_ed.energies.saving import load_energy
from discrete_ed.errors import InputError
from discrete_ed.jobs.row_scores import LEAST_PROBABLE, least_probable, row_lines, rows_as_csv
from discrete_ed.jobs.score.config import ScoreConfig
from discrete_ed.jobs.table_runs import anomalies, expect_new_file, is_table_run, open_table_run, rows_for, write_rows
from discrete_ed.jobs.text import as_text
from discrete_ed.likelihood import Bracket, LogPartition, log_likelihood
from discrete_ed.runtime.files import write_atomically


@dataclass(frozen=True)
class _FittedRun:
    columns: tuple[str, ...]
    log_partition: LogPartition
    test_log_likelihood: float


def run(config: ScoreConfig) -> dict[str, Any]:
    """Score the rows and write the CSV file; returns what is printed.

    Raises:
        InputError: the run isn't finished or wasn't on a table, the table has other columns, or the file exists.
    """
    if config.run is None or config.table is None:
        raise InputError("run, table: expected the run folder of a job estimate and a table, got not both")
    if is_table_run(config.run):
        return score_table(config.run, config.table, config.out)
    fitted = read_run(config.run)
    try:
        table = read_table(config.table)
    except InputError as error:
        way_on = (
            "; rows with missing cells are scored by DensityEstimator in Python" if "a missing" in str(error) else ""
        )
        raise InputError(f"{error}{way_on}") from None
    path = config.out or config.table.with_name(f"{config.table.stem}.scores.csv")
    if path.exists():
        raise InputError(f"out: expected a new file, got {path}, which exists")
    energy = load_energy(config.run / "checkpoint").double()
    x = torch.from_numpy(table.values[:, _order(table, config.table, fitted.columns)]).double()
    scores = log_likelihood(energy, x, fitted.log_partition)
    lines = row_lines(scores, log_sites(energy, x), fitted.columns)
    try:
        write_atomically(path, rows_as_csv(lines))
    except OSError as error:
        raise InputError(f"out: expected a file that can be written, got {path}: {error.strerror or error}") from None
    result = {
        "rows": len(x),
        "log_likelihood": scores.mean,
        "error": scores.error,
        "lower": scores.lower,
        "upper": scores.upper,
        "exact": scores.exact,
        "test_log_likelihood": fitted.test_log_likelihood,
    }
    certainty = "exact" if scores.exact else f"between {scores.lower:.3f} and {scores.upper:.3f}"
    print(
        f"{len(x)} rows have a mean log-likelihood of {scores.mean:.3f} ± {scores.error:.3f} nats ({certainty}); the "
        f"test rows of the run have {fitted.test_log_likelihood:.3f}.\n\nThe least probable rows:\n"
    )
    print(as_text(least_probable(lines, scores)))
    print(f"\nwritten to {path}")
    return result


def score_table(run: Path, table: Path, out: Path | None) -> dict[str, Any]:
    """Score the rows of a table of any kind under the model of its run."""
    path = out or table.with_name(f"{table.stem}.scores.csv")
    expect_new_file(path)
    model = open_table_run(run)
    rows, lines = rows_for(model, table)
    found = anomalies(model, rows, lines)
    write_rows(path, found)
    test = float(json.loads((run / "result.json").read_bytes())["log_conditionals"])
    mean, error = -found["anomaly_score"].mean(), found["anomaly_score"].sem()
    print(
        f"Cells of {len(rows)} rows have a log-probability of {mean:.3f} ± {error:.3f} nats a row given the other "
        f"cells; the test rows of the run have {test:.3f}.\n\nThe least expected rows:\n"
    )
    shown = found.nlargest(LEAST_PROBABLE, "anomaly_score")[list(found.columns[-4:])]
    print(as_text([list(shown.columns), *shown.round(3).astype(str).to_numpy().tolist()]))
    print(f"\nwritten to {path}")
    return {"rows": len(rows), "log_conditionals": float(mean), "error": float(error), "test_log_conditionals": test}


def read_run(folder: Path) -> _FittedRun:
    """What a finished run of the job estimate says about its columns and its log Z.

    Raises:
        InputError: there is no such run, or it was on data that are no table.
    """
    path = folder / "result.json"
    try:
        result = json.loads(path.read_bytes())
        log_z = result["log_z"]
        ends = [float(log_z[name]) for name in ("forward", "reverse", "forward_error", "reverse_error")]
        test = float(result["test_log_likelihood"])
        exact = bool(result["exact"])
        columns = result.get("columns")
    except OSError:
        raise InputError(f"{folder}: expected the run folder of a finished job estimate, got no result.json") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: expected the result of the job estimate, got something else") from None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InputError(f"{path}: expected a run on a table, whose columns have names, got none")
    return _FittedRun(tuple(columns), LogPartition(Bracket(*ends), exact=exact), test)


def _order(table: Table, path: Path, columns: tuple[str, ...]) -> list[int]:
    """The position in the table of each column of the run: by name, or by position if the table has no names."""
    if set(table.names) == set(columns):
        return [table.names.index(name) for name in columns]
    unnamed = table.names == tuple(f"x{k}" for k in range(1, len(table.names) + 1))
    if unnamed and len(table.names) == len(columns):
        print(f"note: {path} names no columns, so they are taken in the order of the run", file=sys.stderr)
        return list(range(len(columns)))
    missing = [name for name in columns if name not in table.names]
    more = [name for name in table.names if name not in columns]
    got = f"no {missing[0]!r}" if missing else f"{more[0]!r} as well"
    raise InputError(f"{path}: expected the {len(columns)} columns of the run, got {len(table.names)}: {got}")
