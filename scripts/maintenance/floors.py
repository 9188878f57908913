"""What scores mean on each data set of `discrete-ed generate`: the floor, and what trivial generators reach.

    python scripts/maintenance/floors.py [--root FOLDER] [--data NAME ...]

Printed is MMD² against the test graphs: of the training graphs (the floor) in degree, clustering and orbit, and the
mean of these three of the training graphs, of the same with 2% of their pairs flipped, and of random graphs with the
same numbers of nodes and edges; and the share of valid graphs among each. Data sets that a seed makes or splits are
scored for several seeds, as mean ± standard deviation. `discrete-ed evaluate --data NAME` prints one of them in full.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

from discrete_ed.errors import InputError
from discrete_ed.graphs.datasets import RECIPES, load_graph_data
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.named_data import DATASETS, GraphData
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.scores import scores
from discrete_ed.graphs.validity import validity
from discrete_ed.jobs.evaluate.sources import trivial_generators
from discrete_ed.jobs.text import MISSING, as_text

SHOWN = ("degree", "clustering", "orbit", "mean")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("datasets"), help="folder with the files of data sets")
    parser.add_argument("--data", nargs="+", default=[*DATASETS, *RECIPES], help="data sets, by default all")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of data sets that a seed makes or splits")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), default="edp")
    arguments = parser.parse_args()
    header = ["MMD², " + arguments.protocol, "test", *(f"floor: {name}" for name in SHOWN), "2% flipped", "random"]
    rows, missing = [[*header, "valid: training", "2% flipped", "random"]], []
    for name in tqdm(arguments.data, leave=False):
        try:
            first = load_quietly(name, arguments.root, 0)
        except InputError as error:
            missing.append(f"{name}: {error}")
            continue
        others = range(1, arguments.seeds) if first.random_split else ()
        sets = [first, *(load_quietly(name, arguments.root, seed) for seed in others)]
        found = np.array([row_of(data, arguments.protocol, seed) for seed, data in enumerate(sets)])
        values = [cell(column) for column in found[:, :-3].T]
        shares = [MISSING if np.isnan(column).any() else f"{column.mean():.1%}" for column in found[:, -3:].T]
        rows.append([name, f"{len(first.test)}", *values, *shares])
    print(as_text(rows))
    print("\n".join(["", *missing]))


def load_quietly(name: str, root: Path, seed: int) -> GraphData:
    """The data set, without the warning that the usual split of grids is a shift of law."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_graph_data(name, root, split_seed=seed)


def row_of(data: GraphData, protocol: str, seed: int) -> list[float]:
    """The scores of the training graphs, the means of the trivial generators, and the shares of valid graphs."""
    test = describe(data.test, protocol)
    sets = {"training": data.train, **trivial_generators(data.train, seed)}
    found = [scores(test, describe(graphs, protocol), protocol) for graphs in sets.values()]
    valid = [float("nan") if data.valid is None else validity(graphs, data.valid) for graphs in sets.values()]
    return [*(found[0][name] for name in SHOWN), *(row["mean"] for row in found[1:]), *valid]


def cell(values: np.ndarray) -> str:
    """The mean, with the standard deviation if there are several values."""
    return number(values.mean()) + (f" ±{number(values.std(ddof=1))}" if len(values) > 1 else "")


def number(value: float) -> str:
    """Four decimals, or one significant digit of a smaller number."""
    return f"{value:.4f}" if value >= 1e-4 or value < 1e-12 else f"{value:.0e}"


if __name__ == "__main__":
    main()
