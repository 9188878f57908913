"""The figures of the page on groups: densities in K-valued digits, Potts models at their transition, one-hot data.

python scripts/maintenance/categories.py toys --names moons circles --steps 1500
python scripts/maintenance/categories.py potts
python scripts/maintenance/categories.py onehot
"""

from __future__ import annotations

import argparse
import time
import warnings
from math import log, sqrt

import torch

from discrete_ed import (
    Exact,
    FitConfig,
    Groups,
    MLPEnergy,
    PottsEnergy,
    density_energy,
    density_loss,
    estimate_log_z,
    fit,
    kernel_by_name,
    lattice,
    log_law,
    log_likelihood,
    sample,
    shuffled_batches,
)
from discrete_ed.data import TOYS, DigitToy
from discrete_ed.density import independent_columns, sample_states
from discrete_ed.density.sampling import weighted_uniform
from discrete_ed.metrics import hamming_mmd_repeats

SIZES = {5: 8, 10: 6}
UNIFORM = 200_000  # states among which those are chosen where chains start, by their weights
PER_VARIABLE = 0.05  # a variable that differs counts as two bits, so this is exp(−.1 · number of different variables)


def toys(names: list[str], steps: int, seconds: float) -> None:
    """Each density in both sizes: entropy, negative log-likelihood, MMD² · 10⁴ of 4 × 1,000 states, with floor."""
    warnings.simplefilter("ignore")
    print("law, K, D | entropy | NLL (bracket) | independent variables | MMD²·10⁴ | floor | CPU s", flush=True)
    for name in names:
        for base, digits in SIZES.items():
            law, start = DigitToy(TOYS[name], base, digits), time.process_time()
            groups = Groups.one_hot([base] * (2 * digits))
            train, test, other = (
                groups.encode(torch.from_numpy(law.states(n, seed=seed)))
                for seed, n in enumerate((100_000, 4_000, 4_000))
            )
            energy = density_energy("mlp", groups.bits, width=128, layers=3, data=train[:5000], groups=groups)
            g = torch.Generator().manual_seed(0)
            config = FitConfig(steps=steps, learning_rate=2e-3)
            fit(energy, density_loss("block-ed", generator=g), shuffled_batches(train, 128, generator=g), config)
            energy.eval()
            log_z = estimate_log_z(energy, test[:1000], seconds=seconds, runs=128, generator=g)
            nll = log_likelihood(energy, test, log_z)
            uniform, weights, _ = weighted_uniform(energy, UNIFORM, torch.zeros(0, groups.bits), g)
            starts = uniform[weights.multinomial(4_000, replacement=True, generator=g)].float()
            samples = sample_states(energy, 4_000, starts, steps=50, generator=g)
            found = hamming_mmd_repeats(samples, test, 1_000, rate=PER_VARIABLE)
            floor = hamming_mmd_repeats(other, test, 1_000, rate=PER_VARIABLE)
            entropy = -law.log_probability(groups.decode(test).numpy()).mean()
            baseline = -independent_columns(train, test, groups)
            distances = " | ".join(f"{1e4 * part.mean:.2f} ± {1e4 * part.error:.2f}" for part in (found, floor))
            print(
                f"{name}, {base}, {2 * digits} | {law.entropy()[0]:.3f} (of the test states {entropy:.3f}) | "
                f"{-nll.mean:.3f} ({-nll.upper:.3f} to {-nll.lower:.3f}) | {baseline:.3f} | {distances}"
                f" | {time.process_time() - start:.0f}",
                flush=True,
            )


def potts(side: int) -> None:
    """Energy a site at the transition of q states against `−(1 + 1/√q)`, which is exact for an infinite lattice."""
    for q in (2, 3, 4, 5):
        critical = 1 / log(1 + sqrt(q))
        energy = PottsEnergy.from_graph(lattice(side), q)
        kernel, g = kernel_by_name("auto", energy), torch.Generator().manual_seed(0)
        parts, values = [], []
        for shift in (0.95, 1.0, 1.05):  # starts in both phases
            ordered = energy.groups.encode(torch.zeros(8, side * side, dtype=torch.long))
            x = torch.cat([ordered, energy.groups.uniform(8, ordered, generator=g)])
            local = Exact(energy, 1 / (shift * critical))
            x = sample(kernel, local, x, 150, generator=g)
            values = []
            for _ in range(30):
                x = sample(kernel, local, x, 5, generator=g)
                values.append(energy(x).detach() / side**2)
            by_chain = torch.stack(values).mean(0)
            parts.append(f"{shift:.2f} T_c: {by_chain.mean():.4f} ± {by_chain.std() / 4:.4f}")
        print(f"q = {q}, T_c = {critical:.5f}, exact at T_c {-(1 + 1 / sqrt(q)):.4f} | " + ", ".join(parts), flush=True)


def onehot() -> None:
    """Three variables of four values in twelve bits, 1,000 rows: total variation to the truth, beside the rows' own."""
    groups, p = Groups.one_hot([4, 4, 4]), torch.tensor([0.7, 0.1, 0.1, 0.1])
    truth = p[groups.decode(groups.states())].prod(-1)
    data = groups.encode(p.multinomial(3000, replacement=True, generator=torch.Generator().manual_seed(0)).view(-1, 3))
    seen = (groups.decode(data) @ torch.tensor([16, 4, 1])).bincount(minlength=64) / len(data)
    print(f"the rows themselves: {(seen - truth).abs().sum() / 2:.3f}")
    for name in ("pl", "rm", "cd", "pcd", "ed", "block-ed", "ml"):
        g = torch.Generator().manual_seed(0)
        energy = density_energy("mlp", 12, width=32, data=data, groups=groups)
        batches = shuffled_batches(data, 100, generator=g)
        fit(energy, density_loss(name, generator=g, steps=3), batches, FitConfig(steps=200, learning_rate=0.005))
        print(f"{name}: {(log_law(energy).exp() - truth).abs().sum() / 2:.3f}", flush=True)
    assert isinstance(energy.terms[1], MLPEnergy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    part = commands.add_parser("toys")
    part.add_argument("--names", nargs="+", default=list(TOYS), choices=list(TOYS))
    part.add_argument("--steps", type=int, default=3000)
    part.add_argument("--seconds", type=float, default=30.0)
    commands.add_parser("potts").add_argument("--side", type=int, default=16)
    commands.add_parser("onehot")
    given = vars(parser.parse_args())
    {"toys": toys, "potts": potts, "onehot": onehot}[given.pop("command")](**given)


if __name__ == "__main__":
    main()
