"""The perturbations compared on one problem whose answer is known: the couplings of an Ising lattice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from discrete_ed.energies import Energy, IsingEnergy
from discrete_ed.jobs.compare_perturbations.config import ComparePerturbationsConfig
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.jobs.text import as_text
from discrete_ed.likelihood.torus import torus_sample
from discrete_ed.losses import energy_discrepancy, single_site_discrepancy
from discrete_ed.perturbations import Bernoulli, Block, Grid, Informed, MeanPool, Perturbation
from discrete_ed.states import to_spins
from discrete_ed.training import FitConfig, fit, shuffled_batches

JOB = "compare-perturbations"
Loss = Callable[[Energy, Tensor, torch.Generator], Tensor]


def run(config: ComparePerturbationsConfig) -> dict[str, Any]:
    """Compare the losses; returns what `result.json` holds.

    Raises:
        InputError: a run folder that can't be used.
    """
    config = resumed(config, JOB)
    with RunFolder(config.out, JOB, f"{config.side}x{config.side}", config) as folder:
        rows = _rows(config, folder)
        result = {"sigma": config.sigma, "samples": config.samples, "losses": rows}
        folder.finish(result)
    torus = f"a {config.side} × {config.side} torus"
    print(f"σ = {config.sigma:g} on {torus}, {config.samples:,} exact samples, M = {config.m}")
    print(as_text(table(rows)))
    print(f"\nwritten to {folder.path}")
    return result


def _rows(config: ComparePerturbationsConfig, folder: RunFolder) -> dict[str, dict[str, float]]:
    """What the table says of each loss."""
    lattice = _lattice(config.side)
    truth = IsingEnergy(2 * config.sigma * lattice)
    generator = torch.Generator().manual_seed(config.seed)
    x = torus_sample(truth, config.samples, (config.side, config.side), generator=generator)
    losses = _losses(config)
    rows: dict[str, dict[str, float]] = {}
    with tqdm(losses.items(), desc="perturbations", leave=False) as bar:
        for name, loss in bar:
            bar.set_postfix_str(name)
            rows[name] = folder.cached(name, partial(_compared, loss, lattice, x, config))
            folder.log({"loss": name, **rows[name]})
    seconds = _seconds(losses, x[: config.batch])
    for name, row in rows.items():
        row |= {"seconds_per_step": seconds[name], "relative_time": seconds[name] / min(seconds.values())}
    return rows


def table(rows: dict[str, dict[str, float]]) -> list[list[str]]:
    """The result as a table: bias, noise, what is learned, time."""
    head = ["loss", "bias of σ", "noise of σ", "σ among errors", "mean edge", "RMSE of edges", "of others", "time/step"]
    return [head] + [
        [
            name,
            f"{row['bias']:+.4f} ± {row['bias_error']:.4f}",
            f"{row['noise']:.4f}",
            f"{row['among_errors']:.3f}",
            f"{row['mean_edge']:.3f}",
            f"{row['rmse_edges']:.4f}",
            f"{row['rmse_others']:.4f}",
            f"{row['relative_time']:.1f}",
        ]
        for name, row in rows.items()
    ]


def _losses(config: ComparePerturbationsConfig) -> dict[str, Loss]:
    def of(perturbation: Perturbation, w: float = 1.0) -> Loss:
        return lambda energy, x, g: energy_discrepancy(energy, x, perturbation, m=config.m, w=w, generator=g)

    little, much = Bernoulli(epsilon=config.epsilon / 10), Bernoulli(epsilon=config.epsilon)
    return {
        f"Bernoulli, ε = {little.epsilon:g}": of(little),
        f"Bernoulli, ε = {much.epsilon:g}": of(much),
        f"Bernoulli, ε = {much.epsilon:g}, w = 0": of(much, w=0.0),
        f"Informed, ε = {much.epsilon:g}": of(Informed(much)),
        "Grid": of(Grid()),
        "MeanPool, 2 × 2": of(MeanPool.image(config.side, config.side)),
        f"Block, k = 6, ε = {much.epsilon:g}": of(Block(6, config.epsilon)),
        "Block, k = 6, ε = 0.5": of(Block(6, 0.5)),
        "single site, ε = 0.5 (pseudo-likelihood)": lambda energy, x, _: single_site_discrepancy(energy, x),
    }


def _lattice(side: int) -> Tensor:
    """The adjacency matrix of a periodic square lattice."""
    site = torch.arange(side * side).view(side, side)
    adjacency = torch.zeros(side * side, side * side)
    for axis in (0, 1):
        there = site.roll(-1, axis)
        adjacency[site.flatten(), there.flatten()] = adjacency[there.flatten(), site.flatten()] = 1
    return adjacency


class OneCoupling(Energy):
    """An Ising energy with one parameter, `E = −½ sᵀ (c A + W) s`, `A` the adjacency matrix of a lattice, `W` fixed.

    >>> pair = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> OneCoupling(pair, 0.5, 0.25 * pair)(torch.ones(1, 2)).item()
    -0.75
    """

    lattice: Tensor
    errors: Tensor

    def __init__(self, lattice: Tensor, coupling: float, errors: Tensor) -> None:
        super().__init__()
        self.register_buffer("lattice", lattice)
        self.register_buffer("errors", errors)
        self.coupling = nn.Parameter(torch.tensor(coupling))

    def forward(self, x: Tensor) -> Tensor:
        s = to_spins(x)
        return -(self.coupling * ((s @ self.lattice) * s).sum(-1) + ((s @ self.errors) * s).sum(-1)) / 2

    def flip_delta(self, x: Tensor) -> Tensor:
        s = to_spins(x)
        return 2 * s * (s @ (self.coupling * self.lattice + self.errors))


def _compared(loss: Loss, lattice: Tensor, x: Tensor, config: ComparePerturbationsConfig) -> dict[str, float]:
    return {**_at_the_truth(loss, lattice, x, config), **_fitted(loss, lattice, x, config)}


def _at_the_truth(loss: Loss, lattice: Tensor, x: Tensor, config: ComparePerturbationsConfig) -> dict[str, float]:
    """With a single common coupling, at the truth: where one Newton step would lead, and how noisy that is.

    `bias` is −(mean slope) / curvature, in units of σ; `noise` the standard deviation of the slope of 1,000 data
    points, likewise: the standard error of σ from so many. `among_errors` is the σ that Newton's method finds where
    every pair's coupling is wrong by a normal error: such errors act as noise in the contest of data and negatives,
    and where only clear wins are seen the best answer to noise is a larger coupling.
    """
    generator = torch.Generator().manual_seed(config.seed + 1)
    size = 50
    energy = OneCoupling(lattice, 2 * config.sigma, torch.zeros_like(lattice))
    slopes, curvature = _slopes(loss, energy, x[: config.probe].split(size), generator)
    spread = slopes.std() / curvature / 2
    errors = 2 * config.error * torch.randn(lattice.shape, generator=generator).triu(1)
    energy = OneCoupling(lattice, 2 * config.sigma, errors + errors.T)
    path = []
    for _ in range(8):
        slope, bend = _slopes(loss, energy, x[: config.probe].split(500), generator)
        energy.coupling.data -= (slope.mean() / bend).clamp(-0.1, 0.1)
        path.append(energy.coupling.item() / 2)
    return {
        "bias": (-slopes.mean() / curvature / 2).item(),
        "bias_error": (spread / len(slopes) ** 0.5).item(),
        "noise": (spread * (size / 1000) ** 0.5).item(),
        "among_errors": sum(path[4:]) / 4,
    }


def _slopes(
    loss: Loss, energy: OneCoupling, batches: Sequence[Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The slope of each batch's loss in the coupling, and the mean curvature."""
    slopes, curvatures = [], []
    for batch in batches:
        (slope,) = torch.autograd.grad(loss(energy, batch, generator), energy.coupling, create_graph=True)
        curvatures.append(torch.autograd.grad(slope, energy.coupling)[0])
        slopes.append(slope.detach())
    return torch.stack(slopes), torch.stack(curvatures).mean()


def _fitted(loss: Loss, lattice: Tensor, x: Tensor, config: ComparePerturbationsConfig) -> dict[str, float]:
    """With every pair's coupling free: what Adam learns in so many steps."""
    energy = IsingEnergy(len(lattice))
    generator = torch.Generator().manual_seed(config.seed + 2)
    batches = shuffled_batches(x, config.batch, generator=torch.Generator().manual_seed(config.seed + 3))
    fit_config = FitConfig(steps=config.steps, learning_rate=config.learning_rate, ema=0.99, clip=1e9)
    with tqdm(total=config.steps, desc="fit", leave=False) as bar:
        fit(energy, lambda e, batch: loss(e, batch, generator), batches, fit_config, callback=lambda _: bar.update())
    sigma = energy.couplings.detach() / 2
    edge, other = sigma[lattice.triu(1).bool()], sigma[(1 - lattice).triu(1).bool()]
    return {
        "mean_edge": edge.mean().item(),
        "rmse_edges": (edge - config.sigma).square().mean().sqrt().item(),
        "rmse_others": other.square().mean().sqrt().item(),
    }


def _seconds(losses: dict[str, Loss], x: Tensor, rounds: int = 10) -> dict[str, float]:
    """The best time of a loss and its gradient; the losses take turns, so that a busy machine is fair to all."""
    energy, generator = IsingEnergy(x.shape[1]), torch.Generator().manual_seed(0)
    best = dict.fromkeys(losses, float("inf"))
    for _ in range(rounds):
        for name, loss in losses.items():
            started = time.perf_counter()
            loss(energy, x, generator).backward()
            best[name] = min(best[name], time.perf_counter() - started)
    return best
