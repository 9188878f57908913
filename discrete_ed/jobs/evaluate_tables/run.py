"""The job that scores synthetic tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from discrete_ed.errors import InputError
from discrete_ed.jobs.evaluate_tables import report
from discrete_ed.jobs.evaluate_tables.config import EvaluateTablesConfig
from discrete_ed.jobs.progress import phase_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text
from discrete_ed.tables import parse_types, read_frame
from discrete_ed.tables.evaluation import prepare_tables, score_tables

if TYPE_CHECKING:
    from pandas import DataFrame

JOB = "evaluate-tables"


def run(config: EvaluateTablesConfig) -> dict[str, Any]:
    """Score the tables, and write everything to a run folder; returns the content of `result.json`.

    Raises:
        InputError: tables that can't be read or compared, types or targets that no column has, a run folder in use.
    """
    config = resumed(config, JOB)
    if not config.files:
        raise InputError("files: expected a real table and at least one synthetic one, got none")
    types = parse_types(config.types)
    real, *synthetic = config.files
    inputs = [*config.files, *filter(None, [config.held_out])]
    words = [name for name, kind in types.items() if kind != "number"]
    first = read_frame(real, words=words)
    frames = {real: first, **{path: read_frame(path, words=words, like=first) for path in inputs if path != real}}
    held_out = None if config.held_out is None else frames[config.held_out]
    prepared = prepare_tables(  # before the run folder is made
        frames[real], held_out, _named(synthetic, frames), types=types, targets=config.target, seed=config.seed
    )
    with RunFolder(config.out, JOB, real.stem, config, inputs) as folder:
        with phase_progress("score") as callback:
            evaluation = score_tables(
                prepared, targets=config.target, trees=config.trees, seed=config.seed, callback=callback
            )
        result = {"real": str(real), "seed": config.seed, **evaluation.to_dict()}
        if folder.writes:
            report.write_report(folder, config, prepared, evaluation)
        folder.finish(result)
    print(f"{report.verdict(evaluation)}\n")
    print(as_text(report.score_table(evaluation)))
    print("", *report.config_notes(config, evaluation), sep="\n")
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
    return result


def _named(synthetic: list[Path], frames: dict[Path, DataFrame]) -> dict[str, DataFrame]:
    """Synthetic tables by the names of their files, or by whole paths if two names are the same."""
    names = [path.name for path in synthetic]
    labels = names if len(set(names)) == len(names) else [str(path) for path in synthetic]
    return {label: frames[path] for label, path in zip(labels, synthetic, strict=True)}
