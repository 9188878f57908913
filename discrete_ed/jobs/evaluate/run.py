"""The judging job: score anybody's graph files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import networkx as nx
from tqdm import tqdm

from discrete_ed.errors import InputError
from discrete_ed.graphs.evaluation import check_sets, do, evaluate_graphs
from discrete_ed.graphs.io import graph_files, read_graphs
from discrete_ed.jobs import page
from discrete_ed.jobs.evaluate import tables
from discrete_ed.jobs.evaluate.config import EvaluateConfig, EvaluateGraphsConfig
from discrete_ed.jobs.generate import figures
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.jobs.style import page_figure
from discrete_ed.runtime.distributed import ranks
from discrete_ed.runtime.files import write_atomically

JOBS = {EvaluateConfig: "evaluate", EvaluateGraphsConfig: "evaluate-graphs"}
HIDDEN = ("generated", "json", "report", "out", "resume")
"""What the page doesn't tell, or tells in other words."""


def run(config: EvaluateGraphsConfig | EvaluateConfig) -> dict[str, Any]:
    """Score the files, print the table, and write what is asked for: JSON file, page, run folder.

    Returns:
        What the JSON file holds: the result of `evaluate_graphs`; for several generated files
        `{"generators": {file: result}}`.

    Raises:
        InputError: a file that can't be read or written, or that was changed since the run to resume began; a run
            folder that can't be used.
    """
    job = JOBS[type(config)]
    config = resumed(config, job)
    path, files = _inputs(config)
    for name, target in (("json", config.json), ("report", config.report)):
        if target is not None and (target.is_dir() or not target.parent.is_dir()):
            raise InputError(f"{name}: expected a file in a folder that is there, got {target}")
    train = None if config.train is None else read_graphs(config.train)
    reference = read_graphs(path)
    generated = dict(zip(_labels(files), map(read_graphs, files), strict=True))
    sets = {"reference": reference, **({} if train is None else {"train": train})}
    sets |= {f"generated {label}": graphs for label, graphs in generated.items()}
    check_sets(sets, config.protocol)  # before a folder is there, and before any of them is judged
    given = [path, *files, *([] if config.train is None else [config.train])]
    inputs = [file for each in given for file in graph_files(each)]
    with nullcontext() if config.out is None else RunFolder(config.out, job, "", config, inputs) as folder:
        results = {
            label: evaluate_graphs(
                reference,
                graphs,
                train,
                protocol=config.protocol,
                valid=config.valid,
                seed=config.seed,
                progress=True,
                once=do if folder is None else folder.cached_in(str(number)),
            )
            for number, (label, graphs) in enumerate(generated.items())
        }
        if len(results) == 1:
            (result,) = results.values()
            print(tables.summary(result))
        else:
            result = {"generators": results}
            print(tables.comparison_summary(results))
        if config.json is not None:
            _write("json", config.json, json.dumps(result, indent=2, allow_nan=False) + "\n")
        reports = [config.report, None if folder is None else folder.path / "report.html"]
        if any(reports) and ranks().rank == 0:
            html = _page(config, path, reference, train, generated, results)
            for report in filter(None, reports):
                _write("report", report, html)
                print(f"\nwritten to {report}")
        if folder is not None:
            folder.finish(result)
    return result


def _inputs(config: EvaluateGraphsConfig | EvaluateConfig) -> tuple[Path, tuple[Path, ...]]:
    """The reference file and the generated ones, which must be named."""
    files = (config.generated,) if isinstance(config.generated, Path) else config.generated or ()
    if config.reference is None or not files:
        given = " and ".join(str(path) for path in (config.reference, *files) if path is not None)
        raise InputError(
            "reference, generated: expected at least one file of generated graphs beside one of test graphs, or "
            f"--resume with the folder of a run, got {f'only {given}' if given else 'none'}"
        )
    return config.reference, files


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
    config: EvaluateGraphsConfig | EvaluateConfig,
    path: Path,
    reference: list[nx.Graph],
    train: list[nx.Graph] | None,
    generated: Mapping[str, list[nx.Graph]],
    results: Mapping[str, dict[str, Any]],
) -> str:
    several = len(results) > 1
    scores: dict[str, list[list[str]]] = {"The generators compared": tables.comparison(results)} if several else {}
    images: list[page.PageFigure] = []
    for label, graphs in tqdm(generated.items(), desc="draw", leave=False):
        result = results[label]
        scores[f"Scores of {label}"] = tables.score_table(result)
        scores[f"The graphs of {label}"] = [["", "value"], *map(list, tables.overall(result))]
        gallery = figures.gallery(reference, graphs, left="reference graphs", right=label)
        caption = (
            "The first graphs of both files, in the same layout; of a graph with more than "
            f"{figures.MOST_LINES:,} edges as many are drawn, chosen at random."
        )
        images.append(page_figure(f"Reference graphs and {label}", gallery, caption))
        sets = {"reference": reference, **({} if train is None else {"training": train}), label: graphs}
        caption = "How the sets of graphs distribute; the scores above compare graphs, these pictures pool them."
        images.append(page_figure(f"What they are made of: {label}", figures.statistics(sets), caption))
    lead = (
        f"{' and '.join(results)} against {len(reference)} graphs of {path.name}. Read a score beside its "
        "floor, what real graphs score: below it, differences are noise or memorised graphs."
    )
    facts = {name: value for name, value in vars(config).items() if name not in HIDDEN and value is not None}
    facts["generated"] = ", ".join(generated)
    title, told = f"Scores: {', '.join(results)}", tables.common_notes(results)
    return page.render_page(title, lead, "", scores, images, facts, told, marked=len(results) == 1)
