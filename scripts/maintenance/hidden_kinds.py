"""Tables whose rows are of hidden kinds, which determine ten columns in part, beside a coin: the model and the truth.

    python scripts/maintenance/hidden_kinds.py --seeds 5
    python scripts/maintenance/hidden_kinds.py --kinds 24 --rows 1500 --seeds 5

Each kind has a law of its own for each column (of five words, from a Dirichlet law of concentration .15). Printed are
means over tables with their standard errors: `log p(cell | the other cells)` of fresh rows without the coin, in nats a
row, under the truth and by the model; the same of held-out training rows with the coin, by the couplings of pairs alone
and by what was chosen; the AUC with which a forest tells samples, and fresh rows, from other fresh rows; the least and
the largest probability that the model gives to one side of the coin; the number of components; and CPU seconds of the
fit.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch

from discrete_ed.tables import TableEstimator, detection_score
from discrete_ed.tables.mixture import ColumnMixture

COLUMNS, WORDS, CONCENTRATION = 10, 5, 0.15
COIN = "coin"


def one_table(kinds: int, rows: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    laws = rng.dirichlet([CONCENTRATION] * WORDS, size=(kinds, COLUMNS))

    def codes() -> np.ndarray:
        kind = rng.integers(kinds, size=rows)
        return (rng.random((rows, COLUMNS, 1)) > laws[kind].cumsum(-1)[:, :, :-1]).sum(-1)

    def frame_of(cells: np.ndarray) -> pd.DataFrame:
        frame = pd.DataFrame({f"column {k}": np.array(list("abcde"))[cells[:, k]] for k in range(COLUMNS)})
        return frame.assign(**{COIN: np.array(["heads", "tails"])[rng.integers(2, size=rows)]})

    train, fresh = frame_of(codes()), codes()
    held_out, other = frame_of(fresh), frame_of(codes())
    log_laws = [torch.from_numpy(laws[:, k].T).clamp(min=1e-12).log() for k in range(COLUMNS)]
    truth = ColumnMixture(torch.full((kinds,), 1 / kinds, dtype=torch.float64).log(), log_laws)
    positions = torch.from_numpy(fresh)
    given = truth.given_others(positions, torch.ones_like(positions, dtype=torch.bool)).unflatten(1, (COLUMNS, WORDS))
    expected = given.gather(2, positions.unsqueeze(2)).sum((1, 2))
    seen = np.all([held_out[name].isin(train[name].unique()) for name in train], axis=0)
    started = time.process_time()
    model = TableEstimator(random_state=seed).fit(train)
    seconds = time.process_time() - started
    assert model.couplings_ is not None
    schema = model.encoder_.schema
    coin = model.predict_proba(held_out[seen], COIN)["heads"]
    return {
        "log p, truth": float(expected[torch.from_numpy(seen)].mean()),
        "log p, model": float(model.log_conditionals(held_out[seen]).drop(columns=COIN).sum(axis=1).mean()),
        "held-out, pairs": max(fit.score for fit in model.couplings_.tried if fit.components == 1),
        "held-out, chosen": model.couplings_.best.score,
        "AUC, samples": detection_score(schema, held_out, model.sample(rows, random_state=seed), seed=seed).auc,
        "AUC, fresh rows": detection_score(schema, held_out, other, seed=seed).auc,
        "coin, least": float(coin.min()),
        "coin, largest": float(coin.max()),
        "components": model.couplings_.best.components,
        "CPU seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", type=int, default=6, help="number of kinds of rows")
    parser.add_argument("--rows", type=int, default=600, help="rows to learn from, and as many fresh ones")
    parser.add_argument("--seeds", type=int, default=5, help="number of tables")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    found = pd.DataFrame([one_table(arguments.kinds, arguments.rows, seed) for seed in range(arguments.seeds)])
    for title in found:
        print(f"{title} | {found[title].mean():.3f} ± {found[title].sem():.3f}", flush=True)


if __name__ == "__main__":
    main()
