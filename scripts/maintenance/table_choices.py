"""Choices of the models of tables, on splits inside the rows to learn from, so that held-out rows are never seen.

    python scripts/maintenance/table_choices.py inside --data wine diabetes --seeds 10
    python scripts/maintenance/table_choices.py starts --data wine --seeds 10
    python scripts/maintenance/table_choices.py pairs --data wine --seeds 10
    python scripts/maintenance/table_choices.py chains --data breast_cancer --seeds 6
    python scripts/maintenance/table_choices.py copies --data mushroom --root FOLDER --seeds 3

`inside`: what numbers inside their bins gain by the Gaussian copula. Training rows are encoded and decoded, and the
rank correlations of the decoded rows are compared with their own; the gain of held-out rows is the sum over columns of
`log p(place inside the bin | places of the others, bins)` in nats a row, which is 0 for independent places.
`starts`: whether chains remember the training rows at which they start: the share of 500 rows nearer to training rows
than to held-out ones, for chains from training rows and from independent columns, and for trivial models.
`pairs`: `log p(cell | the other cells)` of held-out rows, in nats a row, of independent columns, of the couplings of a
Gaussian law, of those that are fitted (where the rows that choose say so), and with a network beside them.
`chains`: what 4,000 chains of matching give instead of 1,000, before any training: scores of three samples on held-out
rows, of each number of chains and of the Gaussian copula, and CPU seconds of matching.
`copies`: how many of as many samples as training rows are training rows, and how many are held-out rows, which the
model has not seen; of a model that knows the law and not the rows, as many for each row of either.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from public_tables import READERS
from real_tables import TABLES, TREES, rows_of, split
from scipy.special import log_ndtr, ndtri

from discrete_ed.tables import (
    TableEncoder,
    TableEstimator,
    pair_distances,
    privacy,
    sample_gaussian_copula,
    sample_independent_columns,
    utility,
)
from discrete_ed.tables.binned_copula import BinnedCopula
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.fitting import train_energy
from discrete_ed.tables.matching import match_columns
from discrete_ed.tables.missing import rows_in_turn, table_covariance
from discrete_ed.tables.mixture import column_shares
from discrete_ed.tables.pairs import SURE_GAIN
from discrete_ed.tables.sweeps import log_conditionals, sweep_columns
from discrete_ed.training import FitConfig

ROWS = 500
CHAIN_COUNTS, SAMPLES = (1000, 4000), 3
DECODED = 10  # times that the training rows are decoded


def splits(
    name: str, seeds: int, root: Path | None, rows: int | None
) -> Iterator[tuple[int, dict[str, str], pd.DataFrame, pd.DataFrame]]:
    """For each seed the kinds of columns, rows to learn from and held-out rows, both inside the training rows."""
    if name in TABLES:
        frame, types = rows_of(name)
    else:
        public = READERS[name](root or Path())
        if public is None:
            raise SystemExit(f"{name}: expected its files in {root}, found none")
        frame, types = public.frame[: public.train], public.types
    if rows is not None:
        frame = frame.sample(min(rows, len(frame)), random_state=0).reset_index(drop=True)
    for seed in range(seeds):
        yield seed, types, *split(split(frame, seed)[0], 1000 + seed)


def inside(train: pd.DataFrame, test: pd.DataFrame, types: dict[str, str], seed: int) -> dict[str, float]:
    encoder = TableEncoder.fit(train, types)
    copula = encoder.copula
    flat = TableEncoder(encoder.schema, encoder.bins, BinnedCopula(copula.ends, np.eye(len(copula.precision))))
    ordered = [column.name for column in encoder.schema.columns if column.is_ordered]
    rows = pd.concat([train] * DECODED, ignore_index=True)
    pairs = np.triu_indices(len(ordered), 1)
    real, *found = (
        frame[ordered].astype(float).corr("spearman").to_numpy()[pairs]
        for frame in (train, *(each.decode(encoder.encode(rows), seed=seed) for each in (flat, encoder)))
    )
    return {
        "mean difference of correlations, independent": float(np.abs(found[0] - real).mean()),
        "mean difference of correlations, copula": float(np.abs(found[1] - real).mean()),
        "gain of held-out rows, nats": held_out_gain(encoder, test),
    }


def held_out_gain(encoder: TableEncoder, test: pd.DataFrame) -> float:
    """The mean over rows of the log density of each number's place inside its bin, given all others."""
    numbers = [k for k, column in enumerate(encoder.schema.columns) if column.is_ordered]
    codes, places = encoder.schema.codes(test), encoder.positions(test).astype(int)
    z, low, high, free = (np.empty((len(test), len(numbers))) for _ in range(4))
    for j, k in enumerate(numbers):
        column, ends = encoder.schema.columns[k], encoder.copula.ends[j]
        start, width = ends[places[:, k]], np.diff(ends)[places[:, k]]
        share = 0.5 if column.is_discrete else encoder.bins[column.name].inside(codes[:, k]).clip(0.02, 0.98)
        z[:, j], low[:, j], high[:, j] = ndtri(start + width * share), ndtri(start), ndtri(start + width)
        free[:, j] = not column.is_discrete
    gain = 0.0
    for j in range(len(numbers)):
        row = encoder.copula.precision[j]
        deviation, mean = row[j] ** -0.5, z[:, j] - z @ row / row[j]
        scaled = (each[:, j] - mean for each in (z, low, high))
        given = log_density(*(each / deviation for each in scaled)) - np.log(deviation)
        gain += (free[:, j] * (given - log_density(z[:, j], low[:, j], high[:, j]))).mean()
    return float(gain)


def log_density(z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The log density of a normal number between two ends, up to `log √2π`."""
    upper = low > 0
    below, above = np.where(upper, -high, low), np.where(upper, -low, high)
    most = log_ndtr(above)
    return -(z**2) / 2 - most - np.log1p(-np.exp(np.minimum(log_ndtr(below) - most, -1e-12)))


def starts(train: pd.DataFrame, test: pd.DataFrame, types: dict[str, str], seed: int) -> dict[str, float]:
    model = TableEstimator(types, random_state=seed).fit(train)
    schema, g = model.encoder_.schema, torch.Generator().manual_seed(seed)

    def nearer(frame: pd.DataFrame) -> float:
        return privacy(schema, frame, train, test).nearer or 0.0

    found = {
        "Gaussian copula": nearer(sample_gaussian_copula(schema, train, ROWS, seed=seed)),
        "independent columns": nearer(sample_independent_columns(schema, train, ROWS, seed=seed)),
    }
    if model._law is not None:
        return {"exact samples": nearer(model.sample(ROWS, random_state=seed)), **found}
    rows = rows_in_turn(model._rows, ROWS, g)
    independent = torch.stack([share.multinomial(ROWS, replacement=True, generator=g) for share in model._shares], 1)
    for title, start, sweeps in (
        ("from training rows, 60 sweeps", rows, 60),
        ("from training rows, 200 sweeps", rows, 200),
        ("from independent columns, 200 sweeps", independent, 200),
    ):
        found[title] = nearer(
            model._decoded(sweep_columns(model.energy_, start, sweeps, stratified=True, generator=g), seed)
        )
    return found


def pairs(train: pd.DataFrame, test: pd.DataFrame, types: dict[str, str], seed: int) -> dict[str, float]:
    # of all rows, so that values which only held-out rows have are known
    encoder = TableEncoder.fit(pd.concat([train, test]), types)
    rows, held_out = encoder.positions(train), torch.from_numpy(encoder.positions(test)).long()
    energy = TableEnergy.of_rows(rows, encoder.sizes, [column.is_ordered for column in encoder.schema.columns])

    def score(model: TableEnergy) -> float:
        return float(log_conditionals(model, held_out).sum(-1).mean())

    found = {"Gaussian law": score(energy)}
    energy.couplings.data.zero_()
    found = {"independent columns": score(energy), **found}
    for title, errors in (("fitted couplings", np.inf), ("and a network", SURE_GAIN)):
        trained = train_energy(
            encoder, rows, FitConfig(steps=300, learning_rate=1e-2, weight_decay=0.1, ema=0.99), width=64, block=5,
            batch_size=256, seed=seed, generator=torch.Generator().manual_seed(seed), least_gain=errors,
        )  # fmt: skip
        found[title] = score(trained.energy)
        found["share of fits that keep the Gaussian law"] = float(not trained.pairs.best.fitted)
        found["share of fits with indicators"] = float(trained.pairs.best.indicators)
        found["components"] = float(trained.pairs.best.components)
        found["share of fits with a network"] = float(trained.step > 0)
    return found


def chains(train: pd.DataFrame, test: pd.DataFrame, types: dict[str, str], seed: int) -> dict[str, float]:
    encoder = TableEncoder.fit(train, types)
    rows, sizes = encoder.positions(train), encoder.sizes
    ordered = [column.is_ordered for column in encoder.schema.columns]
    found, tables = {}, {}
    for count in CHAIN_COUNTS:
        g = torch.Generator().manual_seed(seed)
        energy = TableEnergy.of_rows(rows, sizes, ordered, seed=seed)
        started = time.process_time()
        match_columns(energy, column_shares(rows, sizes), table_covariance(energy, rows, g), chains=count, generator=g)
        found[f"{count} chains, CPU s"] = time.process_time() - started
        for k in range(SAMPLES):
            sampled = sweep_columns(energy, rows_in_turn(rows, len(train), g), 60, stratified=True, generator=g)
            tables[f"{count} chains", k] = encoder.decode(encoder.states(sampled.double().numpy()), seed=seed + k)
    for k in range(SAMPLES):
        tables["Gaussian copula", k] = sample_gaussian_copula(encoder.schema, train, len(train), seed=seed + k)
    for (title, _), table in tables.items():
        distances = pair_distances(encoder.schema, test, table)
        scores = {"pairs": distances.mean_contingency, "correlations": distances.mean_correlation}
        learned = utility(encoder.schema, table, test, "target", trees=TREES, seed=seed)
        scores |= {"Brier": learned.brier_score, "F1": learned.f1, "RMSE": learned.rmse}
        for name, value in scores.items():
            if value is not None:
                found[f"{name}, {title}"] = found.get(f"{name}, {title}", 0.0) + value / SAMPLES
    few, many = (f"{count} chains" for count in CHAIN_COUNTS)
    for name in ("pairs", "correlations", "Brier", "F1", "RMSE"):
        if f"{name}, {few}" in found:
            found[f"{name}, difference of {many}"] = found[f"{name}, {many}"] - found[f"{name}, {few}"]
    return found


def copies(train: pd.DataFrame, test: pd.DataFrame, types: dict[str, str], seed: int) -> dict[str, float]:
    sampled = TableEstimator(types, random_state=seed).fit(train).sample(len(train), random_state=seed)
    rows = [tuple(row) for row in sampled.astype(str).to_numpy()]
    found = {}
    for title, frame in (("training row", train), ("held-out row", test)):
        known = set(map(tuple, frame.astype(str).to_numpy()))
        count = sum(row in known for row in rows)
        found |= {f"samples that are a {title}": count / len(rows), f"samples for each {title}": count / len(frame)}
    return found


CHOICES = {"chains": chains, "copies": copies, "inside": inside, "pairs": pairs, "starts": starts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choice", choices=list(CHOICES))
    parser.add_argument("--data", nargs="+", default=["wine"], choices=[*TABLES, *READERS], help="tables")
    parser.add_argument("--root", type=Path, help="folder with the files of public tables")
    parser.add_argument("--rows", type=int, help="number of rows that are used; by default all")
    parser.add_argument("--seeds", type=int, default=10, help="number of splits")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.data:
        parts = splits(name, arguments.seeds, arguments.root, arguments.rows)
        found = [CHOICES[arguments.choice](train, test, types, seed) for seed, types, train, test in parts]
        for title in found[0]:
            values = np.array([each[title] for each in found])
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
            print(f"{name} | {title} | {values.mean():.4f} ± {error:.4f}", flush=True)


if __name__ == "__main__":
    main()
