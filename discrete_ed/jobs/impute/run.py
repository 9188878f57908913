"""The job that fills in missing cells."""

from __future__ import annotations

from typing import Any

from discrete_ed.errors import InputError
from discrete_ed.jobs.impute.config import ImputeConfig
from discrete_ed.jobs.table_runs import expect_new_file, is_table_run, open_table_run, rows_for, write_rows


def run(config: ImputeConfig) -> dict[str, Any]:
    """Fill in the cells and write the table; returns what is printed.

    Raises:
        InputError: a run on a binary table, or without a model; a table with other columns or values; an `out` that is
            no new file.
    """
    if config.run is None or config.table is None:
        raise InputError("run, table: expected the run folder of a job estimate and a table, got not both")
    if not is_table_run(config.run):
        raise InputError(
            f"{config.run}: expected a finished run of estimate on a table with other than binary columns, got none; "
            "DensityEstimator imputes binary tables in Python"
        )
    path = config.out or config.table.with_name(f"{config.table.stem}.filled.csv")
    expect_new_file(path)
    model = open_table_run(config.run)
    rows, _ = rows_for(model, config.table)
    filled = model.impute(rows, random_state=config.seed)
    write_rows(path, rows.assign(**dict(filled.items())))  # with the columns that the run has not seen
    cells = int(model.encoder_.schema.select(rows).isna().to_numpy().sum())
    print(f"{cells} missing cells of {len(rows)} rows filled in, written to {path}")
    return {"rows": len(rows), "cells": cells}
