import io

import networkx as nx

from discrete_ed import evaluate_graphs
from discrete_ed.jobs import page
from discrete_ed.jobs.evaluate import figures, tables
from discrete_ed.jobs.generate.figures import curves
from discrete_ed.jobs.style import as_png

ODD = [
    nx.empty_graph(0),
    nx.empty_graph(1),
    nx.empty_graph(3),
    nx.path_graph(2),
    nx.disjoint_union(*[nx.path_graph(2)] * 2),
]


def test_odd_graphs_can_be_drawn():
    for figure in (figures.gallery(ODD, ODD[:1]), figures.statistics({"training": ODD, "generated": ODD[:1]})):
        png = io.BytesIO()
        figure.savefig(png)
        assert png.getvalue().startswith(b"\x89PNG")


def test_curves_of_no_and_one_sampler_step_can_be_drawn():
    for energy, acceptance in (([], []), ([1.0], [0.5])):
        figure = curves([0.3], energy, acceptance, -2.0)
        figure.savefig(io.BytesIO())
        low, high = figure.axes[1].get_ylim()
        assert low < -2 < high


def test_curves_show_the_energy_of_the_data_however_far_it_lies():
    figure = curves([0.3] * 9, [5.0 + k / 100 for k in range(300)], [0.5] * 300, -40.0)
    low, high = figure.axes[1].get_ylim()
    assert low < -40
    assert high > 8


def test_names_of_files_are_no_formulas():
    graphs = [nx.path_graph(3)]
    as_png(figures.gallery(graphs, graphs, right="cost $x_$.g6"))
    as_png(figures.statistics({"reference": graphs, "cost $x_$.g6": graphs}))


def test_the_page_escapes_what_it_shows():
    html = page.render_page("<b>", "<i>", {"<u>": [["<s>"], ["<q>"]]}, {"<a>": (b"png", "<p2>")}, {"<dt2>": "<dd2>"})
    for tag in ("<b>", "<i>", "<u>", "<s>", "<q>", "<p2>", "<dt2>", "<dd2>"):
        assert tag not in html
        assert tag.replace("<", "&lt;").replace(">", "&gt;") in html


def test_the_table_without_training_graphs_says_what_its_floor_is():
    paths = [nx.path_graph(n) for n in range(2, 8)]
    text = tables.summary(evaluate_graphs(paths, ODD[1:], protocol="gran"))
    assert "floor: halves of the reference" in text
    assert "isomorphic" not in text
    assert "connected: 50.0%" in text
