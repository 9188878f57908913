"""The judging job: score anybody's graph files."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
from matplotlib.figure import Figure
from tqdm import tqdm

from discrete_ed.checkpoint import write_atomically
from discrete_ed.distributed import ranks
from discrete_ed.errors import InputError
from discrete_ed.experiments.configs import Evaluate, EvaluateGraphs
from discrete_ed.graphs.evaluation import evaluate_graphs
from discrete_ed.graphs.io import read_graphs
from discrete_ed.report import figures, page, tables


def run(config: EvaluateGraphs | Evaluate) -> dict[str, Any]:
    """Score the files, print the table, and write the JSON file and the page if they are named.

    Returns:
        What the JSON file holds: the result of `evaluate_graphs`; for several generated files
        `{"generators": {file: result}}`.

    Raises:
        InputError: a file that can't be read or written.
    """
    for name, path in (("json", config.json), ("report", config.report)):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise InputError(f"{name}: expected a file in a folder that is there, got {path}")
    files = (config.generated,) if isinstance(config, EvaluateGraphs) else config.generated
    train = None if config.train is None else read_graphs(config.train)
    reference = read_graphs(config.reference)
    generated = dict(zip(_labels(files), map(read_graphs, files), strict=True))
    results = {
        label: evaluate_graphs(
            reference,
            graphs,
            train,
            protocol=config.protocol,
            valid=config.valid,
            seed=config.seed,
            progress=True,
        )
        for label, graphs in generated.items()
    }
    if len(results) == 1:
        (result,) = results.values()
        print(tables.summary(result))
    else:
        result = {"generators": results}
        print(tables.comparison_summary(results))
    if config.json is not None:
        _write("json", config.json, json.dumps(result, indent=2, allow_nan=False) + "\n")
    if config.report is not None:
        _write("report", config.report, _page(config, reference, train, generated, results))
        print(f"\nwritten to {config.report}")
    return result


def _labels(files: tuple[Path, ...]) -> list[str]:
    """File names, or whole paths where two are alike."""
    names = [path.name for path in files]
    return names if len(set(names)) == len(names) else [str(path) for path in files]


def _write(name: str, path: Path, text: str) -> None:
    if ranks().rank:
        return
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"{name}: expected a file to write to, but {path}: {error.strerror}") from None


def _page(
    config: EvaluateGraphs | Evaluate,
    reference: list[nx.Graph],
    train: list[nx.Graph] | None,
    generated: Mapping[str, list[nx.Graph]],
    results: Mapping[str, dict[str, Any]],
) -> str:
    several = len(results) > 1
    scores: dict[str, list[list[str]]] = {"The generators compared": tables.comparison(results)} if several else {}
    images: dict[str, tuple[bytes, str]] = {}
    for label, graphs in tqdm(generated.items(), desc="draw", leave=False):
        result = results[label]
        scores[f"Scores of {label}"] = tables.score_table(result)
        scores[f"The graphs of {label}"] = [["", "value"], *map(list, tables.overall(result))]
        gallery = figures.gallery(reference, graphs, left="reference graphs", right=label)
        images[f"Reference graphs and {label}"] = _png(gallery), "The first graphs of both files, in the same layout."
        sets = {"reference": reference, **({} if train is None else {"training": train}), label: graphs}
        images[f"What they are made of: {label}"] = (
            _png(figures.statistics(sets)),
            "How the sets of graphs distribute; the scores above compare graphs, these pictures pool them.",
        )
    lead = (
        f"{' and '.join(results)} against {len(reference)} graphs of {config.reference.name}. Read a score beside its "
        "floor, what real graphs score: below it, differences are noise or memorised graphs."
    )
    facts = {name: value for name, value in vars(config).items() if name not in ("json", "report", "generated")}
    facts["generated"] = ", ".join(generated)
    return page.render_page(f"Scores: {', '.join(results)}", lead, scores, images, facts, tables.common_notes(results))


def _png(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, dpi=130)
    return png.getvalue()
