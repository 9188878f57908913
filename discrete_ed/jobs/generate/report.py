"""Figures and report page of the job that generates graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.named_data import GraphData
from discrete_ed.jobs import graph_tables, page
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(
    folder: RunFolder,
    config: GenerateConfig,
    known: Mapping[str, Any],
    data: GraphData,
    generated: GeneratedGraphs,
    losses: Sequence[float],
    evaluation: GraphEvaluation,
    result: Mapping[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside.

    Args:
        folder: the run folder.
        config: the options, with the number of training steps that was used.
        known: facts of the run that conditions on options are about.
        data: training and test graphs.
        generated: generated graphs and the trace of their chains.
        losses: the loss in each training step.
        evaluation: the scores.
        result: the content of `result.json`, of which the page shows `mean_energy` and `seconds`.
    """
    images = folder.plot(_figures(config, data, generated, generated.graphs(), losses, result))
    lead = (
        f"{evaluation.generated_graphs} graphs from an energy that learned "
        f"{len(data.train)} graphs of {data.name} ({data.description}). Compare each score with its floor: below it, "
        "differences are noise or memorised graphs."
    )
    scores = {
        "Scores": graph_tables.score_table(evaluation),
        "The generated graphs": [["", "value"], *map(list, graph_tables.overall(evaluation))],
    }
    seconds = {f"seconds to {phase}": f"{seconds:.0f}" for phase, seconds in result["seconds"].items()}
    facts = {**reported_options(config, **known), **seconds}
    title, verdict, notes = (
        f"Generated graphs: {data.name}",
        graph_tables.verdict({"": evaluation}),
        graph_tables.notes(evaluation),
    )
    html = page.render_page(title, verdict, lead, scores, images, facts, notes)
    folder.write("report.html", html.encode())


def chain_words(config: GenerateConfig) -> tuple[str, str]:
    """What the chains of a run count, and what their energies say."""
    if not config.levels:
        return "sampler step", "Chains whose energy still falls need more sampler steps."
    return (
        f"noise levels passed, of {config.levels}",
        "The energy E(x, t) is that of the level just sampled, and that of the data at the end.",
    )


def _figures(
    config: GenerateConfig,
    data: GraphData,
    generated: GeneratedGraphs,
    graphs: Sequence[nx.Graph],
    losses: Sequence[float],
    result: Mapping[str, Any],
) -> dict[str, tuple[str, Callable[[], Figure], str]]:
    """Title, function and caption of each figure, by the name of its file."""
    from discrete_ed.jobs import graph_figures  # matplotlib is needed only where something is plotted
    from discrete_ed.jobs.generate import figures

    unit, words = chain_words(config)
    rng = np.random.default_rng(config.seed)
    training = [data.train[k] for k in rng.permutation(len(data.train))]
    return {
        "gallery": (
            "Training and generated graphs",
            lambda: graph_figures.gallery(training, graphs),
            "Training graphs chosen at random, and the first generated graphs, in the same layout.",
        ),
        "statistics": (
            "Statistics of training, test and generated graphs",
            lambda: graph_figures.statistics({"training": data.train, "test": data.test, "generated": graphs}),
            graph_figures.POOLED,
        ),
        "curves": (
            "Training and sampling",
            lambda: figures.curves(
                losses, generated.mean_energy, generated.acceptance, result["mean_energy"]["training"], unit=unit
            ),
            "Loss in training (thin: each step, bold: running mean); mean energy and acceptance of the chains, which "
            f"start from noise. {words} Acceptance is the share of chains that moved.",
        ),
    }
