"""The report page of the job that scores graphs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import networkx as nx
import numpy as np
from tqdm import tqdm

from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.jobs import graph_tables, page
from discrete_ed.jobs.evaluate.sources import Sources, places_on_curve
from discrete_ed.jobs.evaluate.tables import csv_tables
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.style import page_figure

AnyValue = TypeVar("AnyValue")
NAMED_BY_CONFIG = ("files", "reference", "generated", "data")
"""options that the page shows only once, as the files that were read"""
CURVE = (
    "Mean MMD² of each set of generated graphs, beside that of real graphs (the floor) and of random graphs; shares of "
    "graphs that are novel, unique, and valid, unique and novel at once (V.U.N.)."
)
"""caption of the figure of scores over training"""


def render(
    sources: Sources, generated: Mapping[str, list[nx.Graph]], evaluations: Mapping[str, GraphEvaluation]
) -> tuple[str, dict[str, bytes]]:
    """The page as HTML, and the files that go beside it by their names: its figures as PNG and its scores as CSV.

    Args:
        sources: the options, the reference graphs and the training graphs.
        generated: the graphs of each generator, by its name.
        evaluations: the evaluation of each generator, by its name.
    """
    several = len(evaluations) > 1
    places = places_on_curve(list(evaluations))
    scores: dict[str, list[list[str]]] = (
        {"The generators compared": graph_tables.comparison(evaluations)} if several else {}
    )
    detailed = _shown(evaluations, places)
    for label, evaluation in detailed.items():
        scores[f"Scores of {label}"] = graph_tables.score_table(evaluation)
        if evaluation.measures:
            scores[f"Further measures of {label}"] = graph_tables.measure_table(evaluation)
        scores[f"The graphs of {label}"] = [["", "value"], *map(list, graph_tables.overall(evaluation))]
    images = _figures(sources, generated, evaluations, places)
    lead = (
        f"{' and '.join(evaluations)} against {len(sources.reference)} graphs of {sources.name}. "
        "Compare each score with its floor, the score of real graphs: differences below the floor are noise or "
        "memorised graphs."
    )
    options = reported_options(sources.config, **sources.facts)
    shown = {name: value for name, value in options.items() if name not in NAMED_BY_CONFIG}
    facts = {"reference": sources.name, "generated": ", ".join(generated), **shown}
    title = f"Scores: {', '.join(evaluations)}"
    verdict, notes = graph_tables.verdict(evaluations), graph_tables.common_notes(evaluations)
    html = page.render_page(title, verdict, lead, scores, list(images.values()), facts, notes, marked=not several)
    return html, {**{f"{name}.png": image.png for name, image in images.items()}, **csv_tables(evaluations)}


def _figures(
    sources: Sources,
    generated: Mapping[str, list[nx.Graph]],
    evaluations: Mapping[str, GraphEvaluation],
    places: list[int] | None,
) -> dict[str, page.PageFigure]:
    """The figures by the names of their files. Of generators on a curve only the last is shown with its graphs."""
    from discrete_ed.jobs import graph_figures  # matplotlib is needed only where something is plotted
    from discrete_ed.jobs.evaluate import figures

    images = {}
    if places is not None:
        x = "training step" if sources.facts["snapshots"] else "number in the name"
        curve = figures.score_curve(places, list(evaluations.values()), x)
        images["curve"] = page_figure(f"Scores over the {x}", curve, CURVE)
    for label, graphs in tqdm(_shown(generated, places).items(), desc="plot", leave=False):
        suffix = f"-{re.sub(r'[^A-Za-z0-9._-]+', '-', label)}" if len(generated) > 1 else ""
        gallery = graph_figures.gallery(sources.reference, graphs, left="reference graphs", right=label)
        caption = (
            "The first graphs of both files, in the same layout. "
            f"For a graph with more than {graph_figures.MOST_EDGES:,} edges, this many are plotted, chosen at random."
        )
        images[f"gallery{suffix}"] = page_figure(f"Reference graphs and {label}", gallery, caption)
        training = {} if sources.train is None else {"training": sources.train}
        pooled = graph_figures.statistics({"reference": sources.reference, **training, label: graphs})
        images[f"statistics{suffix}"] = page_figure(f"Statistics of {label}", pooled, graph_figures.POOLED)
    return images


def _shown(by_label: Mapping[str, AnyValue], places: list[int] | None) -> Mapping[str, AnyValue]:
    """The generators that the page shows in detail: all, or of those on a curve the last."""
    if places is None:
        return by_label
    last = list(by_label)[int(np.argmax(places))]
    return {last: by_label[last]}
