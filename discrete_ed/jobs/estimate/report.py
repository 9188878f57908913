"""The report on a density estimate: the verdict, the table of scores, notes on it, and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from discrete_ed.data import TableData
from discrete_ed.density.fitting import Ensemble
from discrete_ed.density.sampling import DIFFERENT
from discrete_ed.density.scores import DensityScores
from discrete_ed.jobs import page
from discrete_ed.jobs.estimate.config import ResolvedEstimateConfig, facts_of
from discrete_ed.jobs.estimate.tuning import trial_table
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.row_scores import least_probable
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import MISSING, number
from discrete_ed.metrics.hamming import PUBLISHED_SIZE
from discrete_ed.names import SMALL_BITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL = 0.05
"""p-values below it count as a difference in the verdict"""


def verdict(result: Mapping[str, Any]) -> str:
    """The result in one sentence, each number next to one that it can be judged by.

    Args:
        result: the content of `result.json`.
    """
    refused = result["test_log_likelihood"] is None
    certainty = "exact" if result["exact"] else f"between {number(result['lower'], '.3f')} and {result['upper']:.3f}"
    yardstick = f"independent columns have {result['independent_columns']:.3f}"
    if result["toy"] is not None:
        yardstick += f" and the truth {-result['toy']['entropy']:.3f}"
    p, floor = result["mmd2_p_value"], result["mmd2_floor_p_value"]
    samples = (
        f"samples differ from test rows no more than chance allows (p = {p:.2f})"
        if p >= LEVEL
        else f"samples differ from test rows (p = {p:.3f}; training rows: p = {floor:.3f})"
    )
    if (starts := result.get("starts_p_value")) is not None and starts < DIFFERENT:
        samples += f", and depend on where their chains start (p = {starts:.3f})"
    likelihood = (
        f"Test log-likelihood at most {result['upper']:.3f} nats a row, and no value (the model has mass that no "
        "training row reaches)"
        if refused
        else f"Test log-likelihood {result['test_log_likelihood']:.3f} nats a row ({certainty})"
    )
    mass = "; almost all mass of the model lies far from the training rows" if result.get("spurious") else ""
    return f"{likelihood}, where {yardstick}{mass}; {samples}."


def score_table(result: Mapping[str, Any]) -> list[list[str]]:
    """The scores as rows of text; the first row is the header.

    Args:
        result: what `result.json` holds.
    """
    toy = result["toy"]
    bracket = "exact" if result["exact"] else f"{number(result['lower'], '.3f')} to {result['upper']:.3f}"
    value, valid, train = (number(result[f"{rows}_log_likelihood"], ".4f") for rows in ("test", "valid", "train"))
    rows = [
        ["", "value", "range or error"],
        ["test log-likelihood, nats for each state", value, bracket],
        ["its standard error over the test states", f"{result['test_error']:.4f}", MISSING],
        ["validation log-likelihood", valid, MISSING],
        ["training log-likelihood", train, MISSING],
        ["independent columns, same test states (trivial model)", f"{result['independent_columns']:.4f}", "exact"],
    ]
    if toy is not None:
        rows.append(["log-likelihood of the truth, same states (the maximum)", f"{-toy['entropy']:.4f}", MISSING])
        for name, key in (("entropy of the truth", "entropy"), ("published protocol's NLL (biased)", "published_nll")):
            rows.append([name, f"{toy[key]:.4f}", f"±{toy[key + '_error']:.4f}"])
    sets = f"{result['mmd_repeats']} × {result['mmd_size']}"
    for name, key in (("samples", "mmd2"), ("training states (the floor)", "mmd2_floor")):
        error, interval = result[f"{key}_error"], result[f"{key}_interval"]
        spread = MISSING if error is None else f"±{1e4 * error:.3f}"
        if interval is not None:
            spread = " to ".join(f"{1e4 * end:z.3f}" for end in interval)
        rows.append([f"MMD²·10⁴ of {name} ({sets})", f"{1e4 * result[key]:z.3f}", spread])
        rows.append(["its p-value, by permutation", f"{result[f'{key}_p_value']:.3f}", MISSING])
    return rows


def score_notes(result: Mapping[str, Any]) -> list[str]:
    """Notes that explain the table of scores.

    Args:
        result: what `result.json` holds.
    """
    lines = []
    if not result["exact"]:
        lines += annealing_notes(result)
    lines += [f"Warning: {line}" for line in result["warnings"]]
    if (marginals := result.get("marginals")) is not None:
        lines.append(marginals_note(marginals))
    if result["toy"] is not None:
        lines.append(
            "The published protocol estimates log Z by importance sampling with a million uniform states, on 4,000 "
            "test states. Its log Z is too low on average, so a model can score below the entropy, which no law can."
        )
    if result.get("starts_p_value") is not None:
        beta, ancestors = result["annealed_from"], result["effective_ancestors"]
        way = (
            "resampled by their weights"
            if beta is None
            else f"weighted to an inverse temperature of {beta:.2f} only and annealed from there, with resampling"
        )
        lines.append(
            f"Samples are states of the base, of which {result['effective_starts']:.0f} carry all weight in effect, "
            f"{way}. They descend from {ancestors:.0f} independent states in effect. Chains that start at training "
            f"rows end in the same law with p = {result['starts_p_value']:.3f}; a small p-value says that chains don't "
            "mix, so that samples depend on where they start."
        )
    size = result["p_value_size"]
    spread = (
        "The error is the standard error of the mean of the sets"
        if result["mmd2_interval"] is None
        else "The range is a 95% bootstrap interval: how far the estimate would vary with other sets of states"
    )
    lines.append(
        f"MMD² is unbiased: for equal laws it is zero on average. {spread}. The p-value says whether samples and test "
        f"states differ: it compares {size} states with {size} by permutation, and where the laws are equal all "
        "p-values are equally likely."
    )
    return lines


def marginals_note(marginals: Mapping[str, Any]) -> str:
    """Whether the marginals of the model were refitted, and what validation rows gained."""
    if marginals["gain"] is None:
        return (
            "The marginals of the model were not compared with those of rows: there are too few validation rows, or "
            "states of the model."
        )
    gain = f"{marginals['gain']:+.3f} ± {marginals['error']:.3f} nats"
    if marginals["taken"]:
        return (
            "A linear term gives the model the marginals of the training rows, which changes the log-likelihood of a "
            f"validation row by {gain}."
        )
    return (
        "No linear term was added to give the model the marginals of the training rows, since that would change the "
        f"log-likelihood of a validation row by {gain}."
    )


def annealing_notes(result: Mapping[str, Any]) -> list[str]:
    """What was done to estimate the likelihood, and what it says.

    Args:
        result: what `result.json` holds.
    """
    log_z, runs = result["log_z"], result["log_z"]["annealing"]
    kinds = {"training rows": runs["rows"], "states that annealing reached": runs["annealed"]}
    reverse = " and ".join(f"{kind} {found['value']:.3f} ± {found['error']:.3f}" for kind, found in kinds.items())
    forward, far = runs["forward"], runs["far"]
    return [
        f"The likelihood is estimated: {result['verdict']}",
        f"Annealed importance sampling starts at {log_z['base']}; {runs['runs']} runs in each direction have "
        f"{runs['temperatures']} inverse temperatures with {runs['updates']} updates at each, all rounds together "
        f"{runs['evaluations']:.2g} updates. Forward runs give log Z {forward['value']:.3f} ± {forward['error']:.3f}; "
        "forward runs from a law of states that the model's own short runs reach "
        f"{far['value']:.3f} ± {far['error']:.3f}; reverse runs from {reverse}. The "
        "range allows half of the distance between forward and reverse, and three standard errors of their middle. A "
        "mode of the model that no run reaches can't be noticed; it would make log Z too small.",
    ]


def write_report(
    folder: RunFolder,
    config: ResolvedEstimateConfig,
    data: TableData,
    ensemble: Ensemble,
    samples: Tensor,
    scores: DensityScores,
    result: Mapping[str, Any],
    rows: list[list[str]],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside.

    Args:
        rows: a line for each test row, see `row_lines`; empty if the columns of the data have no names.
    """
    enumerated = data.train.shape[1] <= SMALL_BITS
    images = folder.plot(_figures(data, ensemble, samples, scores, enumerated=enumerated))
    lead = (
        f"An energy with {result['parameters']} parameters learned {len(data.train)} states of "
        f"{data.train.shape[1]} bits: {data.name} ({data.description})."
    )
    tables = {"Scores": score_table(result)}
    if rows:
        tables["The least probable test rows, and the cell of each that the others make least expected"] = (
            least_probable(rows, scores.test)
        )
    if result["tuning"] is not None:
        tables["Options tried, judged by validation rows"] = trial_table(**result["tuning"])
    html = page.render_page(
        f"Density: {data.name}",
        verdict(result),
        lead,
        tables,
        images,
        {
            **reported_options(config, **facts_of(config, data)),
            **{f"seconds to {phase}": f"{seconds:.0f}" for phase, seconds in result["seconds"].items()},
        },
        score_notes(result),
    )
    folder.write("report.html", html.encode())


def _figures(
    data: TableData, ensemble: Ensemble, samples: Tensor, scores: DensityScores, *, enumerated: bool
) -> dict[str, tuple[str, Callable[[], Figure], str]]:
    """Title, function that plots, and caption of each figure, by the name of its file."""
    from discrete_ed.jobs.estimate import figures  # matplotlib is needed only where something is plotted

    states, shape, toy = samples.to(torch.uint8).numpy(), data.shape, data.toy
    log_z = scores.test.log_partition.low if scores.test.log_partition.refused else scores.test.log_partition.value
    plots: dict[str, tuple[str, Callable[[], Figure], str]] = {}
    if toy is not None:
        plots["density"] = (
            "The learned density and the true one",
            lambda: figures.heat_maps(toy, ensemble.energy, log_z),
            "Both densities in the plane, on one scale of colours.",
        )
        plots["samples"] = (
            "Samples and test states",
            lambda: figures.points(toy.decode(states[:PUBLISHED_SIZE]), toy.decode(data.test[:PUBLISHED_SIZE]), toy),
            "Samples of the learned law, and test states, as points in the plane.",
        )
    elif shape is not None:
        plots["samples"] = (
            "Samples and test images",
            lambda: figures.images(states, data.test, shape),
            "The first samples of the learned law, and the first test images.",
        )
    plots["marginals"] = (
        "Means and covariances",
        lambda: figures.moments(states, data.test),
        "Mean of every bit and covariance of every pair of bits, samples against test states; on the diagonal they "
        "agree.",
    )
    plots["curves"] = (
        "Training",
        lambda: figures.curves(
            ensemble.fits, "mean log-likelihood, nats" if enumerated else "−(pseudo-likelihood loss), nats"
        ),
        "Loss (thin: each step, bold: running mean); score of the averaged weights on validation data, with the one "
        "that was kept; one line for each member of the ensemble.",
    )
    return plots
