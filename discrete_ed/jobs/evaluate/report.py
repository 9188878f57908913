"""The report page of the job that scores graphs."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
from tqdm import tqdm

from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.jobs import graph_tables, page
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.options import reported_options
from discrete_ed.jobs.style import page_figure

NAMED_BY_CONFIG = ("files", "reference", "generated")
"""options that the page shows only once, as the files that were read"""


def render(
    config: EvaluateConfig,
    reference: list[nx.Graph],
    train: list[nx.Graph] | None,
    generated: Mapping[str, list[nx.Graph]],
    evaluations: Mapping[str, GraphEvaluation],
) -> str:
    """The page as HTML.

    Args:
        config: the options, with all files named.
        reference: the reference graphs.
        train: the training graphs, if there are any.
        generated: the graphs of each generator, by its name.
        evaluations: the evaluation of each generator, by its name.
    """
    from discrete_ed.jobs import graph_figures  # matplotlib is needed only where something is plotted

    path, _ = config.graph_files()
    several = len(evaluations) > 1
    scores: dict[str, list[list[str]]] = (
        {"The generators compared": graph_tables.comparison(evaluations)} if several else {}
    )
    images: list[page.PageFigure] = []
    for label, graphs in tqdm(generated.items(), desc="plot", leave=False):
        scores[f"Scores of {label}"] = graph_tables.score_table(evaluations[label])
        if evaluations[label].measures:
            scores[f"Further measures of {label}"] = graph_tables.measure_table(evaluations[label])
        scores[f"The graphs of {label}"] = [["", "value"], *map(list, graph_tables.overall(evaluations[label]))]
        gallery = graph_figures.gallery(reference, graphs, left="reference graphs", right=label)
        caption = (
            "The first graphs of both files, in the same layout. "
            f"For a graph with more than {graph_figures.MOST_EDGES:,} edges, this many are plotted, chosen at random."
        )
        images.append(page_figure(f"Reference graphs and {label}", gallery, caption))
        sets = {"reference": reference, **({} if train is None else {"training": train}), label: graphs}
        images.append(page_figure(f"Statistics of {label}", graph_figures.statistics(sets), graph_figures.POOLED))
    lead = (
        f"{' and '.join(evaluations)} against {len(reference)} graphs of {path.name}. "
        "Compare each score with its floor, the score of real graphs: differences below the floor are noise or "
        "memorised graphs."
    )
    options = {name: value for name, value in reported_options(config).items() if name not in NAMED_BY_CONFIG}
    facts = {"reference": path, "generated": ", ".join(generated), **options}
    title = f"Scores: {', '.join(evaluations)}"
    verdict, notes = graph_tables.verdict(evaluations), graph_tables.common_notes(evaluations)
    return page.render_page(title, verdict, lead, scores, images, facts, notes, marked=not several)
