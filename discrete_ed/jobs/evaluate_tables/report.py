"""The report on synthetic tables: the verdict, the table of scores, notes on it, the page and the CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from discrete_ed.jobs import page
from discrete_ed.jobs.evaluate_tables.config import EvaluateTablesConfig
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import number
from discrete_ed.tables import TableEvaluation, TableScores
from discrete_ed.tables.evaluation import COPULA, INDEPENDENT, REAL, YARDSTICKS, PreparedTables
from discrete_ed.tables.optional import pandas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WARNED_OF = 3.0
"""standard deviations above what is right from which on the page warns of copies and of too near rows"""


def score_columns(evaluation: TableEvaluation) -> dict[str, Callable[[TableScores], str]]:
    """The columns of the table of scores: for each title, the text of a table's score."""
    columns: dict[str, Callable[[TableScores], str]] = {
        "columns": lambda scores: f"{scores.marginal:.3f}",
        "pairs": lambda scores: number(scores.pairs.mean_contingency, ".3f"),
        "correlations": lambda scores: number(scores.pairs.mean_correlation, ".3f"),
        "AUC real or not": lambda scores: f"{scores.detection.auc:.3f}",
    }
    for k, example in enumerate(next(iter(evaluation.scores.values())).utilities):
        values = {
            "AUC": "auc",
            "F1": "f1",
            "Brier": "brier_score",
            "calibration": "calibration_error",
            "RMSE": "rmse",
        }
        for title, name in values.items():
            if any(getattr(scores.utilities[k], name) is not None for scores in evaluation.scores.values()):
                columns[f"{example.target}: {title}"] = lambda scores, k=k, name=name: number(  # type: ignore[misc]
                    getattr(scores.utilities[k], name), ".3f"
                )
    columns["copies"] = lambda scores: f"{scores.privacy.copies:.1%}"
    columns["nearer"] = lambda scores: number(scores.privacy.nearer, ".3f")
    return columns


def score_table(evaluation: TableEvaluation) -> list[list[str]]:
    """The scores as rows of text, one for each table; the first row is the header."""
    columns = score_columns(evaluation)
    label = {REAL: "real rows (floor)", INDEPENDENT: "independent columns (trivial)", COPULA: "Gaussian copula"}
    return [
        ["", *columns],
        *([label.get(name, name), *(cell(scores) for cell in columns.values())]
          for name, scores in evaluation.scores.items()),
    ]  # fmt: skip


def column_table(evaluation: TableEvaluation) -> list[list[str]]:
    """The distance of each column, one column of text for each table."""
    kinds = list(evaluation.real_schema.types().values())
    return [
        ["column", "kind", *evaluation.scores],
        *(
            [str(column.name), kind, *(f"{s.columns[column.name].distance:.3f}" for s in evaluation.scores.values())]
            for column, kind in zip(evaluation.schema.columns, kinds, strict=True)
        ),
    ]


def verdict(evaluation: TableEvaluation) -> str:
    """The result in one sentence, each number next to those that it can be judged by."""
    scores = evaluation.scores
    best = min(
        (name for name in scores if name not in YARDSTICKS), key=lambda name: abs(scores[name].detection.auc - 0.5)
    )
    real, independent, copula = (scores[name] for name in YARDSTICKS)
    return (
        f"A classifier tells {best} from real rows with an AUC of {scores[best].detection.auc:.3f} (other real rows: "
        f"{real.detection.auc:.3f} ± {real.detection.error:.3f}; independent columns: "
        f"{independent.detection.auc:.3f}; Gaussian copula: {copula.detection.auc:.3f}); its pairs of columns differ "
        f"by {number(scores[best].pairs.mean_contingency, '.3f')} ({number(real.pairs.mean_contingency, '.3f')}; "
        f"{number(independent.pairs.mean_contingency, '.3f')}; {number(copula.pairs.mean_contingency, '.3f')})."
    )


def warnings_of(evaluation: TableEvaluation) -> list[str]:
    """What a reader must know: tables that repeat their training rows."""
    floor = evaluation.scores[REAL].privacy.copies
    lines = []
    for name, scores in evaluation.scores.items():
        if name in YARDSTICKS:
            continue
        found = scores.privacy
        n, m = evaluation.rows, evaluation.held_out
        pooled = (found.copies * n + floor * m) / (n + m)
        spread = (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
        if found.copies > floor + WARNED_OF * spread:
            lines.append(
                f"{found.copies:.1%} of the rows of {name} are training rows, where {floor:.1%} of held-out rows are."
            )
        if found.nearer is not None and found.error and found.nearer > 0.5 + WARNED_OF * found.error:
            lines.append(
                f"{found.nearer:.1%} of the rows of {name} are nearer to training rows than to held-out rows, where "
                f"50% ± {found.error:.1%} is right: it remembers training rows."
            )
    return lines


def notes(evaluation: TableEvaluation, *, halved: bool, advice: str = "") -> list[str]:
    """Notes that explain the table of scores.

    Args:
        evaluation: the scores.
        halved: whether the held-out rows are a half of the real table.
        advice: how to score what a forest learns from the tables, if that was not done.
    """
    lines = [f"Warning: {line}" for line in warnings_of(evaluation)]
    lines.append(
        f"Each table has {evaluation.rows} rows, and is compared with {evaluation.held_out} held-out real rows. The "
        "floor is the score of real rows from which the synthetic tables were made, so it allows for the size of the "
        "tables. Lower is better but for AUC and F1 of a target; AUC real or not is ½ at best, and nearer ½."
    )
    lines.append(
        "columns: mean distance of columns (total variation of categories and ordinals, Kolmogorov–Smirnov of "
        "numbers). pairs: mean total variation between the joint tables of two columns, numbers in five bins. "
        "correlations: mean difference of Spearman's correlations. AUC real or not: of a random forest, "
        "cross-validated. copies: share of rows that are training rows (floor: of held-out rows). nearer: share of "
        "rows nearer to a training row than to a held-out one."
    )
    if next(iter(evaluation.scores.values())).utilities:
        lines.append(
            "A random forest learned from each table to predict the target, and was tested on the held-out rows; "
            "Brier is the squared error of its probabilities, and calibration the expected calibration error, which is "
            "small as well for a forest that learned nothing but the shares of the classes."
        )
    elif advice:
        lines.append(advice)
    if halved:
        lines.append(
            "Without --held-out, a random half of the real table plays the held-out rows. The synthetic tables may "
            "have been made from them, so a table that repeats real rows scores too well, and nearer is not known."
        )
    return lines


def config_notes(config: EvaluateTablesConfig, evaluation: TableEvaluation) -> list[str]:
    """The notes of a run of `evaluate-tables`."""
    advice = "With --target NAME, a forest learns from each table to predict that column of held-out rows."
    return notes(evaluation, halved=config.held_out is None, advice=advice)


def write_report(
    folder: RunFolder, config: EvaluateTablesConfig, prepared: PreparedTables, evaluation: TableEvaluation
) -> None:
    """`report.html`, the figures as PNG, `scores.csv` with a row for each table, and `columns.csv`."""
    whole = evaluation.to_dict()["tables"]
    overall = [{"table": name, **{key: value for key, value in row.items() if key != "columns"}}
               for name, row in whole.items()]  # fmt: skip
    columns = [{"table": name, "column": column, **found} for name, row in whole.items()
               for column, found in row["columns"].items()]  # fmt: skip
    for name, rows in (("scores.csv", overall), ("columns.csv", columns)):
        folder.write(name, pandas().json_normalize(rows).to_csv(index=False).encode())
    images = folder.plot(figures_of(prepared, evaluation))
    html = page.render_page(
        f"Synthetic tables: {config.files[0].name}",
        verdict(evaluation),
        f"{len(config.files) - 1} synthetic tables of {len(evaluation.schema.columns)} columns beside real rows.",
        {"Scores": score_table(evaluation), "Distance of each column": column_table(evaluation)},
        images,
        reported_options(config),
        [line for line in config_notes(config, evaluation) if not line.startswith("Warning")],
        warnings=warnings_of(evaluation),
        marked=len(config.files) == 2,  # of several tables none has won
    )
    folder.write("report.html", html.encode())


def figures_of(
    prepared: PreparedTables, evaluation: TableEvaluation
) -> Mapping[str, tuple[str, Callable[[], Figure], str]]:
    """Title, function that plots, and caption of each figure, by the name of its file."""
    from discrete_ed.jobs.evaluate_tables import figures  # matplotlib is needed only where something is plotted

    first = next(iter(evaluation.scores))
    return {
        "scores": (
            "Scores beside their yardsticks",
            lambda: figures.scores(evaluation),
            "Each table's distances and AUC; the dashed line is the floor, the score of real rows.",
        ),
        "columns": (
            f"Columns of {first} and of real rows",
            lambda: figures.columns(prepared, evaluation, first),
            "The columns that differ most, at most twelve: shares of values, or densities of numbers.",
        ),
        "pairs": (
            "Pairs of columns",
            lambda: figures.pairs(evaluation, first),
            "Total variation between the joint tables of each two columns and those of the held-out rows, on one scale "
            "of colours.",
        ),
    }
