"""Widths of the interval of log Z for trained models of many bits, and how far repeated estimates differ.

    python scripts/maintenance/brackets.py wide --root FOLDER
    python scripts/maintenance/brackets.py machine
    python scripts/maintenance/brackets.py known
    python scripts/maintenance/brackets.py repeat --run runs/records/accidents-0 --root FOLDER

- `wide`: 180 columns, the 163 of Pumsb-star and, in the same row, the first 17 of Accidents, on which they do not
  depend; a network on a mixture of trees, trained as the job `estimate` does, but for 300 steps.
- `machine`: a restricted Boltzmann machine of 784 visible and 500 hidden bits, trained by persistent contrastive
  divergence on the digits of scikit-learn, enlarged to 28 × 28 pixels, black where they are above the middle; `--steps`
  and `--learning-rate` say how far it is trained.
- `known`: a machine of 576 visible bits and 64 hidden ones, of which 20 live, so that log Z is known, beside forward
  runs alone from the base rates, as Salakhutdinov and Murray (2008) made them.
- `repeat`: a finished run of `estimate` is scored anew with other seeds; printed are the log-likelihoods of its test
  rows and their standard deviation.
"""

from __future__ import annotations

import argparse
import json
import resource
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import zoom
from torch import Tensor
from torch.nn.functional import softplus

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
from discrete_ed.likelihood.layers import rbm_log_z
from discrete_ed.samplers import suitable_kernel
from discrete_ed.states import enumerate_states

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


def machine(seconds: float, steps: int, learning_rate: float) -> None:
    from sklearn.datasets import load_digits

    digits = np.stack([zoom(image, 3.5, order=1) > 8 for image in load_digits().images])
    x = torch.from_numpy(digits.reshape(len(digits), -1)).float()
    torch.manual_seed(0)
    energy = RBMEnergy(x.shape[1], 500)
    generator = torch.Generator().manual_seed(0)
    kernel = suitable_kernel(energy, purpose="learned")
    loss = density_loss("pcd", steps=1, buffer=100, kernel=kernel, generator=generator)
    config = FitConfig(steps=steps, learning_rate=learning_rate)
    fit(energy, loss, shuffled_batches(x, 100, generator=generator), config)
    report(energy, x, seconds)


def live_machine() -> tuple[RBMEnergy, float, Tensor]:
    """A machine with weights of standard deviation .3, its log Z, and exact samples of it."""
    g = torch.Generator().manual_seed(0)
    small = RBMEnergy(576, 20, scale=0.3, generator=g)
    small.visible_bias.data = torch.randn(576, generator=g) - 1
    small.hidden_bias.data = -small.weight.data.sum(0) / 2
    big = RBMEnergy(576, 64, scale=0.0)
    big.visible_bias.data = small.visible_bias.data
    big.weight.data[:, :20], big.hidden_bias.data[:20] = small.weight.data, small.hidden_bias.data
    h = enumerate_states(20)
    weights = torch.cat(
        [
            some @ small.hidden_bias + softplus(small.visible_bias + some @ small.weight.T).sum(1)
            for some in h.split(4096)
        ]
    )
    chosen = h[torch.multinomial(weights.double().softmax(0), 2000, replacement=True, generator=g)]
    x = torch.rand(2000, 576, generator=g) < (small.visible_bias + chosen @ small.weight.T).sigmoid()
    return big, rbm_log_z(small) + 44 * log(2), x.float()


def salakhutdinov_murray(energy: RBMEnergy, x: Tensor, seed: int, temperatures: int = 1000, runs: int = 256) -> float:
    """log Z by forward runs from independent bits with the frequencies of the rows: block Gibbs at every temperature.

    Source: Salakhutdinov and Murray 2008, International Conference on Machine Learning.
    """
    g = torch.Generator().manual_seed(seed)
    rates = x.mean(0).clamp(0.01, 0.99).logit()
    weight, b, c = energy.weight.detach(), energy.visible_bias.detach(), energy.hidden_bias.detach()

    def log_weight(v: Tensor, beta: float) -> Tensor:
        return (1 - beta) * (v @ rates) + beta * (v @ b) + softplus(beta * (v @ weight + c)).sum(1)

    v = (torch.rand(runs, len(b), generator=g) < rates.sigmoid()).float()
    work = torch.zeros(runs, dtype=torch.float64)
    betas = [k / temperatures for k in range(temperatures + 1)]
    for before, beta in pairwise(betas):
        work += (log_weight(v, beta) - log_weight(v, before)).double()
        h = (torch.rand(runs, len(c), generator=g) < (beta * (v @ weight + c)).sigmoid()).float()
        logits = (1 - beta) * rates + beta * (b + h @ weight.T)
        v = (torch.rand(runs, len(b), generator=g) < logits.sigmoid()).float()
    base = softplus(rates).sum().item() + len(c) * log(2)
    return base + work.logsumexp(0).item() - log(runs)


def known(seconds: float, repeats: int) -> None:
    energy, truth, x = live_machine()
    for seed in range(repeats):
        started = cpu_seconds()
        found = estimate_log_z(energy, x, seconds=seconds, exact=False, generator=torch.Generator().manual_seed(seed))
        between = cpu_seconds()
        forward = salakhutdinov_murray(energy, x, seed)
        print(
            f"seed {seed}: {found.value - truth:+.3f} from the truth, width {found.high - found.low:.3f}, "
            f"{between - started:.1f} CPU seconds; forward runs alone {forward - truth:+.3f}, "
            f"{cpu_seconds() - between:.1f} CPU seconds",
            flush=True,
        )


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
    parser.add_argument("check", choices=["wide", "machine", "known", "repeat"])
    parser.add_argument(
        "--root", type=Path, default=Path("datasets"), help="folder with a folder of files for each table"
    )
    parser.add_argument("--run", type=Path, help="a finished run of estimate")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of an estimate, on an idle core")
    parser.add_argument("--steps", type=int, default=1000, help="training steps of the machine")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="its learning rate")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.check == "wide":
        wide(arguments.root, arguments.seconds)
    elif arguments.check == "machine":
        machine(arguments.seconds, arguments.steps, arguments.learning_rate)
    elif arguments.check == "known":
        known(arguments.seconds, arguments.repeats)
    elif arguments.run is None:
        parser.error("--run: expected a finished run of estimate")
    else:
        repeat(arguments.run, arguments.root, arguments.seconds, arguments.repeats)


if __name__ == "__main__":
    main()
