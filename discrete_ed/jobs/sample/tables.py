"""More rows from a run of `estimate` on a table of any kind: a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from discrete_ed.errors import InputError
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.table_runs import expect_new_file, open_table_run, write_rows

FACTS: dict[str, Any] = {"run": True, "graph_energy": False}


def sample_rows_of(run: Path, config: SampleConfig) -> dict[str, Any]:
    """Sample rows from the model of the run, and write them.

    Raises:
        InputError: an option without effect, a run without a model, or an `out` that is no new CSV file.
    """
    refuse_options_without_effect(config, **FACTS)
    if config.out is None or config.out.suffix.lower() != ".csv":
        raise InputError(f"out: expected a new CSV file for rows of a table, got {config.out or 'none'}")
    expect_new_file(config.out)
    model = open_table_run(run)
    count = model.rows_ if config.samples is None else config.samples
    rows = model.sample(count, random_state=config.seed)
    write_rows(config.out, rows)
    print(f"{count} rows of {rows.shape[1]} columns, written to {config.out}; evaluate-tables judges them")
    return {"rows": count}
