"""Adult by the protocol of TabDDPM: what synthetic rows teach CatBoost, tested on the published test rows.

    pip install catboost
    python scripts/maintenance/adult.py --root FOLDER

FOLDER has the files of Adult, see `public_tables.py`. The published training rows are split at random into 26,048 rows,
of which the models are made, and 6,513 validation rows, as many as published. CatBoost, with the published settings,
learns from real or synthetic rows, is stopped early by its F1 on a fifth of all training rows, and is tested on the
16,281 published test rows. Printed are F1 (mean of both classes), AUC and accuracy, as means over seeds of CatBoost.
With `--validation`, for choices, the validation rows are those that are tested on, and early stopping uses a fifth of
the others. `--decoded 20 40` only says what bins lose: what gradient boosting of scikit-learn learns from the training
rows, encoded in so many bins and decoded, is tested on the validation rows. `--samples FILE` keeps the samples, so that
a run that was stopped doesn't make them again.

Source: Kotelnikov, Baranchuk, Rubachev and Babenko 2023, arXiv 2209.15421, and the settings that its authors published.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from public_tables import adult

from discrete_ed.tables import (
    TableEncoder,
    TableEstimator,
    evaluate_tables,
    recognise_columns,
    sample_gaussian_copula,
    sample_independent_columns,
)

LEARNED, VALIDATION = 26_048, 0.2
SETTINGS = {  # published, of the validation of real rows
    "learning_rate": 0.16886992997713726,
    "depth": 3,
    "l2_leaf_reg": 0.19334681185025449,
    "bagging_temperature": 0.11959130879575816,
    "leaf_estimation_iterations": 8,
    "iterations": 2000,
    "early_stopping_rounds": 50,
    "od_pval": 0.001,
}


def taught(learned: pd.DataFrame, valid: pd.DataFrame, test: pd.DataFrame, target: str, seed: int) -> list[float]:
    """F1, AUC and accuracy on test rows of a model that learned from some rows."""
    from catboost import CatBoostClassifier
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    words = [name for name in learned if name != target and learned[name].dtype.kind not in "iuf"]
    parts = []
    for frame in (learned, valid, test):
        x = frame.drop(columns=target)
        x = x.astype({name: (str if name in words else float) for name in x})
        parts.append((x, (frame[target] == ">50K").astype(int)))
    model = CatBoostClassifier(
        **SETTINGS, loss_function="Logloss", eval_metric="TotalF1", random_seed=seed, verbose=0,
        cat_features=words, thread_count=1, allow_writing_files=False,
    )  # fmt: skip
    model.fit(*parts[0], eval_set=parts[1])
    x, y = parts[2]
    p = model.predict_proba(x)[:, 1]
    return [f1_score(y, p > 0.5, average="macro"), roc_auc_score(y, p), accuracy_score(y, p > 0.5)]


def boosted(learned: pd.DataFrame, test: pd.DataFrame, target: str) -> tuple[float, float]:
    """F1 and AUC on test rows of gradient boosting that learned from some rows, which takes a second."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import f1_score, roc_auc_score

    both = pd.concat([learned, test], ignore_index=True).drop(columns=target)
    words = [name for name in both if both[name].dtype.kind not in "iuf"]
    x = both.assign(**{name: both[name].astype("category").cat.codes for name in words}).astype(float)
    model = HistGradientBoostingClassifier(
        max_iter=120, categorical_features=[name in words for name in both], random_state=0
    )
    model.fit(x[: len(learned)].to_numpy(), learned[target] == ">50K")
    p, y = model.predict_proba(x[len(learned) :].to_numpy())[:, 1], test[target] == ">50K"
    return f1_score(y, p > 0.5, average="macro"), roc_auc_score(y, p)


def synthetic_rows(
    train: pd.DataFrame, types: dict[str, str], rows: int, arguments: argparse.Namespace
) -> pd.DataFrame:
    """Samples of a model of the training rows, or those that an earlier run made of it."""
    path = arguments.samples
    if path is not None and path.exists():
        return pd.read_csv(path, keep_default_na=False, dtype=train.dtypes.to_dict())
    started = time.process_time()
    model = TableEstimator(types, steps=arguments.steps, width=arguments.width, random_state=arguments.seed).fit(train)
    fitted = time.process_time()
    print(f"step {model.step_}, {fitted - started:.0f} CPU s to fit", flush=True)
    found = model.sample(rows, random_state=arguments.seed)
    print(f"{time.process_time() - fitted:.0f} CPU s to sample", flush=True)
    if path is not None:
        found.to_csv(path, index=False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder with the files of Adult")
    parser.add_argument("--steps", type=int, default=1500, help="training steps of the table's model")
    parser.add_argument("--width", type=int, default=64, help="units of its hidden layer")
    parser.add_argument("--factor", type=int, default=2, help="number of synthetic rows, as a multiple of the learned")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, the models and their samples")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of CatBoost")
    parser.add_argument("--samples", type=Path, help="file of the samples: read if it exists, otherwise written")
    parser.add_argument("--validation", action="store_true", help="test on validation rows instead of the test rows")
    parser.add_argument("--decoded", type=int, nargs="+", help="only say what so many bins lose, on validation rows")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    found = adult(arguments.root)
    if found is None or found.train is None:
        raise SystemExit(f"{arguments.root}: expected the files of Adult, see public_tables.py")
    frame, types, target, count = found
    real, test = frame[:count].reset_index(drop=True), frame[count:].reset_index(drop=True)
    order = np.random.default_rng(arguments.seed).permutation(len(real))
    train = real.iloc[order[:LEARNED]].reset_index(drop=True)
    if arguments.decoded:
        held_out = real.iloc[order[LEARNED:]].reset_index(drop=True)
        tables = {"training rows": train}
        for bins in arguments.decoded:
            encoder = TableEncoder.fit(train, types, bins=bins)
            tables[f"in {bins} bins"] = encoder.decode(encoder.encode(train))
        if arguments.samples is not None:
            tables["samples"] = synthetic_rows(train, types, arguments.factor * len(train), arguments)
        for name, table in tables.items():
            f1, auc = boosted(table, held_out, target)
            print(f"{name} | F1 {f1:.4f} | AUC {auc:.4f}", flush=True)
        return
    rest = real
    if arguments.validation:
        rest, test = train, real.iloc[order[LEARNED:]].reset_index(drop=True)
    chosen = np.random.default_rng(1000 + arguments.seed).permutation(len(rest))[: int(VALIDATION * len(rest))]
    valid, rest = rest.iloc[chosen], rest.drop(index=chosen)
    rows = arguments.factor * len(train)
    schema = recognise_columns(train, types)
    print("rows | F1 | AUC | accuracy", flush=True)

    def show(name: str, table: pd.DataFrame) -> None:
        scores = np.array([taught(table, valid, test, target, seed) for seed in range(arguments.seeds)])
        spread = scores.std(0, ddof=1) if len(scores) > 1 else np.zeros(3)
        cells = [f"{m:.4f} ± {s:.4f}" for m, s in zip(scores.mean(0), spread, strict=True)]
        print(" | ".join([name, *cells]), f"({time.process_time():.0f} CPU s so far)", flush=True)

    show("real rows", rest)
    show("independent columns", sample_independent_columns(schema, train, rows, seed=arguments.seed))
    show("Gaussian copula", sample_gaussian_copula(schema, train, rows, seed=arguments.seed))
    synthetic = synthetic_rows(train, types, rows, arguments)
    show("TableEstimator", synthetic)
    synthetic = synthetic[: len(train)]
    scores = evaluate_tables(train, test, {"TableEstimator": synthetic}, types=types, targets=(target,), trees=30)
    for name, each in scores.scores.items():
        use = each.utilities[0]
        print(
            f"{name} | columns {each.marginal:.4f} | pairs {each.pairs.mean_contingency:.4f} | correlations "
            f"{each.pairs.mean_correlation:.4f} | AUC real or not {each.detection.auc:.3f} | target AUC {use.auc:.3f} "
            f"| F1 {use.f1:.3f} | calibration {use.calibration_error:.3f} | copies {each.privacy.copies:.3f} "
            f"| nearer {each.privacy.nearer:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
