"""The scores of an evaluation as CSV, with all digits, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from discrete_ed.graphs.evaluation import GraphEvaluation


def csv_tables(evaluations: Mapping[str, GraphEvaluation]) -> dict[str, bytes]:
    """The content of `scores.csv` and `overall.csv`.

    `scores` has a row for each generator and statistic, the mean of three among them, with a column for each number of
    `StatisticScores`. `overall` has a row for each generator, with a column for everything else that `to_dict` gives.
    """
    scores, overall = [], []
    for label, evaluation in evaluations.items():
        whole = evaluation.to_dict()
        rows = {**whole.pop("statistics"), "mean of 3": whole.pop("mean")}
        scores += [{"generator": label, "statistic": name, **_flat(row)} for name, row in rows.items()]
        overall.append({"generator": label, **_flat(whole)})
    return {"scores.csv": _as_csv(scores), "overall.csv": _as_csv(overall)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries and lists as one dictionary, with dots between the names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            flat |= _flat(dict(enumerate(value)), f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
