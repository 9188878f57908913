"""Reweighting against the sum over all states, and the export of time series."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from discrete_ed import (
    InputError,
    IsingEnergy,
    Series,
    enumerate_states,
    lattice,
    magnetisation,
    reweight,
    series_to_arviz,
    series_to_pandas,
    simulate,
)
from discrete_ed.lattices import QUANTITIES


@pytest.fixture(scope="module")
def runs():
    graph = lattice(4)
    found = simulate(IsingEnergy.from_graph(graph), [1.8, 2.4, 3.4], graph=graph, measurements=1500, seed=2)
    return [each.series for each in found]


@pytest.mark.thorough
def test_quantities_between_the_temperatures_are_the_exact_ones(runs):
    pytest.importorskip("pymbar")
    states, energy = enumerate_states(16), IsingEnergy.from_graph(lattice(4))
    e, m = energy(states).double().detach().numpy() / 16, magnetisation(states).double().numpy()
    wave = (abs(np.fft.fft2((2 * states.numpy() - 1).reshape(-1, 4, 4))[:, [0, 1], [1, 0]]) ** 2).mean(1) / 16**2
    temperatures = [2.1, 2.9]
    for t, found in zip(temperatures, reweight(runs, temperatures), strict=True):
        p = np.exp(-16 * (e - e.min()) / t)
        exact = Series(e, m, 16, t, wave, np.pi / 2)
        mean = ((p / p.sum())[:, None] * exact.columns()[:, 0]).sum(0)
        for name, each in found.items():
            wanted = QUANTITIES[name].function(mean, exact)
            assert abs(each.value - wanted) < 4.5 * each.error, (name, t)
            assert 0 < each.error < 0.06 * max(1, abs(wanted)), name
        assert set(found) == {name for name, quantity in QUANTITIES.items() if quantity.needs in ("", "wave")}


def test_what_can_not_be_reweighted(runs, monkeypatch):
    pytest.importorskip("pymbar")
    for series, temperatures, message in (
        (runs, [1.0], r"temperatures: expected some between 1\.8 and 3\.4, got \[1\.0\]"),
        (runs[:1], [1.8], "series: expected at least two, got 1"),
        ([runs[0], runs[0]], [1.8], "of one model with the same measurements"),
        ([runs[0], Series(runs[1].energy, runs[1].magnetisation, 25, 2.4)], [2.0], r"got sites \[16, 25\]"),
    ):
        with pytest.raises(InputError, match=message):
            reweight(series, temperatures)
    few = [Series(each.energy[::60], each.magnetisation[::60], 16, each.temperature) for each in runs[::2]]
    with pytest.warns(RuntimeWarning, match=r"independent draws weigh in at T = 2\.5"):
        reweight([replace(each, sites=400) for each in few], [2.5])
    monkeypatch.setitem(sys.modules, "pymbar", None)
    with pytest.raises(InputError, match=r"expected pymbar to be installed \(pip install pymbar\)"):
        reweight(runs, [2.0])


def test_series_go_to_pandas(runs):
    pytest.importorskip("pandas")
    table = series_to_pandas(*runs)
    assert list(table) == ["temperature", "chain", "draw", "energy", "magnetisation", "wave"]
    assert len(table) == 3 * runs[0].energy.size
    row = table[(table.temperature == 2.4) & (table.chain == 2) & (table.draw == 7)]
    assert row.energy.item() == runs[1].energy[7, 2]
    assert row.wave.item() == runs[1].wave[7, 2]


@pytest.mark.thorough
def test_series_go_to_arviz(runs):
    pytest.importorskip("arviz")
    data = series_to_arviz(runs[1])
    assert data.posterior.energy.shape == runs[1].energy.T.shape
    assert (data.posterior.magnetisation.values == runs[1].magnetisation.T).all()


@pytest.mark.parametrize(("module", "export"), [("pandas", series_to_pandas), ("arviz", series_to_arviz)])
def test_a_missing_package_is_named(module, export, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"to be installed \(pip install"):
        export(runs[0])
