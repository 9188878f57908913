"""The job estimate on a table with categories, ordinals, numbers and missing cells: fit, sample, judge, write."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.jobs import page
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.evaluate_tables import report
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, changed_options, reported_options
from discrete_ed.jobs.progress import phase_progress, restarting_progress
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.table_runs import MODEL as SAVED
from discrete_ed.jobs.table_runs import anomalies
from discrete_ed.jobs.text import as_text
from discrete_ed.tables import (
    TableEstimator,
    TableSchema,
    parse_types,
    read_frame,
    recognise_columns,
    save_table_estimator,
)
from discrete_ed.tables.doubts import DOUBTED
from discrete_ed.tables.evaluation import prepare_tables, score_tables
from discrete_ed.tables.reading import TEXT_ENDINGS, lines_of_rows
from discrete_ed.tables.recognition import GUESSED
from discrete_ed.tables.two_sample import LEAST_ROWS

if TYPE_CHECKING:
    from pandas import DataFrame

RECOGNISED = "auto"
"""the value of `--types` that says that the kinds of all columns are recognised"""
BINARY = ({"0", "1"}, {"-1", "1"}, {"0.0", "1.0"}, {"-1.0", "1.0"}, {"true", "false"}, {"yes", "no"})
MODEL = "model"
HOLED = (
    "Samples have all cells, but for the scores they lose those that are missing in random training rows, since a "
    "missing cell counts as one more value of its column."
)
TEST_SHARE = 0.2


@dataclass(frozen=True)
class MixedTableConfig(ResumableConfig):
    """The options of `estimate` that have an effect on a table of any kind."""

    data: str
    types: tuple[str, ...] = ()
    test: Path | None = None
    steps: int | None = None
    batch: int | None = None
    width: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    out: Annotated[Path | None, HOUSEKEEPING] = None


def is_mixed(config: EstimateConfig) -> bool:
    """Whether the data are a table of any kind: `--types` says so, or fewer than half of its columns are binary."""
    if config.types:
        return True
    path = Path(config.data)
    if path.suffix.lower() not in TEXT_ENDINGS or not path.is_file():
        return False
    try:
        with warnings.catch_warnings():  # it is read again, and warned of then
            warnings.simplefilter("ignore")
            frame = read_frame(path)
    except InputError:
        return False
    cells = [{str(cell).lower() for cell in frame[name].dropna().unique()[:3]} for name in frame.columns]
    return 2 * sum(any(found <= kind for kind in BINARY) for found in cells) < len(cells)


def with_way_on(error: InputError) -> InputError:
    """The error of a cell that isn't binary, with the option that takes it instead of those of other jobs."""
    text = re.sub(r"use recode (\S+=NA); ", r"write NA for it and use missing; ", str(error))
    text = re.sub(r"if it means 1, use recode (\S+)=1,…; ", "", text)
    return InputError(text.replace("use recode, binarise, weights or drop", f"use --types {RECOGNISED}"))


def run(options: EstimateConfig, job: str) -> dict[str, Any]:
    """Fit a `TableEstimator`, sample as many rows as it learned from, and score them against test rows.

    Raises:
        InputError: an option that has no effect here, or a table that can't be used.
    """
    config = _in_effect(options)
    started = time.monotonic()
    path = Path(config.data)
    types = parse_types([each for each in config.types if each != RECOGNISED])
    words = [name for name, kind in types.items() if kind != "number"]
    frame = read_frame(path, words=words)
    schema = recognise_columns(frame, types)
    if config.test is None:
        train, test, moved = split_rows(schema, frame, config.seed)
        if len(test) < LEAST_ROWS:
            kept = " without those that alone have a value" if moved else ""
            raise InputError(
                f"data: expected at least {LEAST_ROWS} test rows, got {len(test)}, a fifth of {len(frame)} rows{kept}; "
                "bring more rows, or test rows of their own with test"
            )
    else:
        train, test, moved = frame, read_frame(config.test, words=words, like=frame), 0
        schema.codes(test)  # values that were never seen are refused before the training
    types = {
        **{str(column.name): column.kind for column in schema.columns},
        **types,
    }  # a part of the rows may look otherwise
    lines = np.array(lines_of_rows(path if config.test is None else config.test))[test.index]
    chosen: dict[str, Any] = {"steps": config.steps, "batch_size": config.batch, "width": config.width,
              "learning_rate": config.learning_rate}  # fmt: skip
    model = TableEstimator(
        types, random_state=config.seed, **{name: value for name, value in chosen.items() if value is not None}
    )
    with _warned_before():
        prepare_tables(train, test, {MODEL: train}, types=types, seed=config.seed)  # refuses what can't be used
    inputs = [path, *filter(None, [config.test])]
    with RunFolder(config.out, job, path.stem, config, inputs) as folder:
        with _warned_before(), restarting_progress() as progress:
            model.fit(train, callback=lambda record: folder.log({"phase": "train", **record}), progress=progress)
        fitted = time.monotonic()
        if folder.writes:
            save_table_estimator(folder.path / SAVED, model)
        samples = model.sample(len(train), random_state=config.seed)
        folder.write("samples.csv", samples.to_csv(index=False).encode())
        folder.write("anomalies.csv", anomalies(model, test, lines).to_csv(index=False).encode())
        with _warned_before():
            holed = with_missing_cells_of(train, samples, config.seed)
            prepared = prepare_tables(train, test, {MODEL: holed}, types=types, seed=config.seed)
        with phase_progress("score") as scored:
            evaluation = score_tables(prepared, seed=config.seed, callback=scored)
        expected = float(-model.anomaly_scores(test).mean())
        trivial = _independent(model, test)
        result = {
            "data": path.stem,
            "seed": config.seed,
            "training_rows": len(train),
            "couplings": model.couplings_.to_dict() if model.couplings_ else None,
            "selected_step": model.step_,
            "log_conditionals": expected,
            "independent_columns": trivial,
            **evaluation.to_dict(),
            "seconds": {"train": fitted - started, "sample and score": time.monotonic() - fitted},
        }
        verdict = (
            f"Cells of test rows have a log-probability of {expected:.3f} nats a row given the other cells, where "
            f"independent columns have {trivial:.3f}. {report.verdict(evaluation)}"
        )
        said = [_chosen(model), *report.notes(evaluation, halved=False)]
        if holed is not samples:
            said.append(HOLED)
        if moved:
            said.append(
                f"{moved} rows with a value that no other training row has are among those that are learned from."
            )
        if folder.writes:
            notes = [line for line in said if not line.startswith("Warn")]
            html = page.render_page(
                f"Table: {path.stem}",
                verdict,
                f"An energy of {len(train)} rows of {len(evaluation.schema.columns)} columns, and as many samples.",
                {"Scores": report.score_table(evaluation), "Each column": report.column_table(evaluation)},
                folder.plot(report.figures_of(prepared, evaluation)),
                {**reported_options(config), "types": dict(evaluation.real_schema.types())},
                notes,
                warnings=report.warnings_of(evaluation),
            )
            folder.write("report.html", html.encode())
        folder.finish(result)
    print(f"{verdict}\n\n{as_text(report.score_table(evaluation))}")
    print("", *said, sep="\n")
    print(
        f"\nwritten to {folder.path}: open {folder.path / 'report.html'}; samples.csv, anomalies.csv for programs; the "
        "jobs score, sample and impute take the folder"
    )
    return result


def _chosen(model: TableEstimator) -> str:
    """What held-out rows chose, in words."""
    network = f"a network, trained for {model.step_} steps" if model.step_ else "no network"
    assert model.couplings_ is not None
    return (
        f"Held-out training rows chose {model.couplings_.best}, and {network}: the log-probability of their cells, in "
        f"nats a row, is {max(score for _, score in model.validation_scores_):.3f}."
    )


def _in_effect(options: EstimateConfig) -> MixedTableConfig:
    """The options that have an effect; others that the user gave are refused."""
    known = {field.name for field in fields(MixedTableConfig)}
    others = [name for name in changed_options(options) if name not in known and name != "checkpoint_seconds"]
    if others:
        raise InputError(
            f"{others[0]}: expected only with binary data, since it has no effect on other kinds of columns, got "
            f"{getattr(options, others[0])}; cells of binary data are 0 and 1, -1 and 1, or true and false, so recode "
            "columns with two other values, such as 1 and 2"
        )
    return MixedTableConfig(**{name: getattr(options, name) for name in known})


def split_rows(schema: TableSchema, frame: DataFrame, seed: int) -> tuple[DataFrame, DataFrame, int]:
    """Training rows, test rows, and the number of rows that would be test rows, but are the only ones with a value of a
    category or an ordinal, which the model must see."""
    order = np.random.default_rng(seed).permutation(len(frame))
    is_test = np.zeros(len(frame), bool)
    is_test[order[: int(TEST_SHARE * len(frame))]] = True
    chosen = is_test.sum()
    codes = schema.codes(frame)
    for cells in codes[:, [column.is_discrete for column in schema.columns]].T:
        unseen = np.setdiff1d(cells[is_test & ~np.isnan(cells)], cells[~is_test])
        is_test[[np.flatnonzero(cells == value)[0] for value in unseen]] = False
    return frame[~is_test], frame[is_test], int(chosen - is_test.sum())


def with_missing_cells_of(rows: DataFrame, samples: DataFrame, seed: int) -> DataFrame:
    """The samples without the cells that are missing in random rows, which have the same columns."""
    missing = rows[samples.columns].isna().to_numpy()
    if not missing.any():
        return samples
    return samples.mask(missing[np.random.default_rng(seed).integers(len(rows), size=len(samples))])


@contextmanager
def _warned_before() -> Iterator[None]:
    """Silence the warnings about the columns, which were given when the tables were checked."""
    with warnings.catch_warnings():
        for begin in (GUESSED, DOUBTED):
            warnings.filterwarnings("ignore", message=begin)
        yield


def _independent(model: TableEstimator, rows: DataFrame) -> float:
    """The mean log-probability of rows under the laws of the columns in the training rows."""
    return float(model.independent_log_probabilities(rows).sum(axis=1).mean())
