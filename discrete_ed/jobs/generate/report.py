"""Figures and report page of the job that generates graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.graphs.level_settings import ChosenSettings
from discrete_ed.graphs.named_data import GraphData
from discrete_ed.jobs import graph_tables, page
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.sampling import Sampled
from discrete_ed.jobs.generate.training import Trained
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(
    folder: RunFolder,
    config: GenerateConfig,
    known: Mapping[str, Any],
    data: GraphData,
    sampled: Sampled,
    training: Trained,
    evaluation: GraphEvaluation,
    result: Mapping[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside.

    Args:
        folder: the run folder.
        config: the options, with the number of training steps that was used.
        known: facts of the run that conditions on options are about.
        data: training and test graphs.
        sampled: the generated graphs, the trace of their chains, and how these were set and checked.
        training: the losses.
        evaluation: the scores.
        result: the content of `result.json`, of which the page shows `mean_energy` and `seconds`.
    """
    images = folder.plot(_figures(config, data, sampled, training, result))
    lead = (
        f"{evaluation.generated_graphs} graphs from an energy that learned "
        f"{len(data.train)} graphs of {data.name} ({data.description}). Compare each score with its floor: below it, "
        "differences are noise or memorised graphs."
    )
    scores = {
        "Scores": graph_tables.score_table(evaluation),
        "The generated graphs": [["", "value"], *map(list, graph_tables.overall(evaluation))],
    }
    if sampled.chosen is not None and sampled.chosen.trials:
        scores["Settings of the chains, compared with held-out and training graphs"] = _trials(sampled.chosen)
    seconds = {f"seconds to {phase}": f"{seconds:.0f}" for phase, seconds in result["seconds"].items()}
    facts = {**reported_options(config, **known), **seconds}
    title, verdict, notes = (
        f"Generated graphs: {data.name}",
        graph_tables.verdict({"": evaluation}),
        [*graph_tables.notes(evaluation), *training.sentences(), *sampled.sentences()],
    )
    starts = sampled.starts
    warnings = [starts.sentence()] if starts is not None and (starts.above or not starts.agree) else []
    html = page.render_page(title, verdict, lead, scores, images, facts, notes, warnings=warnings)
    folder.write("report.html", html.encode())


def _trials(chosen: ChosenSettings) -> list[list[str]]:
    """The settings that were tried, a line for each; the first row is the header."""
    header = [
        "levels",
        "proposals",
        "steps",
        "last steps",
        "MMD² (psd)",
        "p-value",
        "mean energy",
        "connected",
    ]
    held_out = ["held-out graphs", "", "", "", "", "", number(chosen.energy, ".2f"), ""]
    rows = [
        [
            f"{trial.settings.levels}{' (chosen)' if trial.settings == chosen.settings else ''}",
            str(trial.settings.candidates or "1, unweighted"),
            str(trial.settings.steps),
            str(trial.settings.last_steps),
            f"{trial.mmd2:.4f}",
            f"{trial.p_value:.3f}",
            f"{trial.energy:.2f}",
            f"{trial.connected:.1%}",
        ]
        for trial in chosen.trials
    ]
    return [header, *rows, held_out]


def chain_words(levels: int) -> tuple[str, str]:
    """What the chains of a run count, and what their energies say; for the number of levels passed, or 0."""
    if not levels:
        return "sampler step", "Chains whose energy still falls need more sampler steps."
    return (
        f"noise levels passed, of {levels}",
        "The energy E(x, t) is that of the level just sampled, and that of the data at the end.",
    )


def _figures(
    config: GenerateConfig, data: GraphData, sampled: Sampled, training: Trained, result: Mapping[str, Any]
) -> dict[str, tuple[str, Callable[[], Figure], str]]:
    """Title, function and caption of each figure, by the name of its file."""
    from discrete_ed.jobs import graph_figures  # matplotlib is needed only where something is plotted
    from discrete_ed.jobs.generate import figures

    generated = sampled.generated
    graphs = generated.graphs()
    unit, words = chain_words(len(generated.effective))
    held_out = (
        " Points, with the axis on the right: the loss of held-out graphs, with averaged weights and always negatives "
        "of the noise, so that it is not to be compared with the loss of training."
        if training.held_out_loss
        else ""
    )
    product = (
        " Dashed: how near independent edges are to the law at each level (their effective share or, for a single "
        "proposal, the probability that a correction would accept it)."
        if generated.effective
        else ""
    )
    rng = np.random.default_rng(config.seed)
    shuffled = [data.train[k] for k in rng.permutation(len(data.train))]
    losses = [record["loss"] for record in training.records]
    return {
        "gallery": (
            "Training and generated graphs",
            lambda: graph_figures.gallery(shuffled, graphs),
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
                losses,
                training.held_out_loss,
                generated,
                result["mean_energy"]["training"],
                unit=unit,
            ),
            f"Loss in training (thin: each step, bold: running mean).{held_out} Mean energy and acceptance of the "
            f"chains, which start from noise. {words} Acceptance is the share of chains that moved.{product}",
        ),
    }
