"""Pictures of recovered couplings: what is drawn, what is named, and names that matplotlib would take for formulas."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from matplotlib.text import Text

from discrete_ed import goodness_of_fit
from discrete_ed.jobs.recover import figures as ising_figures
from discrete_ed.jobs.style import as_png

ODD = ("cost $x_$", "猫頭鷹", "how often did you feel low, last week", "d$", "_e")


def ring(d: int, of: int | None = None) -> np.ndarray:
    """A ring of `d` spins, weaker along the way, among `of`."""
    couplings = np.zeros((of or d, of or d))
    i, j = np.arange(d), np.roll(np.arange(d), -1)
    couplings[i, j] = couplings[j, i] = 1 - 0.5 * np.arange(d) / d
    return couplings


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def named(figure, names) -> int:
    return len(set(texts(figure)) & set(names))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ising_figures.network(ring(4, 5), ODD),
        lambda: ising_figures.coupling_matrices({"learned": ring(5)}, ODD),
        lambda: ising_figures.fields(np.arange(5.0), np.ones(5), ODD),
    ],
)
def test_names_are_drawn_as_they_are_written_and_without_a_warning(draw):
    figure = draw()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_png(figure).startswith(b"\x89PNG")
    shown = " ".join(texts(figure))
    for name in ("cost $x_$", "猫頭鷹", "how often did y…ast week", "d$", "_e"):
        assert name in shown


def test_a_network_leaves_out_spins_without_couplings_and_tells_of_them():
    figure = ising_figures.network(ring(5, 7), [f"n{k}" for k in range(7)])
    assert len(figure.axes[0].collections[1].get_offsets()) == 5
    assert "without couplings: n5, n6" in texts(figure)
    assert "5 couplings between 5 of 7 columns" in texts(figure)
    as_png(ising_figures.network(np.zeros((3, 3)), ["a", "b", "c"]))


@pytest.mark.parametrize(("d", "shown"), [(40, 40), (41, 40), (130, 40)])
def test_a_network_shows_the_strongest_couplings_and_names_their_spins(d, shown):
    names = [f"n{k}" for k in range(d)]
    figure = ising_figures.network(ring(d), names)
    assert len(figure.axes[0].collections[0].get_segments()) == min(d, 100)
    assert named(figure, names) == shown
    assert {"n0", "n39"} <= set(texts(figure))  # couplings get weaker along the ring
    if d > 100:
        assert any(text.startswith("100 of 130 couplings") for text in texts(figure))


@pytest.mark.parametrize(("d", "shown"), [(40, 40), (41, 0)])
def test_a_coupling_matrix_names_up_to_forty_spins(d, shown):
    names = [f"n{k}" for k in range(d)]
    assert named(ising_figures.coupling_matrices({"learned": ring(d)}, names), names) == shown


@pytest.mark.parametrize(("d", "shown"), [(80, 80), (81, 0)])
def test_fields_are_in_order_and_up_to_eighty_are_named(d, shown):
    names = [f"n{k}" for k in range(d)]
    figure = ising_figures.fields(-np.arange(d), np.ones(d), names)
    assert named(figure, names) == shown
    assert (np.diff(figure.axes[0].lines[1].get_ydata()) > 0).all()


def whole(ticks: np.ndarray) -> bool:
    return bool((ticks == ticks.round()).all())


def test_counts_and_indices_have_whole_ticks():
    couplings = np.triu(ring(3), 1)
    left, right = ising_figures.recovery(couplings != 0, couplings, (couplings - 1, couplings + 1)).axes
    assert whole(left.get_xticks())
    assert whole(right.get_yticks())
    assert whole(ising_figures.coupling_matrices({"truth": ring(3)}).axes[0].get_xticks())
    fit = goodness_of_fit(np.eye(3), np.eye(3))
    assert whole(ising_figures.goodness_of_fit(fit).axes[3].get_xticks())


def test_the_legend_names_only_what_has_points():
    edge = (ring(4) > 0).astype(float)
    for learned, entries in ((ring(4), ["edges"]), (np.ones((4, 4)), ["edges", "pairs that aren't edges"])):
        left = ising_figures.recovery(edge, learned, (learned - 1, learned + 1)).axes[0]
        assert [text.get_text() for text in left.get_legend().get_texts()] == entries
    nothing = ising_figures.recovery(*[np.zeros((4, 4))] * 2, (np.full((4, 4), np.nan),) * 2)
    assert nothing.axes[0].get_legend() is None


def test_couplings_that_are_not_identified_have_no_interval():
    low, high = ring(4) - 1, ring(4) + 1
    low[0, 1], high[0, 1], low[1, 2] = -np.inf, np.inf, np.nan
    left = ising_figures.recovery((ring(4) > 0).astype(float), ring(4), (low, high)).axes[0]
    intervals = left.collections[0].get_segments()
    assert len(left.lines[0].get_xdata()) == 4
    assert len(intervals) == 2


def test_goodness_of_fit_has_means_and_few_ticks():
    rng = np.random.default_rng(0)
    figure = ising_figures.goodness_of_fit(goodness_of_fit(rng.integers(0, 2, (90, 8)), rng.integers(0, 2, (90, 8))))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["means", "pairs", "triples", "how many are up"]
    for axes in figure.axes[:3]:
        axes.set(xlim=(-0.4, 0.4), ylim=(-0.4, 0.4))  # for which matplotlib's own choice is nine
        assert len(axes.get_xticks()) <= 6
        assert len(axes.get_yticks()) <= 6


def test_of_many_points_those_furthest_from_the_line_are_shown():
    rng = np.random.default_rng(0)
    fit = goodness_of_fit(rng.integers(0, 2, (40, 160)), rng.integers(0, 2, (40, 160)))
    axes = ising_figures.goodness_of_fit(fit).axes
    data, model = fit.pairs
    points = np.asarray(axes[1].collections[0].get_offsets())
    assert axes[1].get_title(loc="left") == f"pairs, {len(points):,} of 12,720"
    assert 5_000 < len(points) <= 10_000
    assert np.abs(points[:, 0] - points[:, 1]).max() == pytest.approx(np.abs(data - model).max())
    low, high = axes[3].get_xlim()
    assert 0 < low < high < 160
