"""How well `discrete-ed generate` learns each data set, over several seeds: a table with floors and the spread.

    python scripts/maintenance/generation.py --data citation-egos --seeds 0 1 2 3 4 --out RUNS
    python scripts/maintenance/generation.py --data ego-small --seeds 0 1 2 3 4 5 6 --root FOLDER --out RUNS

Every run has the default options, apart from those that are given, and leaves its run folder in RUNS/DATA-SEED. A run
that is there already is read, and one that was stopped is resumed, so that the command can be repeated. `--options`
takes further options of `generate`, such as `--options --steps 2000`, and must come last.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from discrete_ed.jobs.cli import run_job

COLUMNS = ("degree", "clustering", "orbit", "mean")


def result_of(data: str, seed: int, root: Path | None, out: Path, options: list[str]) -> dict[str, Any]:
    """The result of one run, which is made, resumed or read."""
    folder = out / f"{data}-{seed}"
    if not (folder / "result.json").exists():
        if (folder / "config.json").exists():
            run_job("generate", ["--resume", str(folder)])
        else:
            files = [] if root is None else ["--root", str(root)]
            run_job("generate", ["--data", data, "--seed", str(seed), *files, "--out", str(folder), *options])
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def scores(result: dict[str, Any]) -> dict[str, float]:
    """MMD² by statistic, and the mean of three."""
    return {**{name: row["mmd2"] for name, row in result["statistics"].items()}, "mean": result["mean"]["mmd2"]}


def short(value: float) -> str:
    """A score without its leading zero."""
    return f"{value:.4f}".replace("0.", ".", 1)


def row_of(seed: int, result: dict[str, Any]) -> list[str]:
    """A line of the table."""
    found, chosen = scores(result), result.get("chain_settings", {}).get("settings", {})
    starts = result.get("two_starts", {}).get("p_value")
    return [
        f"seed {seed}",
        *(short(found[name]) for name in COLUMNS),
        f"{result['p_value']:.3f}",
        f"{result['statistics']['spectral']['p_value']:.3f}",
        f"{result['novel']:.1%}",
        f"{result['connected']:.1%}",
        f"{result['vun']:.1%}",
        f"{result['steps']:,}",
        str(chosen.get("levels", "–")),
        "–" if starts is None else f"{starts:.2f}",
        f"{sum(result['seconds'].values()):.0f}",
    ]


def spread(values: list[float]) -> str:
    """Mean ± standard deviation."""
    return short(fmean(values)) + (f" ± {short(stdev(values))}" if len(values) > 1 else "")


def table(data: str, seeds: list[int], results: list[dict[str, Any]]) -> str:
    """The table in Markdown."""
    header = [data, *COLUMNS, "p", "spectral p", "novel", "connected", "V.U.N.", "steps", "levels passed"]
    header += ["two starts p", "seconds"]
    rows = [row_of(seed, result) for seed, result in zip(seeds, results, strict=True)]
    found = [scores(result) for result in results]
    blank = [""] * (len(header) - len(COLUMNS) - 1)
    rows.append(["**mean ± sd of the seeds**", *(spread([row[name] for row in found]) for name in COLUMNS), *blank])
    first = results[0]
    rowed = {**first["statistics"], "mean": first["mean"]}
    floor = [f"floor: {first['train_graphs']} training graphs", *(short(rowed[name]["floor"]) for name in COLUMNS)]
    resampled = [
        f"{short(fmean(resample[name]['resampled'] for resample in everything(results)))}"
        f" ± {short(fmean(resample[name]['resampled_sd'] for resample in everything(results)))}"
        for name in COLUMNS
    ]
    real = [*blank]
    real[2], real[4] = f"{first['novel_reference']:.1%}", f"{first['vun_reference']:.1%}"
    rows += [[*floor, *real], ["training graphs resampled", *resampled, *blank]]
    random = [short(fmean(each[name]["erdos_renyi"] for each in everything(results))) for name in COLUMNS]
    rows.append(["random graphs, same n and m", *random, *blank])
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def everything(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scores of each result, with those of the mean."""
    return [{**result["statistics"], "mean": result["mean"]} for result in results]


def main() -> None:
    """Make the runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["citation-egos"], help="data sets of `generate`")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--root", type=Path, help="folder with the files of data sets that need some")
    parser.add_argument("--out", type=Path, default=Path("runs/generation"), help="where the run folders go")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="further options of `generate`")
    given = parser.parse_args()
    for data in given.data:
        results = [result_of(data, seed, given.root, given.out, given.options) for seed in given.seeds]
        print(f"\n{table(data, given.seeds, results)}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
