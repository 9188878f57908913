"""Figures of simulated lattices. Each function returns a matplotlib figure and works without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discrete_ed.jobs.simulate.text import shown_temperatures
from discrete_ed.jobs.style import QUIET, REAL, style
from discrete_ed.lattices import QUANTITIES, AtTemperature, Lattice, Scaling, correlations_of, overlap_distribution

SHOWN = ("energy", "specific_heat", "abs_magnetisation", "susceptibility", "binder", "correlation_length")
COLOURS = ("#1b6ca8", "#d1495b", "#2f855a", "#b7791f", "#6b46c1", "#285e61")


def curves(
    results: Mapping[int, Sequence[AtTemperature]],
    exact: Mapping[int, Mapping[float, Mapping[str, float]]],
    critical: float | None,
) -> Figure:
    """Six quantities against the temperature, for each size, with exact curves where they are known; those that no
    lattice here has, such as the correlation length of a glass, are left out."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    for panel, name in zip(axes, SHOWN, strict=True):
        panel.set_visible(False)
        for colour, (size, ats) in zip(_colours(len(results)), results.items(), strict=True):
            values = [(at.temperature, at.estimates().get(name)) for at in ats]
            known = [(t, each) for t, each in values if each is not None and np.isfinite(each.value)]
            panel.set_visible(panel.get_visible() or bool(known))
            line = [(t, row[name]) for t, row in exact.get(size, {}).items() if name in row]
            if line:
                panel.plot(*zip(*line, strict=True), color=colour, linewidth=1, alpha=0.8)
            panel.errorbar(
                [t for t, _ in known],
                [each.value for _, each in known],
                [each.error for _, each in known],
                fmt="o",
                markersize=3.5,
                linewidth=0 if line else 0.7,
                elinewidth=1,
                color=colour,
                label=f"L = {size}",
            )
        if critical is not None and inside(critical, results):
            panel.axvline(critical, color=QUIET, linestyle="--", linewidth=0.8)
        style(panel, QUANTITIES[name].label.split(",")[0].split(" 1 ")[0].split(" N ")[0].split(" √")[0], "T",
              QUANTITIES[name].symbol)  # fmt: skip
    if len(results) > 1:
        axes[0].legend(frameon=False)
    return figure


def states(ats: Sequence[AtTemperature], graph: Lattice, critical: float | None) -> Figure:
    """The last state of a chain at the lowest, the middle (or critical) and the highest temperature."""
    chosen = _low_middle_high(ats, critical)
    shown = shown_temperatures([at.temperature for at in ats])
    figure = Figure(figsize=(3.7 * len(chosen), 3.9), layout="constrained")
    for axes, k in zip(np.atleast_1d(figure.subplots(1, len(chosen))), chosen, strict=True):
        _picture(axes, ats[k].states[-1], graph)
        axes.set_title(f"T = {shown[k]}", loc="left", fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _picture(axes: Any, bits: NDArray[np.uint8], graph: Lattice) -> None:
    """A layer of the lattice: an image where sites form squares, otherwise points at the places of the sites."""
    shape = graph.shape[-2:]
    basis = graph.sites // int(np.prod(graph.shape))
    layer = bits[: basis * int(np.prod(shape))]
    if basis == 1 and graph.kind in ("square", "cubic", "hypercubic", "offsets"):
        axes.imshow(layer.reshape(shape), cmap="Blues", vmin=-0.15, vmax=1.15, interpolation="nearest")
        return
    place = graph.positions()[: len(layer), -2:]
    area = 1.7e4 / max(len(layer), 1)
    axes.scatter(*place.T, c=layer, s=area, cmap="Blues", vmin=-0.15, vmax=1.15, linewidths=0)
    axes.set_aspect("equal")


def correlations(ats: Sequence[AtTemperature], critical: float | None) -> Figure:
    """The correlation function at a low, a middle (or critical) and a high temperature."""
    chosen = _low_middle_high(ats, critical)
    shown = shown_temperatures([at.temperature for at in ats])
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, k in zip(COLOURS, chosen, strict=False):
        found = correlations_of(ats[k].series)
        axes.errorbar(
            found.cells,
            found.value,
            found.error,
            fmt="o-",
            markersize=3,
            linewidth=0.7,
            color=colour,
            label=f"T = {shown[k]}",
        )
    axes.legend(frameon=False)
    style(axes, "Correlation function", "r in cells", "⟨s_i s_j⟩")
    return figure


def overlaps(ats: Sequence[AtTemperature]) -> Figure:
    """The distributions of the overlap and of the link overlap at a low, a middle and a high temperature."""
    shown = shown_temperatures([at.temperature for at in ats])
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for colour, k in zip(COLOURS, _low_middle_high(ats, None), strict=False):
        both = ats[k].overlaps
        assert both is not None
        for axes, link in zip(panels, (False, True), strict=True):
            found = overlap_distribution(both, link=link)
            low, high = found.density - found.error, found.density + found.error
            axes.plot(found.overlap, found.density, linewidth=1, color=colour, label=f"T = {shown[k]}")
            axes.fill_between(found.overlap, np.maximum(low, 0), high, color=colour, alpha=0.2, linewidth=0)
    panels[0].legend(frameon=False)
    style(panels[0], "Distribution of the overlap", "q", "P(q)")
    style(panels[1], "Distribution of the link overlap", "link overlap", "P(link overlap)")
    return figure


def _low_middle_high(ats: Sequence[AtTemperature], critical: float | None) -> list[int]:
    middle = len(ats) // 2
    if critical is not None:
        middle = int(np.argmin([abs(at.temperature - critical) for at in ats]))
    return list(dict.fromkeys([0, middle, len(ats) - 1]))


def collapse(results: Mapping[int, Sequence[AtTemperature]], scaling: Scaling) -> Figure:
    """Binder cumulants against `T`, and `U₄` and `⟨|m|⟩ L^{β/ν}` against `(T − T_c) L^{1/ν}`."""
    figure = Figure(figsize=(11, 3.5), layout="constrained")
    plain, binder, order = figure.subplots(1, 3)
    critical = scaling.critical_temperature.value
    slope, falling = (scaling.exponents[name].value for name in ("1/ν", "β/ν"))
    for colour, (size, ats) in zip(_colours(len(results)), results.items(), strict=True):
        t = np.array([at.temperature for at in ats])
        u, m = ([at.estimates()[name] for at in ats] for name in ("binder", "abs_magnetisation"))
        scaled = (t - critical) * size**slope
        values = (
            (plain, t, u, 1.0),
            (binder, scaled, u, 1.0),
            (order, scaled, m, size**falling),
        )
        for axes, x, each, factor in values:
            axes.errorbar(
                x,
                [factor * e.value for e in each],
                [factor * e.error for e in each],
                fmt="o-",
                markersize=3,
                linewidth=0.7,
                color=colour,
                label=f"L = {size}",
            )
    plain.axvline(critical, color=QUIET, linestyle="--", linewidth=0.8)
    plain.legend(frameon=False)
    style(plain, "Binder cumulant", "T", "U₄")
    style(binder, "collapsed", "(T − T_c) L^(1/ν)", "U₄")
    style(order, "collapsed", "(T − T_c) L^(1/ν)", "⟨|m|⟩ L^(β/ν)")
    return figure


def _colours(count: int) -> list[str]:
    return [REAL] if count == 1 else [COLOURS[k % len(COLOURS)] for k in range(count)]


def inside(critical: float, results: Mapping[int, Sequence[AtTemperature]]) -> bool:
    """Whether a temperature lies in the range of a figure."""
    temperatures = [at.temperature for ats in results.values() for at in ats]
    return min(temperatures) <= critical <= max(temperatures)
