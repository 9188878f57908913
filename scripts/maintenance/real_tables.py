"""Real tables that come with scikit-learn: synthetic rows of `TableEstimator` beside trivial models and real rows.

    python scripts/maintenance/real_tables.py --data wine iris --seeds 5

Every seed splits the rows anew, 70% to learn from and 30% held out, fits, samples as many rows as it learned from, and
scores them by `evaluate_tables`. The pixels of digits are averaged over squares of four and cut into four levels. With
`--validation` the rows to learn from are split once more, so that the held-out rows of a seed are never seen. Printed
are means over the splits, and what the model gains on each trivial model: the mean difference over splits with its
standard error, positive where the model is better, which is called *better* or *worse* beyond two standard errors, and
*level* otherwise. AUC real or not and nearer are compared by their distance from ½, and copies by what they are beyond
the share of held-out rows that are training rows. `--root FOLDER` adds the public tables of which the folder has
the files (Adult, Bank, Mushroom: see `public_tables.py`), `--csv NAME=FILE` and `--target NAME=COLUMN` tables of your
own.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from public_tables import tables_in

from discrete_ed.tables import TableEstimator, TableScores, evaluate_tables, read_frame
from discrete_ed.tables.evaluation import COPULA, INDEPENDENT, REAL

HELD_OUT = 0.3
TREES = 30  # of each forest
MODEL = "TableEstimator"
TABLES = {
    "iris": {"target": "category"},
    "wine": {"target": "category"},
    "breast_cancer": {"target": "category"},
    "diabetes": {"sex": "category"},
    "digits": {"target": "category"},
}
SCORES = {  # the number, and whether a smaller one is better; None: nearer to ½
    "columns": (lambda s: s.marginal, True),
    "pairs": (lambda s: s.pairs.mean_contingency, True),
    "correlations": (lambda s: s.pairs.mean_correlation, True),
    "AUC real or not": (lambda s: s.detection.auc, None),
    "target AUC": (lambda s: _of_target(s, "auc"), False),
    "target F1": (lambda s: _of_target(s, "f1"), False),
    "target Brier": (lambda s: _of_target(s, "brier_score"), True),
    "calibration": (lambda s: _of_target(s, "calibration_error"), True),
    "target RMSE": (lambda s: _of_target(s, "rmse"), True),
    "copies": (lambda s: s.privacy.copies, True),
    "nearer": (lambda s: s.privacy.nearer, None),
}


def _of_target(scores: TableScores, name: str) -> float | None:
    return getattr(scores.utilities[0], name) if scores.utilities else None


def rows_of(name: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table of scikit-learn without its constant columns, and the kinds of some columns."""
    from sklearn import datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    if name == "digits":
        squares = frame.drop(columns="target").to_numpy().reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
        levels = pd.DataFrame(np.minimum(squares // 4, 3).astype(int), columns=[f"level{k}" for k in range(16)])
        frame = levels.assign(target=frame["target"])
    return frame.loc[:, frame.nunique() > 1], dict(TABLES[name])


def split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to learn from, and held-out rows."""
    order = np.random.default_rng(seed).permutation(len(frame))
    held_out = int(HELD_OUT * len(frame))
    test, train = (frame.iloc[rows].reset_index(drop=True) for rows in (order[:held_out], order[held_out:]))
    return train, test


def scored(
    frame: pd.DataFrame,
    types: dict[str, str],
    target: str | None,
    seed: int,
    *,
    validation: bool,
    samples: int = 1,
    **options: int,
):
    """The scores of each model, and the seconds to fit and to sample."""
    train, test = split(frame, seed)
    if validation:
        train, test = split(train, 1000 + seed)
    started = time.process_time()
    model = TableEstimator(types, random_state=seed, **options).fit(train)
    fitted = time.process_time()
    synthetic = {f"{MODEL} {k}": model.sample(len(train), random_state=seed + 1000 * k) for k in range(samples)}
    sampled = time.process_time()
    targets = () if target is None else (target,)
    found = evaluate_tables(train, test, synthetic, types=types, targets=targets, trees=TREES, seed=seed)
    return found.scores, (fitted - started, sampled - fitted, model.step_)


def cost(title: str, smaller: bool | None, value: float, real: float) -> float:
    """What a score costs: 0 is best, or the smaller, the better; `real` is the score of real rows."""
    if title == "copies":  # as many as held-out rows are no fault
        return max(value - real, 0.0)
    return abs(value - 0.5) if smaller is None else value if smaller else -value


def verdict(gain: float, error: float) -> str:
    """Whether a mean gain is beyond chance, by twice its standard error; unknown for a single split."""
    if np.isnan(error):
        return "unknown"
    return "better" if gain > 2 * error else "worse" if gain < -2 * error else "level"


def table(results: list[dict[str, TableScores]]) -> list[str]:
    """Lines with the means over splits, and what the model gains on each trivial model."""
    lines = []
    for title, (score, smaller) in SCORES.items():
        if any(score(each) is None for result in results for each in result.values()):
            continue
        values, costs = {}, {}  # means over the samples of the model
        for name in (REAL, MODEL, COPULA, INDEPENDENT):
            found = [[score(result[each]) for each in result if each.startswith(name)] for result in results]
            values[name] = np.mean(found, axis=1)
            costs[name] = np.array([
                np.mean([cost(title, smaller, each, score(result[REAL])) for each in samples])
                for samples, result in zip(found, results, strict=True)
            ])  # fmt: skip
        cells = [f"{each.mean():.3f}" for each in values.values()]
        for other in (COPULA, INDEPENDENT):
            gains = costs[other] - costs[MODEL]
            error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
            cells.append(f"{gains.mean():+.3f} ± {error:.3f} {verdict(gains.mean(), error)}")
        lines.append(" | ".join([f"{title:16}", *cells]))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=list(TABLES), choices=list(TABLES), help="tables of scikit-learn")
    parser.add_argument("--root", type=Path, help="folder with files of public tables")
    parser.add_argument("--csv", nargs="*", default=[], help="NAME=FILE of tables of your own")
    parser.add_argument("--target", nargs="*", default=[], help="NAME=COLUMN that is predicted in these")
    parser.add_argument("--seeds", type=int, default=5, help="number of splits")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first split")
    parser.add_argument("--validation", action="store_true", help="score inside the rows that are learned from")
    parser.add_argument("--samples", type=int, default=1, help="samples of each fit, whose scores are averaged")
    parser.add_argument("--steps", type=int, default=300, help="training steps")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "table: whole numbers")
    targets = dict(each.split("=", 1) for each in arguments.target)
    tables = {name: (*rows_of(name), "target") for name in arguments.data}
    if arguments.root is not None:
        tables |= {name: (table.frame, table.types, table.target) for name, table in tables_in(arguments.root).items()}
    for name, file in (each.split("=", 1) for each in arguments.csv):
        tables[name] = (read_frame(file), {}, targets.get(name))
    for name, (frame, types, target) in tables.items():
        results, costs = [], []
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            scores, cost = scored(
                frame, types, target, seed, steps=arguments.steps, validation=arguments.validation,
                samples=arguments.samples,
            )  # fmt: skip
            results.append(scores)
            costs.append(cost)
        fit, sample, step = np.mean(costs, axis=0)
        print(f"\n{name}: {len(frame)} rows, {frame.shape[1]} columns; {fit:.1f} s to fit, {sample:.1f} s to sample, "
              f"step {step:.0f} on average", flush=True)  # fmt: skip
        print(f"score | {REAL} (floor) | {MODEL} | {COPULA} | {INDEPENDENT} | gain on copula | gain on independent")
        print("\n".join(table(results)), flush=True)


if __name__ == "__main__":
    main()
