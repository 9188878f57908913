"""The job `evaluate`: read graph files, score them, and write the result."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.evaluation import GraphEvaluation, check_sets, evaluate_graphs
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.measures import check_measures
from discrete_ed.graphs.phases import compute_phase
from discrete_ed.jobs import graph_tables
from discrete_ed.jobs.evaluate import report
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.evaluate.sources import find_sources
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.progress import phase_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.runtime.distributed import ranks
from discrete_ed.runtime.files import write_atomically

JOB = "evaluate"


def run(config: EvaluateConfig) -> dict[str, Any]:
    """Score the files, print the table, and write the JSON file, the page and the run folder that were asked for.

    Returns:
        The content of the JSON file: the evaluation as a dictionary, see `GraphEvaluation.to_dict`; for several
        generated files `{"generators": {file: evaluation}}`.

    Raises:
        InputError: a file that can't be read or written, or that was changed since the run to resume began; a run
            folder that can't be used; no files to score.
    """
    config = resumed(config, JOB)
    for name, target in (("json", config.json), ("report", config.report)):
        if target is not None and (target.is_dir() or not target.parent.is_dir()):
            raise InputError(f"{name}: expected a file in an existing folder, got {target}")
    sources = find_sources(config)
    _refuse_to_overwrite(config, sources.inputs)
    refuse_options_without_effect(config, sources.config, **sources.facts)
    config, reference, train = sources.config, sources.reference, sources.train
    sets = {"reference": reference, **({} if train is None else {"train": train})}
    sampled_later = sources.facts["snapshots"]
    generated = {} if sampled_later else sources.generated(None)
    sets |= {f"generated {label}": graphs for label, graphs in generated.items()}
    if train is not None and encode_graphs(".g6", train) == encode_graphs(".g6", reference):
        warnings.warn(
            "train: the training graphs are the reference graphs, so floor and novelty say nothing", stacklevel=2
        )
    lists = check_sets(sets, config.protocol)  # before the run folder is made, and before hours of scoring
    check_measures(config.measures, lists)
    place = (
        nullcontext() if config.out is None else RunFolder(config.out, JOB, "", config, sources.inputs, sources.facts)
    )
    with place as folder:
        generated = generated or sources.generated(folder)
        evaluations = _evaluate(config, reference, train, generated, folder)
        result = _result(evaluations)
        print(
            graph_tables.summary(*evaluations.values())
            if len(evaluations) == 1
            else graph_tables.comparison_summary(evaluations)
        )
        if config.json is not None:
            _write("json", config.json, json.dumps(result, indent=2, allow_nan=False) + "\n")
        reports = [config.report, None if folder is None else folder.path / "report.html"]
        if any(reports) and ranks().rank == 0:
            html, beside = report.render(sources, generated, evaluations)
            for file in filter(None, reports):
                _write("report", file, html)
                prefix = "" if file.name == "report.html" else f"{file.stem}-"
                for name, content in beside.items():
                    _write("report", file.with_name(f"{prefix}{name}"), content)
                print(f"\nwritten to {file}, and beside it {prefix}scores.csv, {prefix}overall.csv and the figures")
        if folder is not None:
            folder.finish(result)
    return result


def _refuse_to_overwrite(config: EvaluateConfig, inputs: list[Path]) -> None:
    """Refuse to write the JSON file or the page over a file that is read, or over each other."""
    kept = {file.resolve() for file in inputs}
    for name, target in (("json", config.json), ("report", config.report)):
        if target is not None and target.resolve() in kept:
            raise InputError(f"{name}: expected a file that is neither read nor written otherwise, got {target}")
        kept |= set() if target is None else {target.resolve()}


def _evaluate(
    config: EvaluateConfig,
    reference: list[nx.Graph],
    train: list[nx.Graph] | None,
    generated: Mapping[str, list[nx.Graph]],
    folder: RunFolder | None,
) -> dict[str, GraphEvaluation]:
    evaluations = {}
    for number, (label, graphs) in enumerate(generated.items()):
        with phase_progress("score") as callback:
            evaluations[label] = evaluate_graphs(
                reference,
                graphs,
                train,
                protocol=config.protocol,
                valid=config.valid,
                pieces=config.pieces,
                measures=config.measures,
                seed=config.seed,
                callback=callback,
                phase_cache=compute_phase if folder is None else folder.cached_in(str(number)),
            )
    return evaluations


def _result(evaluations: Mapping[str, GraphEvaluation]) -> dict[str, Any]:
    results = {label: evaluation.to_dict() for label, evaluation in evaluations.items()}
    return {"generators": results} if len(results) > 1 else next(iter(results.values()))


def _write(name: str, path: Path, content: str | bytes) -> None:
    if ranks().rank:
        return
    try:
        write_atomically(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{name}: expected a file to write to, but {path}: {error.strerror}") from None
