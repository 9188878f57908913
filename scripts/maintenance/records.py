"""Test log-likelihoods of five published tables by the defaults of the job `estimate`, over some seeds.

Each run is `discrete-ed estimate --data NAME --root ROOT/NAME --seed SEED --samples 1000 --out OUT/NAME-SEED`. Runs
that are finished are not repeated, and stopped ones go on. Then the table of the page of densities is printed.

    python scripts/maintenance/records.py --root FOLDER --out runs/records --seeds 3

With `--resample`, finished runs are copied to another folder, and sampled and scored anew from their saved energies, as
the job would do after the same training. Their pages and the CPU seconds are those of the runs before.

    python scripts/maintenance/records.py --root FOLDER --out runs/records --resample runs/resampled
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from discrete_ed import load_energy
from discrete_ed.data import load_table_data
from discrete_ed.density import sample_density, score_density
from discrete_ed.density.sampling import SNAPSHOTS
from discrete_ed.jobs.estimate.run import samples_to_files

TABLES: dict[str, tuple[str, float, float]] = {
    "nltcs": ("NLTCS (16)", -5.999, -5.99),
    "baudio": ("Audio (100)", -39.77, -39.02),
    "plants": ("Plants (69)", -14.27, -12.26),
    "accidents": ("Accidents (111)", -26.74, -26.74),
    "pumsb_star": ("Pumsb-star (163)", -23.65, -22.41),
}
"""by the name of its files: the name and number of columns; hidden Chow–Liu trees; the best figure quoted"""
COLUMNS = (
    "table (columns)",
    "test, mean of the seeds",
    "of each seed, with its range",
    "validation, training",
    "chosen loss",
    "hidden Chow–Liu trees",
    "best quoted",
    "samples: p-value (training rows)",
    "CPU seconds",
)
CPU = "cpu_seconds.txt"


def run(root: Path, out: Path, name: str, seed: int) -> None:
    """One run of the job; its CPU seconds are written beside its results."""
    folder = out / f"{name}-{seed}"
    if (folder / CPU).exists():
        return
    options = ["--resume", str(folder)]
    if not folder.exists():
        options = ["--data", name, "--root", str(root / name), "--seed", str(seed), "--samples", "1000"]
        options += ["--out", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "discrete_ed", "estimate", *options], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / CPU).write_text(f"{seconds:.0f}\n")


def resampled(root: Path, old: Path, new: Path) -> None:
    """A copy of a finished run, with new samples and scores; the folder is there only when all is done."""
    if new.exists():
        return
    result, config = (json.loads((old / f"{name}.json").read_text()) for name in ("result", "config"))
    name, seed = old.name.rsplit("-", 1)[0], result["seed"]
    data = load_table_data(name, root / name, seed=seed)
    train, valid, test = map(torch.from_numpy, (data.train, data.valid, data.test))
    energy, generator = load_energy(old / "checkpoint"), torch.Generator().manual_seed(seed)
    started = time.process_time()
    count = SNAPSHOTS * config.get("samples", 4000)
    samples = sample_density(
        energy, train, count, steps=config.get("sampler_steps", 400), seed=seed, generator=generator
    )
    sampled = time.process_time()
    scores = score_density(
        energy, samples.states, train=train, valid=valid, test=test, runs=config.get("runs", 256), generator=generator
    )
    seconds = {"sample": sampled - started, "score": time.process_time() - sampled}
    found = {key: value for key, value in vars(samples).items() if key != "states"}
    result = {**result, **scores.to_dict(), **found, "seconds": {**result["seconds"], **seconds}}
    part = new.with_name(f"{new.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(old, part)
    for file, content in samples_to_files(samples.states, data.names).items():
        (part / file).write_bytes(content)
    (part / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    part.rename(new)
    print(f"{new.name}: p = {scores.distances.samples.p_value:.3f}, {found}, CPU seconds {seconds}", flush=True)


def table(out: Path) -> str:
    """The finished runs as Markdown, a line for each table."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for name, (title, trees, best) in TABLES.items():
        folders = sorted(path.parent for path in out.glob(f"{name}-*/{CPU}"))
        results = [json.loads((folder / "result.json").read_text()) for folder in folders]
        if not results:
            continue
        values = [result["test_log_likelihood"] for result in results]
        average = "none" if None in values else f"{mean(values):.{4 if results[0]['exact'] else 3}f}"
        above = all(_lower(result) > best for result in results)
        cells = [
            title,
            f"**{average}**" if above else average,
            "; ".join(map(_value, results)),
            ", ".join(
                f"{mean(_number(r[key]) for r in results):.3f}"
                for key in ("valid_log_likelihood", "train_log_likelihood")
            ),
            ", ".join(sorted({str(result["loss"]) for result in results})),
            f"{trees:g}",
            f"{best:g}",
            "; ".join(f"{r['mmd2_p_value']:.3f} ({r['mmd2_floor_p_value']:.3f})" for r in results),
            ", ".join((folder / CPU).read_text().strip() for folder in folders),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(re.sub(r"(?<!\w)-(?=\d)", "−", line) for line in lines)


def _lower(result: dict[str, Any]) -> float:
    return float("-inf") if result["lower"] is None else result["lower"]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _value(result: dict[str, Any]) -> str:
    if result["test_log_likelihood"] is None:
        return "refused"
    if result["exact"]:
        return f"{result['test_log_likelihood']:.4f}"
    return f"{result['test_log_likelihood']:.3f} ({result['lower']:.3f} to {result['upper']:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder with a folder of files for each table")
    parser.add_argument("--out", type=Path, default=Path("runs/records"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds; 0 prints the table only")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--resample", type=Path, help="folder to which finished runs are copied and sampled anew")
    arguments = parser.parse_args()
    if arguments.resample is not None:
        arguments.resample.mkdir(parents=True, exist_ok=True)
        for name in arguments.tables:
            for done in sorted(arguments.out.glob(f"{name}-*/{CPU}")):
                resampled(arguments.root, done.parent, arguments.resample / done.parent.name)
        print(table(arguments.resample))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for name in arguments.tables:
            run(arguments.root, arguments.out, name, seed)
    print(table(arguments.out))


if __name__ == "__main__":
    main()
