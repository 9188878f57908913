"""Saved models of tables: a folder with the weights, the columns, and the rows from which chains start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from discrete_ed.density.scikit_learn import check_is_fitted
from discrete_ed.errors import InputError
from discrete_ed.runtime.files import read_verified, write_verified
from discrete_ed.tables.binned_copula import BinnedCopula
from discrete_ed.tables.bins import Bins
from discrete_ed.tables.columns import Column, TableSchema
from discrete_ed.tables.encoding import TableEncoder
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.estimator import TableEstimator
from discrete_ed.tables.law import RowLaw
from discrete_ed.tables.mixture import column_shares
from discrete_ed.tables.optional import pandas

WEIGHTS, COLUMNS = "weights.safetensors", "columns.json"
ROWS = "rows"
"""the name, among the weights, of the training rows, whose missing cells are −1"""
PRECISION = "precision"
"""the name, among the weights, of the precision of the copula in bins"""
MISSING = -1
KIND = "table model"


def save_table_estimator(folder: str | Path, model: TableEstimator) -> None:
    """Save a fitted `TableEstimator`: its energy, columns and bins, and its training rows, at which chains start.

    The folder holds `weights.safetensors`, `columns.json` and a manifest with their SHA-256. Whoever gets it can read
    the training rows, with numbers up to their bin.

    Raises:
        InputError: a model that isn't fitted; names or values of columns other than words, numbers and truth values;
            names that are written alike, such as 1 and "1"; a folder that can't be written.

    >>> import tempfile
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"kind": ["a", "b"] * 20, "size": [1.5, 2.5, 3.5, 4.5] * 10})
    >>> model = TableEstimator(steps=1, random_state=0).fit(frame)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     save_table_estimator(place, model)
    ...     loaded = load_table_estimator(place)
    >>> loaded.sample(9, random_state=1).equals(model.sample(9, random_state=1))
    True
    """
    check_is_fitted(model)
    names = [str(name) for name in model.encoder_.schema.names]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise InputError(f"model: expected names of columns that differ when they are written, got {twice} twice")
    rows = torch.from_numpy(np.nan_to_num(model._rows, nan=MISSING).astype(np.int32))
    state = {name: value.detach().contiguous().clone() for name, value in model.energy_.state_dict().items()}
    precision = torch.from_numpy(model.encoder_.copula.precision).contiguous()
    facts: dict[str, Any] = {
        "columns": [_described(column) for column in model.encoder_.schema.columns],
        "bins": {str(column.name): [bins.cuts, bins.knots] for column, bins in _bins(model.encoder_)},
        "shares": [ends.tolist() for ends in model.encoder_.copula.ends],
        "features": model.energy_.table.shape[1],
        "width": model.energy_.hidden.out_features,
        "components": len(model.energy_.log_weights),
        "step": model.step_,
        "seed": model._seed_of_fit,
        "distance_of_starts": model.distance_of_starts_,
    }
    files = {
        WEIGHTS: safetensors.torch.save({**state, ROWS: rows, PRECISION: precision}),
        COLUMNS: json.dumps(facts).encode(),
    }
    try:
        write_verified(Path(folder), files, kind=KIND)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder to save in, but {error.strerror or error}") from None


def load_table_estimator(folder: str | Path) -> TableEstimator:
    """Load a model that `save_table_estimator` saved: it samples, imputes and scores as it did, and isn't fitted anew.

    Raises:
        InputError: a file is missing, unreadable or changed since it was saved.

    >>> import tempfile
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"kind": ["a", "b"] * 20, "size": [1.5, 2.5, 3.5, 4.5] * 10})
    >>> with tempfile.TemporaryDirectory() as place:
    ...     save_table_estimator(place, TableEstimator(steps=1, random_state=0).fit(frame))
    ...     load_table_estimator(place).sample(2, random_state=1).columns.tolist()
    ['kind', 'size']
    """
    folder = Path(folder)
    manifest, files = read_verified(folder, [WEIGHTS, COLUMNS], ["kind"], "a saved model of a table")
    try:  # safetensors reads tensors only, and unpickles nothing
        facts, state = json.loads(files[COLUMNS]), safetensors.torch.load(files[WEIGHTS])
        columns = tuple(_column(each) for each in facts["columns"])
        named = {str(column.name): column.name for column in columns}
        bins = {
            named[name]: Bins(tuple(cuts), tuple(map(tuple, knots))) for name, (cuts, knots) in facts["bins"].items()
        }
        copula = BinnedCopula(tuple(map(np.array, facts["shares"])), state.pop(PRECISION).numpy())
        encoder = TableEncoder(TableSchema(columns), bins, copula)
        rows = state.pop(ROWS).double().numpy()
        energy = TableEnergy(encoder.sizes, facts["features"], facts["width"], facts["components"]).double()
        energy.load_state_dict(state)
        seed, step, distance = int(facts["seed"]), int(facts["step"]), float(facts["distance_of_starts"])
    except Exception as error:  # whatever a changed manifest leads to
        raise InputError(f"{folder}: expected a saved model of a table, got {type(error).__name__}: {error}") from None
    if manifest["kind"] != KIND:
        raise InputError(f"{folder}: expected a saved model of a table, got {manifest['kind']!s:.60}")
    rows[rows == MISSING] = np.nan
    model = TableEstimator(random_state=seed, width=facts["width"])
    model.step_, model.validation_scores_, model.couplings_ = step, [], None
    law = RowLaw(energy.eval()) if RowLaw.is_small(encoder.sizes) else None
    return model._fitted(encoder, energy, law, rows, column_shares(rows, encoder.sizes), seed, distance)


def _bins(encoder: TableEncoder) -> list[tuple[Column, Bins]]:
    return [(column, encoder.bins[column.name]) for column in encoder.schema.columns if not column.is_discrete]


def _described(column: Column) -> dict[str, Any]:
    values = [value.item() if isinstance(value, np.generic) else value for value in column.values]
    for what in (column.name, *values):
        if not isinstance(what, str | int | float | bool):
            raise InputError(f"column {column.name!r}: expected names and values that can be saved, got {what!r:.60}")
    dtype: Any = str(column.dtype)
    if isinstance(column.dtype, pandas().CategoricalDtype):
        dtype = {"categories": column.dtype.categories.tolist(), "ordered": bool(column.dtype.ordered)}
    return {"name": column.name, "kind": column.kind, "dtype": dtype, "values": values, "decimals": column.decimals}


def _column(facts: dict[str, Any]) -> Column:
    dtype = facts["dtype"]
    if isinstance(dtype, dict):
        dtype = pandas().CategoricalDtype(dtype["categories"], dtype["ordered"])
    else:
        dtype = pandas().api.types.pandas_dtype(dtype)
    return Column(facts["name"], facts["kind"], dtype, tuple(facts["values"]), facts["decimals"])
