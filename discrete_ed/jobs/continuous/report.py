"""The results of each experiment on real vectors: numbers, a table, a verdict, a figure and its caption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from discrete_ed.theory.continuous.gaussian_grid import GaussianGrid
from discrete_ed.theory.continuous.latent_images import LatentImages
from discrete_ed.theory.continuous.mixture_weight import VARIANCES, MixtureWeights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 64
"""number of images in a panel"""


@dataclass(frozen=True, eq=False)
class PartReport:
    """What the report page shows of one experiment."""

    title: str
    numbers: dict[str, Any]
    """the experiment's part of `result.json`"""
    table: list[list[str]]
    """rows of text; the first row is the header"""
    verdict: str
    """the result in one clause, next to a number to judge it by"""
    plot: Callable[[], Figure]
    caption: str


def mixture_report(result: MixtureWeights) -> PartReport:
    """The report on the losses as functions of a mixture's weight."""
    from discrete_ed.jobs.continuous import figures  # matplotlib is needed only where something is plotted

    summary = result.summary()
    table = [["loss", "best ρ", "spread", "of ML's", "corr. ML"]]
    for name, curve in summary.items():
        cells = (f"{curve.minimiser:.2f}", f"{curve.spread:.3g}", f"{curve.spread_of_likelihood:.2%}")
        table.append([name, *cells, f"{curve.correlation_with_likelihood:.4f}"])
    noisiest, matching = summary[f"energy discrepancy, t = {max(VARIANCES):g}"], summary["score matching"]
    return PartReport(
        "The weight of a mixture",
        {name: asdict(curve) for name, curve in summary.items()},
        table,
        f"the weight of a mixture moves energy discrepancy at t = {max(VARIANCES):g} by "
        f"{noisiest.spread_of_likelihood:.0%} of what it moves the likelihood, and score matching by "
        f"{matching.spread_of_likelihood:.2%}",
        lambda: figures.mixture_weights(result.weights, result.curves, result.truth),
        f"Each loss above its minimum, for {result.samples:,} samples with ρ = {result.truth}. Score matching hardly "
        "depends on the weight of modes that are far apart; with growing noise t energy discrepancy tends to maximum "
        "likelihood.",
    )


def gaussians_report(result: GaussianGrid, sampler_steps: int) -> PartReport:
    """The report on the density with 25 modes."""
    from discrete_ed.jobs.continuous import figures

    distances = result.distances
    return PartReport(
        "Twenty-five Gaussians",
        asdict(distances),
        [
            ["on a grid", "learned", "truth"],
            ["total variation", f"{distances.total_variation:.4f}", "0"],
            ["KL(truth ‖ learned)", f"{distances.kl_truth_to_model:.4f}", "0"],
            ["mass of the smallest mode", f"{distances.smallest_mode:.4f}", "0.0400"],
            ["mass of the largest mode", f"{distances.largest_mode:.4f}", "0.0400"],
        ],
        f"the learned density of 25 modes has total variation {distances.total_variation:.3f} from the truth, and its "
        f"modes have masses of {distances.smallest_mode:.3f} to {distances.largest_mode:.3f}, where the truth has 0.04",
        lambda: figures.densities(
            result.truth.T.numpy(),
            result.learned.T.numpy(),
            result.samples.numpy(),
            extent=result.extent,
        ),
        f"The law, the learned density normalised on the grid, and {sampler_steps} steps of MALA from a broad normal "
        "start. Chains seldom cross between modes, so that how many end in each mode depends on where they started.",
    )


def latent_report(result: LatentImages, shape: tuple[int, int], sampler_steps: int) -> PartReport:
    """The report on images from a latent energy.

    Args:
        result: the result of the experiment.
        shape: rows and columns of pixels.
        sampler_steps: steps of the chains that sampled the prior.
    """
    from discrete_ed.jobs.continuous import figures

    table = [["against held-out images", "Fréchet", "MMD²·10³"]]
    table += [[name, f"{row.frechet:.3f}", f"{1e3 * row.mmd2:.2f}"] for name, row in result.distances.items()]
    panels = {
        "held-out images": result.held_out,
        **{name: result.samples[name] for name in ("normal prior", "learned prior")},
    }
    distances = [f"{row.frechet:.2f} for {name}" for name, row in result.distances.items()]
    return PartReport(
        "Images from a latent energy",
        {"images": result.images, **{name: asdict(row) for name, row in result.distances.items()}},
        table,
        f"the Fréchet distance from held-out images is {', '.join(distances)}",
        lambda: figures.image_grids(
            {name: panel[:SHOWN].reshape(-1, *shape).numpy() for name, panel in panels.items()}
        ),
        f"The first {SHOWN} of {len(result.held_out)} held-out images, and unconditional samples: z is sampled from "
        f"the prior by {sampler_steps} steps of MALA; the image is the mean of the decoder.",
    )
