import base64
import io

import networkx as nx
import pytest
import torch

from discrete_ed import evaluate_graphs
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.jobs import graph_figures as figures
from discrete_ed.jobs import graph_tables as tables
from discrete_ed.jobs import page
from discrete_ed.jobs import style as jobs_style
from discrete_ed.jobs.generate.figures import curves
from discrete_ed.jobs.style import as_png, page_figure

pytestmark = pytest.mark.drawn

ODD = [
    nx.empty_graph(0),
    nx.empty_graph(1),
    nx.empty_graph(3),
    nx.path_graph(2),
    nx.disjoint_union(*[nx.path_graph(2)] * 2),
]

NO_GRAPHS = torch.zeros(0, 6)


@pytest.mark.thorough
def test_odd_graphs_can_be_drawn():
    for figure in (figures.gallery(ODD, ODD[:1]), figures.statistics({"training": ODD, "generated": ODD[:1]})):
        png = io.BytesIO()
        figure.savefig(png)
        assert png.getvalue().startswith(b"\x89PNG")


@pytest.mark.thorough
def test_curves_of_no_and_one_sampler_step_can_be_drawn():
    for energy, acceptance in (((), ()), ((1.0,), (0.5,))):
        figure = curves([0.3], [], GeneratedGraphs(NO_GRAPHS, energy, acceptance), -2.0)
        figure.savefig(io.BytesIO())
        low, high = figure.axes[1].get_ylim()
        assert low < -2 < high


def test_curves_show_the_energy_of_the_data_however_far_it_lies():
    energies = tuple(5.0 + k / 100 for k in range(300))
    generated = GeneratedGraphs(NO_GRAPHS, energies, (0.5,) * 300, (0.9,) * 300)
    figure = curves([0.3] * 9, [(3, 0.4), (9, 0.2)], generated, -40.0)
    low, high = figure.axes[1].get_ylim()
    assert low < -40
    assert high > 8


def test_names_of_files_are_no_formulas():
    graphs = [nx.path_graph(3)]
    as_png(figures.gallery(graphs, graphs, right="cost $x_$.g6"))
    as_png(figures.statistics({"reference": graphs, "cost $x_$.g6": graphs}))


def test_the_page_escapes_what_it_shows():
    figure = page.PageFigure("<a>", "<p2>", b"png")
    tables, facts = {"<u>": [["<s>"], ["<q>"]]}, {"<dt2>": "<dd2>"}
    html = page.render_page("<b>", "<v>", "<i>", tables, [figure], facts, ["<n>"], warnings=["<w>"])
    for tag in ("<b>", "<v>", "<i>", "<u>", "<s>", "<q>", "<a>", "<p2>", "<n>", "<w>", "<dt2>", "<dd2>"):
        assert tag not in html
        assert tag.replace("<", "&lt;").replace(">", "&gt;") in html


def test_the_table_without_training_graphs_says_what_its_floor_is():
    paths = [nx.path_graph(n) for n in range(2, 8)]
    text = tables.summary(evaluate_graphs(paths, ODD[1:], protocol="gran"))
    assert "floor: halves of the reference" in text
    assert "isomorphic" not in text
    assert "connected: 50.0%" in text


def test_a_page_shows_the_same_vector_graphic_for_the_same_figure():
    first, second = (page_figure("t", figures.gallery(ODD, ODD[:1]), "c") for _ in range(2))
    assert first.svg == second.svg
    assert first.source.startswith("data:image/svg+xml;base64,")
    assert "<text" not in str(first.svg)  # text is paths, whatever fonts the browser has
    assert "dc:date" not in str(first.svg)


def test_a_figure_of_very_many_elements_is_shown_as_an_image(monkeypatch):
    monkeypatch.setattr(jobs_style, "LARGEST_SVG", 1000)
    figure = page_figure("t", figures.gallery(ODD, ODD[:1]), "c")
    assert figure.svg is None
    assert base64.b64decode(figure.source.removeprefix("data:image/png;base64,")) == figure.png


def test_the_verdict_stands_before_all_else():
    html = page.render_page("title", "the verdict", "the lead", {"table": [["a"]]}, [], {}, warnings=["a warning"])
    body = html[html.index("<body>") :]
    places = [body.index(words) for words in ("title", "the verdict", "a warning", "the lead", "table")]
    assert places == sorted(places)
