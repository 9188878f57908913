"""Energy discrepancy on real vectors: three experiments, each a figure and numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from tqdm import tqdm

from discrete_ed.data import grey_digits, read_grey
from discrete_ed.errors import NumericalError
from discrete_ed.jobs import page
from discrete_ed.jobs.continuous import figures
from discrete_ed.jobs.continuous.config import ContinuousConfig
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.jobs.text import as_text
from discrete_ed.metrics.two_sample import u_statistic
from discrete_ed.theory.continuous import (
    MALA,
    Langevin,
    LatentModel,
    MixtureEnergy,
    NeuralEnergy,
    NormalPrior,
    TiltedPrior,
    energy_discrepancy,
    sample,
    score_matching,
)

JOB, HIDDEN = "continuous", ("out", "resume")  # options that a report needn't tell
TRUE_WEIGHT, VARIANCES = 0.2, (2.0, 4.0, 8.0, 32.0)
MEANS = torch.tensor([[-5.0], [5.0]])

Part = tuple[dict[str, Any], Figure, list[list[str]], str]
"""What a part of the job gives: numbers, a figure, a table of them, and a caption."""


def run(config: ContinuousConfig) -> dict[str, Any]:
    """Do one part or all; returns what `result.json` holds.

    Raises:
        InputError: images or a run folder that can't be used.
        NumericalError: training diverged.
    """
    config = resumed(config, JOB)
    parts: dict[str, tuple[str, Callable[[], Part]]] = {
        "mixture": ("The weight of a mixture", lambda: mixture(config)),
        "gaussians": ("Twenty-five Gaussians", lambda: gaussians(config)),
        "latent": ("Images from a latent energy", lambda: latent(config, images)),
    }
    chosen = parts if config.part == "all" else {config.part: parts[config.part]}
    if "latent" in chosen:  # read before a run folder is made
        images = torch.from_numpy(grey_digits() if config.images is None else read_grey(config.images))
    result: dict[str, Any] = {}
    pictures: dict[str, tuple[bytes, str]] = {}
    tables: dict[str, list[list[str]]] = {}
    inputs = [config.images] if config.images is not None and "latent" in chosen else []
    with RunFolder(config.out, JOB, config.part, config, inputs) as folder:
        for name, (title, part) in chosen.items():
            done = folder.cached(name, partial(_drawn, folder, name, title, part))
            result[name], tables[title] = done["numbers"], done["table"]
            pictures[title] = (folder.path / f"{name}.png").read_bytes(), done["caption"]
            print(f"\n{title}\n{as_text(tables[title])}")
        lead = "Energy discrepancy with Gaussian perturbations, on real vectors."
        facts = {name: value for name, value in vars(config).items() if name not in HIDDEN}
        html = page.render_page("Continuous energy discrepancy", lead, tables, pictures, facts)
        folder.write("report.html", html.encode())
        folder.finish(result)
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
    return result


def _drawn(folder: RunFolder, name: str, title: str, part: Callable[[], Part]) -> dict[str, Any]:
    """Do a part, and leave its figure in the folder."""
    numbers, figure, table, caption = part()
    folder.plot({name: (title, lambda: figure, caption)})
    return {"numbers": numbers, "table": table, "caption": caption}


def mixture(config: ContinuousConfig) -> Part:
    """The loss as a function of the weight ρ in `ρ N(−5, 1) + (1 − ρ) N(5, 1)`, for data with ρ = 0.2."""
    x = MixtureEnergy(torch.tensor([TRUE_WEIGHT, 1 - TRUE_WEIGHT]), MEANS).draw(
        4096, generator=torch.Generator().manual_seed(config.seed)
    )
    weights = torch.linspace(0.01, 0.98, 98)
    models = [MixtureEnergy(torch.stack([rho, 1 - rho]), MEANS) for rho in weights]

    def discrepancy(model: nn.Module, t: float) -> Tensor:  # the same noise for every weight
        noise = torch.Generator().manual_seed(config.seed + 1)
        return energy_discrepancy(model, x, t, m=4, w=1.0, generator=noise)

    losses: dict[str, Callable[[nn.Module], Tensor]] = {"score matching": lambda model: score_matching(model, x)}
    losses |= {f"energy discrepancy, t = {t:g}": lambda model, t=t: discrepancy(model, t) for t in VARIANCES}  # type: ignore[misc]
    losses["maximum likelihood"] = lambda model: model(x).mean()
    curves = {
        name: torch.stack([loss(model).detach() for model in models]).double().numpy()
        for name, loss in tqdm(losses.items(), desc="mixture", leave=False)
    }
    likelihood = curves["maximum likelihood"]
    numbers = {
        name: {
            "minimiser": float(weights[int(curve.argmin())]),
            "spread": float(np.ptp(curve)),
            "spread_of_likelihood": float(np.ptp(curve) / np.ptp(likelihood)),
            "correlation_with_likelihood": float(np.corrcoef(curve, likelihood)[0, 1]),
        }
        for name, curve in curves.items()
    }
    table = [["loss", "best ρ", "spread", "of ML's", "corr. ML"]]
    for name, row in numbers.items():
        cells = (f"{row['minimiser']:.2f}", f"{row['spread']:.3g}", f"{row['spread_of_likelihood']:.2%}")
        table.append([name, *cells, f"{row['correlation_with_likelihood']:.4f}"])
    caption = (
        f"Each loss above its minimum, for {len(x):,} draws with ρ = {TRUE_WEIGHT}. Score matching hardly sees the "
        "weight of far-apart modes; with growing noise t energy discrepancy goes over to maximum likelihood."
    )
    return numbers, figures.mixture_weights(weights.numpy(), curves, TRUE_WEIGHT), table, caption


def gaussians(config: ContinuousConfig) -> Part:
    """Learn a density with 25 modes from draws of it, and compare on a grid."""
    side = torch.arange(-4.0, 5.0, 2.0)
    truth = MixtureEnergy(torch.ones(25), torch.cartesian_prod(side, side), variance=0.09)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        energy = NeuralEnergy(2, (128, 128, 128))

    def loss() -> Tensor:
        x = truth.draw(256, generator=generator)
        return energy_discrepancy(energy, x, (0.02, 4.0), m=16, w=1.0, generator=generator)

    _minimise(energy.parameters(), loss, config.steps, config.learning_rate, "gaussians")
    ticks = torch.linspace(-6, 6, 301)
    grid = torch.cartesian_prod(ticks, ticks)
    with torch.no_grad():
        log_p, log_q = ((-e(grid)).log_softmax(0).double() for e in (truth, energy))
    p, q = log_p.exp(), log_q.exp()
    cell = (grid.clamp(-4.99, 4.99) + 5).div(2).floor().long() @ torch.tensor([5, 1])
    masses = torch.zeros(25, dtype=torch.float64).index_add_(0, cell, q)
    start = 3 * torch.randn(2000, 2, generator=generator)
    drawn = _sample(MALA(0.02), energy, start, config, generator)
    numbers = {
        "total_variation": (p - q).abs().sum().item() / 2,
        "kl_truth_to_model": (p * (log_p - log_q)).sum().item(),
        "smallest_mode": masses.min().item(),
        "largest_mode": masses.max().item(),
    }
    table = [
        ["on a grid", "learned", "truth"],
        ["total variation", f"{numbers['total_variation']:.4f}", "0"],
        ["KL(truth ‖ learned)", f"{numbers['kl_truth_to_model']:.4f}", "0"],
        ["mass of the smallest mode", f"{numbers['smallest_mode']:.4f}", "0.0400"],
        ["mass of the largest mode", f"{numbers['largest_mode']:.4f}", "0.0400"],
    ]
    shape = (len(ticks), len(ticks))
    figure = figures.densities(p.view(shape).T.numpy(), q.view(shape).T.numpy(), drawn.numpy(), extent=6.0)
    caption = (
        f"The law, the learned density normalised on the grid, and {config.sampler_steps} steps of MALA from a broad "
        "normal start; chains seldom cross between modes, so how many end in each says where they started."
    )
    return numbers, figure, table, caption


def latent(config: ContinuousConfig, images: Tensor) -> Part:
    """A decoder with a normal prior and one with an energy trained beside it, compared on images held out."""
    _, height, width = images.shape
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(config.seed))
    x = images[order[: config.most_images]].flatten(1)
    held_out = len(x) // 5
    test, train = x[:held_out], x[held_out:]
    drawn: dict[str, Tensor] = {}
    for name, learned in (("normal prior", False), ("learned prior", True)):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            prior: nn.Module = TiltedPrior(config.latent) if learned else NormalPrior()
            model = LatentModel(prior, config.latent, x.shape[1])
        generator = torch.Generator().manual_seed(config.seed + 1)
        _train_latent(model, train, config, generator, name)
        z = torch.randn(1000, config.latent, generator=generator)
        z = _sample(MALA(0.1), model.prior, z, config, generator)
        drawn[name] = model.decode(z)
        if learned:
            drawn["the same decoder, normal draws"] = model.decode(
                torch.randn(1000, config.latent, generator=generator)
            )
    scale = torch.pdist(test).median().item()
    compared = {"training images (the floor)": train, **drawn}
    numbers = {
        name: {"frechet": frechet_distance(test, others), "mmd2": gaussian_mmd(test, others, scale)}
        for name, others in compared.items()
    }
    table = [["against images held out", "Fréchet", "MMD²·10³"]]
    table += [[name, f"{row['frechet']:.3f}", f"{1e3 * row['mmd2']:.2f}"] for name, row in numbers.items()]
    shown = {"images held out": test, "normal prior": drawn["normal prior"], "learned prior": drawn["learned prior"]}
    panels = {name: panel[:64].reshape(-1, height, width).numpy() for name, panel in shown.items()}
    caption = (
        f"The first 64 of {len(test)} images held out, and unconditional draws: z from the prior by "
        f"{config.sampler_steps} steps of MALA, then the decoder's mean."
    )
    return {"images": len(x), **numbers}, figures.image_grids(panels), table, caption


def _train_latent(
    model: LatentModel, x: Tensor, config: ContinuousConfig, generator: torch.Generator, name: str
) -> None:
    """Posterior draws by Langevin chains, one kept for each image; the decoder reconstructs from them, the prior
    learns them by energy discrepancy."""
    z = torch.randn(len(x), config.latent, generator=generator)
    kernel = Langevin(1e-3)

    def loss() -> Tensor:
        rows = torch.randint(len(x), (128,), generator=generator)
        z[rows] = sample(kernel, model.posterior(x[rows]), z[rows], 5, generator=generator)
        value = model.reconstruction(x[rows], z[rows]).mean()
        if isinstance(model.prior, TiltedPrior):
            value = value + energy_discrepancy(model.prior, z[rows], (0.1, 4.0), m=16, w=1.0, generator=generator)
        return value

    _minimise(model.parameters(), loss, config.steps, config.learning_rate, f"latent, {name}")


def _minimise(parameters: Any, loss: Callable[[], Tensor], steps: int, learning_rate: float, title: str) -> None:
    """Adam with a rate that falls to zero linearly."""
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for step in (bar := tqdm(range(1, steps + 1), desc=title, leave=False)):
        optimizer.zero_grad(set_to_none=True)
        value = loss()
        if not value.isfinite():
            raise NumericalError(f"loss: not finite at step {step}; try a smaller learning rate")
        value.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f"{value.item():.3f}", refresh=False)


def _sample(kernel: MALA, energy: nn.Module, x: Tensor, config: ContinuousConfig, generator: torch.Generator) -> Tensor:
    with tqdm(total=config.sampler_steps, desc="sample", leave=False) as bar:
        return sample(kernel, energy, x, config.sampler_steps, generator=generator, callback=lambda *_: bar.update())


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """`‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½)` of two sets of vectors `(N, D)`: of pixels, no classifier.

    Source: Dowson and Landau 1982, Journal of Multivariate Analysis 12, 450–455.

    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> round(frechet_distance(x, x + 2.0), 3)  # three coordinates, moved by 2 each
    12.0
    """
    a, b = a.double(), b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return ((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def gaussian_mmd(a: Tensor, b: Tensor, scale: float) -> float:
    """The unbiased estimate of MMD² with the kernel `exp(−‖x − y‖² / 2s²)`; may be negative.

    Source: Gretton et al. 2012, Journal of Machine Learning Research 13, 723–773.

    >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    >>> gaussian_mmd(x[:100], x[100:] + 3.0, 1.0) > 0.3 > abs(gaussian_mmd(x[:100], x[100:], 1.0))
    True
    """

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (-torch.cdist(x, y).double().square() / (2 * scale**2)).exp()

    # On the diagonal the kernel is 1, which the distances that cdist computes by matrix products miss by rounding.
    xx, yy = (kernel(x, x).fill_diagonal_(1.0).sum().item() for x in (a, b))
    return u_statistic(xx, kernel(a, b).sum().item(), yy, len(a), len(b))
