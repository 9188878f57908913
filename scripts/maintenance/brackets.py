"""Widths of the interval of log Z for trained models of many bits, and how far repeated estimates differ.

    python scripts/maintenance/brackets.py wide --root FOLDER
    python scripts/maintenance/brackets.py machine
    python scripts/maintenance/brackets.py repeat --run runs/records/accidents-0 --root FOLDER

- `wide`: 180 columns, the 163 of Pumsb-star and, in the same row, the first 17 of Accidents, on which they do not
  depend; a network on a mixture of trees, trained as the job `estimate` does, but for 300 steps.
- `machine`: a restricted Boltzmann machine of 784 visible and 500 hidden bits, trained by persistent contrastive
  divergence on the digits of scikit-learn, 8 × 8 pixels, each of which is repeated three times in both directions, in a
  frame of two pixels, and black where it is above the middle.
- `repeat`: a finished run of `estimate` is scored anew with other seeds; printed are the log-likelihoods of its test
  rows and their standard deviation.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from discrete_ed import (
    FitConfig,
    RBMEnergy,
    density_energy,
    density_loss,
    estimate_log_z,
    fit,
    load_energy,
    load_table_data,
    log_likelihood,
    shuffled_batches,
)
from discrete_ed.samplers import suitable_kernel

COLUMNS = 17  # of Accidents


def wide(root: Path, seconds: float) -> None:
    parts = [load_table_data(name, root / name).train for name in ("pumsb_star", "accidents")]
    rows = min(map(len, parts))
    x = torch.from_numpy(np.concatenate([parts[0][:rows], parts[1][:rows, :COLUMNS]], axis=1)).float()
    energy = density_energy("mlp", x.shape[1], width=128, components=20, data=x)
    generator = torch.Generator().manual_seed(0)
    config = FitConfig(steps=300, learning_rate=3e-3, weight_decay=0.1)
    fit(energy, density_loss("erasure", generator=generator), shuffled_batches(x, 256, generator=generator), config)
    report(energy, x, seconds)


def machine(seconds: float) -> None:
    from sklearn.datasets import load_digits

    digits = np.kron(load_digits().images > 8, np.ones((3, 3)))
    x = torch.from_numpy(np.pad(digits, ((0, 0), (2, 2), (2, 2))).reshape(len(digits), -1)).float()
    torch.manual_seed(0)
    energy = RBMEnergy(x.shape[1], 500)
    generator = torch.Generator().manual_seed(0)
    kernel = suitable_kernel(energy, purpose="learned")
    loss = density_loss("pcd", steps=1, buffer=100, kernel=kernel, generator=generator)
    fit(energy, loss, shuffled_batches(x, 100, generator=generator), FitConfig(steps=2000, learning_rate=2e-3))
    report(energy, x, seconds)


def report(energy: torch.nn.Module, x: Tensor, seconds: float) -> None:
    """Print the interval of log Z, its width, and the CPU seconds of the estimate."""
    trained = cpu_seconds()
    found = estimate_log_z(energy, x, seconds=seconds, generator=torch.Generator().manual_seed(1))
    rows = log_likelihood(energy, x, found).mean
    print(f"{x.shape[1]} bits, trained in {trained:.0f} CPU seconds; log-likelihood of training rows {rows:.3f}")
    print(f"{found.verdict}\nwidth {found.high - found.low:.3f} nats, {cpu_seconds() - trained:.0f} CPU seconds")


def repeat(run: Path, root: Path, seconds: float, repeats: int) -> None:
    name = json.loads((run / "config.json").read_text())["data"]
    data = load_table_data(name, root / name)
    train, test = torch.from_numpy(data.train).float(), torch.from_numpy(data.test).float()
    energy, values = load_energy(run / "checkpoint"), []
    for seed in range(repeats):
        found = estimate_log_z(energy, train, seconds=seconds, generator=torch.Generator().manual_seed(seed))
        scored = log_likelihood(energy, test, found)
        values.append(scored.mean)
        print(f"seed {seed}: {scored.mean:.4f} ({scored.lower:.4f} to {scored.upper:.4f})", flush=True)
    print(f"{name}: standard deviation {np.std(values, ddof=1):.4f}; {cpu_seconds() / repeats:.0f} CPU seconds each")


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=["wide", "machine", "repeat"])
    parser.add_argument(
        "--root", type=Path, default=Path("datasets"), help="folder with a folder of files for each table"
    )
    parser.add_argument("--run", type=Path, help="a finished run of estimate")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of an estimate, on an idle core")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.check == "wide":
        wide(arguments.root, arguments.seconds)
    elif arguments.check == "machine":
        machine(arguments.seconds)
    elif arguments.run is None:
        parser.error("--run: expected a finished run of estimate")
    else:
        repeat(arguments.run, arguments.root, arguments.seconds, arguments.repeats)


if __name__ == "__main__":
    main()
