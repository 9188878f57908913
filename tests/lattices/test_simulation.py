"""Simulations: their measurements are those of the states, and their means the exact ones, for every way to update."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import (
    InputError,
    IsingEnergy,
    Overlaps,
    Series,
    correlation_function,
    correlations_of,
    enumerate_states,
    estimates,
    gaussian_couplings,
    kaufman,
    lattice,
    magnetisation,
    overlap,
    overlap_distribution,
    plus_minus_couplings,
    random_fields,
    simulate,
)
from discrete_ed.lattices import QUANTITIES, sublattices
from discrete_ed.lattices.measuring import Measured
from discrete_ed.lattices.results import wave_numbers
from discrete_ed.runtime import memory
from discrete_ed.samplers.interactions import loops

pytest.importorskip("numba")

SQUARE, HONEYCOMB = lattice((4, 6)), lattice((3, 4), kind="honeycomb")
GLASS = IsingEnergy.from_graph(SQUARE, plus_minus_couplings(SQUARE), 0.3)
NORMAL = IsingEnergy.from_graph(SQUARE, gaussian_couplings(SQUARE))
FERROMAGNET = IsingEnergy.from_graph(SQUARE, abs(gaussian_couplings(SQUARE)), np.arange(24) % 3 * 0.2)
FCC = lattice(3, kind="fcc")
DENSE_GLASS = IsingEnergy.from_graph(FCC, gaussian_couplings(FCC))
MEASURED = {
    "sweeps, tables": (IsingEnergy.from_graph(SQUARE, 0.7, 0.1), SQUARE, "sweeps"),
    "sweeps, ±J": (GLASS, SQUARE, "sweeps"),
    "sweeps, twelve neighbours": (IsingEnergy.from_graph(FCC), FCC, "sweeps"),
    "sweeps, twelve neighbours and random couplings": (
        IsingEnergy.from_graph(FCC, gaussian_couplings(FCC)),
        FCC,
        "sweeps",
    ),
    "sweeps, normal couplings": (NORMAL, SQUARE, "sweeps"),
    "clusters, two sites in a cell": (IsingEnergy.from_graph(HONEYCOMB), HONEYCOMB, "swendsen-wang"),
    "clusters, couplings that differ, fields": (FERROMAGNET, SQUARE, "swendsen-wang"),
    "one cluster": (IsingEnergy.from_graph(SQUARE), SQUARE, "wolff"),
    "one cluster, couplings that differ, fields": (FERROMAGNET, SQUARE, "wolff"),
}


@pytest.mark.parametrize("case", MEASURED)
def test_what_is_measured_is_what_the_last_state_has(case):
    energy, graph, update = MEASURED[case]
    basis = graph.sites // int(np.prod(graph.shape))
    more = {"sublattice": sublattices(graph), "correlations": True, "overlaps": True}
    model = Measured(energy, 1.7, update=update, sizes=(*graph.shape, basis), **more)
    bits, series, counter = model.run(model.start(4, 0), 25, 5)
    assert series.shape[:2] == (25, 4)
    assert np.ptp(series[..., 0]) > 0
    last = torch.from_numpy(bits).float()
    assert np.allclose(series[-1, :, 0], energy(last).detach().numpy(), atol=1e-4)
    assert (series[-1, :, 1] == bits.sum(1)).all()
    cells = (2.0 * bits - 1).reshape(4, *graph.shape, basis).sum(-1)
    waves = abs(np.fft.fftn(cells, axes=range(1, cells.ndim))) ** 2
    for a in range(len(graph.shape)):
        place = [0] * len(graph.shape)
        place[a] = 1
        assert np.allclose(series[-1, :, 2 + a], waves[(slice(None), *place)], atol=1e-6)
    part = {name: series[-1, :, where] for name, where in model.columns.items()}
    assert np.allclose(part["correlations"], correlation_function(last, graph).numpy(), atol=1e-6)
    if sublattices(graph) is not None:
        assert (part["sublattices"] == [[row[sublattices(graph) == c].sum() for c in (0, 1)] for row in bits]).all()
    pairs = overlap(last[:2], last[2:]), overlap(last[:2], last[2:], graph.edges)
    assert np.allclose(part["overlaps"], np.tile(torch.stack(pairs, 1).numpy(), (2, 1)), atol=1e-6)
    again, other, _ = model.run(model.start(4, 0), 25, 5)
    assert (other == series).all()
    assert (again == bits).all()
    assert (model.run(bits, 25, counter)[1] != series).any()


@pytest.mark.parametrize(
    ("update", "coupling", "field"),
    [("sweeps", 1.0, 0.1), ("swendsen-wang", 1.0, 0.1), ("wolff", 1.0, 0.0), ("swendsen-wang", -1.0, 0.0)],
)
def test_means_are_the_exact_ones(update, coupling, field):
    """A 4 × 4 torus at two temperatures, against the sum over all states, for every quantity."""
    graph = lattice(4)
    energy = IsingEnergy.from_graph(graph, coupling, field)
    states = enumerate_states(16)
    e, m = energy(states).double().detach().numpy() / 16, magnetisation(states).double().numpy()
    cells = (2 * states.numpy() - 1).reshape(-1, 4, 4)
    wave = (abs(np.fft.fft2(cells)[:, [0, 1], [1, 0]]) ** 2).mean(1) / 16**2
    measure = ["sublattices", "correlations", "overlaps"]
    found = simulate(energy, [2.0, 3.0], graph=graph, update=update, measure=measure, measurements=3000, seed=1)
    side = sublattices(graph)
    parts = np.stack([magnetisation(states[:, side == c]).double().numpy() for c in (0, 1)], -1)
    near = correlation_function(states, graph).double().numpy()
    for at in found:
        p = np.exp(-16 * (e - e.min()) / at.temperature)
        p /= p.sum()
        exact = Series(e, m, 16, at.temperature, wave, np.pi / 2, bool(field), sublattices=parts)
        assert {name for name in QUANTITIES if name not in at.estimates()} == (
            {"correlation_length", "square_magnetisation", "binder", "spin_glass_susceptibility", "overlap_binder"}
            if field
            else set()
        )
        mean = (p[:, None] * exact.columns()[:, 0]).sum(0)
        unlike = np.fft.ifftn(np.fft.fftn(p.reshape((2,) * 16)) ** 2).real.ravel()  # the law of where replicas differ
        q = 1 - states.numpy().sum(1) / 8
        spins = 2 * states.double().numpy() - 1
        link = np.mean([(p @ (spins[:, i] * spins[:, j])) ** 2 for i, j in graph.edges])
        replicas = np.array([unlike @ abs(q), unlike @ q**2, unlike @ q**4, link])
        function = correlations_of(at.series)
        assert (abs(function.value - p @ near) < 4.5 * function.error).all()
        for name, each in at.estimates().items():
            quantity = QUANTITIES[name]
            if coupling < 0 and name == "correlation_length":
                continue  # of the uniform magnetisation, which means nothing
            wanted = quantity.function(*((replicas, at.overlaps) if quantity.needs == "overlaps" else (mean, exact)))
            assert abs(each.value - wanted) < 4.5 * each.error, (name, at.temperature)
            rare = bool(field) and name == "susceptibility"  # made by the rare turns of all spins against the field
            assert each.error < (0.3 if rare else 0.15) * max(1, abs(wanted)), name
        assert at.thermal
        assert at.update == update
        assert at.states.shape == (4, 16)


@pytest.mark.parametrize(("kind", "t"), [("constant", 2.0), ("random", 4.0)])
def test_with_a_field_the_susceptibility_is_the_response(kind, t):
    """`∂⟨m⟩/∂h` of 4 × 4 spins by enumeration; what takes a mean to be zero that isn't is left out."""
    graph = lattice(4)
    fields = 0.3 if kind == "constant" else 0.3 + random_fields(graph, deviation=0.5)
    energy, states = IsingEnergy.from_graph(graph, 1.0, fields), enumerate_states(16)
    e, m = energy(states).double().detach().numpy() / 16, magnetisation(states).double().numpy()

    def law(h):
        p = np.exp(-16 * (e - e.min() - h * m) / t)
        return p / p.sum()

    response = (law(1e-4) @ m - law(-1e-4) @ m) / 2e-4
    if kind == "constant":
        assert response == pytest.approx(0.3954, abs=1e-4)
    exact = Series(e, m, 16, t, in_field=True)
    mean = law(0) @ exact.columns()[:, 0]
    assert QUANTITIES["susceptibility"].function(mean, exact) == pytest.approx(response, rel=1e-5)
    (at,) = simulate(energy, [t], graph=graph, measure=["sublattices", "overlaps"], measurements=1500, seed=1)
    found = at.estimates()
    assert abs(found["susceptibility"].value - response) < 4 * found["susceptibility"].error < response
    assert not {"binder", "square_magnetisation", "correlation_length", "overlap_binder"} & set(found)
    assert ("staggered_binder" in found) == (kind == "constant")  # sublattices are alike in a constant field


def test_a_model_that_would_not_fit_is_refused_before_its_tables_are_made(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda _: 1500)
    with pytest.raises(InputError, match="energy: expected a simulation of 24 spins that fits into memory"):
        simulate(FERROMAGNET, [2.0])


@pytest.mark.thorough
def test_errors_cover_the_exact_energy_as_often_as_they_say():
    """95% intervals of the energy and the specific heat of 16² at three temperatures, over 12 runs each."""
    graph = lattice(16)
    energy, inside, count = IsingEnergy.from_graph(graph), np.zeros(2), 0
    temperatures = [2.1, 2.27, 2.6]
    exact = [kaufman(16, 16, t) for t in temperatures]
    for seed in range(12):
        for at, truth in zip(simulate(energy, temperatures, measurements=400, seed=seed), exact, strict=True):
            values = at.estimates()
            for k, name in enumerate(("energy", "specific_heat")):
                inside[k] += abs(values[name].value - getattr(truth, name)) < 1.96 * values[name].error
            count += 1
    assert (inside / count >= 0.8).all(), inside / count  # a binomial of 36 falls below once in a thousand times


def test_the_same_seed_gives_the_same_result_on_any_number_of_threads_and_a_cache_goes_on():
    graph = lattice(8)
    energy, kept = IsingEnergy.from_graph(graph), {}

    def cache(name, compute):
        return kept.setdefault(name, None) or kept.__setitem__(name, compute()) or kept[name]

    run = {"graph": graph, "measurements": 100, "seed": 7}
    one = simulate(energy, [2.0, 2.5, 3.0], threads=1, **run)
    two = simulate(energy, [2.0, 2.5, 3.0], threads=3, cache=cache, **run)
    for name in [name for name in kept if "draws" in name][:5]:  # some pieces are lost, as if the run had been killed
        del kept[name]
    three = simulate(energy, [2.0, 2.5, 3.0], threads=1, cache=cache, **run)
    for a, b, c in zip(one, two, three, strict=True):
        assert (a.series.energy == b.series.energy).all()
        assert (a.states == b.states).all()
        assert (a.states == c.states).all()
    first = next(iter(kept))
    kept[first] = {name: value for name, value in kept[first].items() if name != "counters"}
    with pytest.raises(InputError, match="resume: expected a run of this version"):
        simulate(energy, [2.0, 2.5, 3.0], threads=1, cache=cache, **run)
    other = simulate(energy, [2.0], **{**run, "seed": 8})
    assert (other[0].series.energy != one[0].series.energy).any()


def test_a_wanted_error_stops_early():
    graph, done = lattice(8), []
    energy = IsingEnergy.from_graph(graph)
    (quick,) = simulate(energy, [3.0], measurements=20_000, error=0.02, callback=lambda *each: done.append(each))
    assert quick.series.energy.size < 80_000
    assert quick.estimates()["energy"].error < 0.025
    assert done[-1] == (80_000, 80_000)


def test_chains_that_stay_where_they_start_are_not_called_thermal():
    """Far below T_c, single spins need some L² sweeps to remove the walls between domains of a random start."""
    (found,) = simulate(IsingEnergy.from_graph(lattice(64)), [0.8], update="sweeps", measurements=20)
    assert not found.thermal
    assert found.difference < 0  # the energy is lower where all spins were up


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperatures": []}, "temperatures: expected at least one"),
        ({"temperatures": [2.0, -1.0]}, "temperatures: expected a positive number, from 1e-100 .*, got -1"),
        ({"temperatures": [0.0]}, "temperatures: expected a positive number, from 1e-100 .*, got 0"),
        ({"chains": 1}, "chains, measurements"),
        ({"error": -1.0}, "error: expected a positive"),
        ({"graph": lattice(5)}, "graph: expected a lattice of 24 sites"),
        ({"graph": lattice((3, 8))}, "graph: expected the lattice of the model, with its 48 edges"),
        ({"graph": lattice((4, 6), periodic=False)}, "graph: expected the lattice of the model"),
        ({"energy": IsingEnergy(GLASS.couplings.detach()), "graph": lattice((3, 8))}, "graph: expected the lattice"),
        ({"update": "glauber"}, "update: expected one of"),
        ({"update": "wolff", "energy": GLASS}, "without frustration"),
        ({"update": "swendsen-wang", "energy": GLASS}, "without frustration"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    given = {
        "energy": IsingEnergy.from_graph(SQUARE),
        "temperatures": [2.0],
        "graph": SQUARE,
        "measurements": 20,
        **arguments,
    }
    with pytest.raises(InputError, match=message):
        simulate(**given)


def test_quantities_of_anyones_series():
    rng = np.random.default_rng(0)
    e, m = rng.normal(-1, 0.1, 4000), rng.normal(0, 0.1, 4000)
    found = estimates(Series(e, m, sites=100, temperature=2.0))
    assert "correlation_length" not in found
    assert found["specific_heat"].value == pytest.approx(100 * e.var() / 4, rel=1e-2)
    assert abs(found["binder"].value) < 4 * found["binder"].error


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"magnetisation": np.zeros(99)}, "of one shape"),
        ({"energy": np.full(100, np.nan)}, "finite"),
        ({"energy": np.zeros(100, complex)}, "real numbers, got complex"),
        ({"magnetisation": np.full(100, 64.0)}, "magnetisation: expected that of a site, from −1 to 1, got 64"),
        ({"sites": 0}, "sites: expected at least 1"),
        ({"temperature": 0.0}, "temperature: expected a positive number"),
        ({"temperature": -3.0}, "temperature: expected a positive number"),
    ],
)
def test_series_that_mean_nothing_are_refused(changed, message):
    given = {"energy": np.zeros(100), "magnetisation": np.zeros(100), "sites": 64, "temperature": 2.0}
    with pytest.raises(InputError, match=message):
        Series(**{**given, **changed})


def test_series_with_swapped_axes_are_warned_of():
    with pytest.warns(RuntimeWarning, match=r"\(draw, chain\), so this one has 4 draws of 500 chains"):
        Series(np.zeros((4, 500)), np.zeros((4, 500)), sites=64, temperature=2.0)


@pytest.mark.parametrize(
    ("coupling", "temperature", "known"), [(-1.0, 2.0, False), (1.0, 0.2, False), (1.0, 4.0, True)]
)
def test_there_is_no_correlation_length_of_antiferromagnets_and_frozen_states(coupling, temperature, known):
    graph = lattice(6)
    (found,) = simulate(IsingEnergy.from_graph(graph, coupling), temperature, graph=graph, measurements=400)
    assert np.isfinite(found.estimates()["correlation_length"].value) == known


@pytest.mark.parametrize("graph", [SQUARE, HONEYCOMB, FCC, lattice((5, 4)), lattice(5, kind="triangular")])
def test_colours_of_sweeps_differ_between_neighbours_and_are_two_where_two_suffice(graph):
    j = IsingEnergy.from_graph(graph).to_scipy()
    colour = loops("measured_loops").colours(j.indptr, j.indices)
    assert (colour[graph.edges[:, 0]] != colour[graph.edges[:, 1]]).all()
    if nx.is_bipartite(graph.to_networkx()):
        assert set(colour.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("graph", "sizes"),
    [
        (lattice((2, 4)), [4, 4]),
        (lattice(3, boundary="open"), [5, 4]),
        (HONEYCOMB, [12, 12]),
        (lattice(6, kind="triangular"), [12, 12, 12]),
        (lattice(3, kind="kagome"), [9, 9, 9]),
        (lattice(5), None),
        (lattice(4, kind="triangular"), None),
        (FCC, None),
    ],
)
def test_sublattices_hold_no_neighbours(graph, sizes):
    found = sublattices(graph)
    assert (found is None) == (sizes is None)
    if found is not None:
        assert (found[graph.edges[:, 0]] != found[graph.edges[:, 1]]).all()
        assert np.bincount(found).tolist() == sizes
        ordered = np.stack([np.where(found == 0, 1, -1)[found == c].mean() for c in range(len(sizes))])
        series = Series(np.zeros((1, 1)), np.zeros((1, 1)), graph.sites, 1.0, sublattices=ordered[None, None])
        assert series.staggered() == pytest.approx(1)


def test_overlaps_of_replicas():
    x = torch.tensor([[1.0, 1, 0, 0]])
    assert overlap(x, x) == 1
    assert overlap(x, torch.tensor([[1.0, 1, 1, 1]])) == 0
    assert overlap(x, torch.tensor([[1.0, 1, 1, 0]]), [(0, 1), (1, 2), (2, 3)]).item() == pytest.approx(-1 / 3)
    with pytest.raises(InputError, match="y: expected states of shape"):
        overlap(x, x[:, :2])
    for edges, message in (([[0, 7]], "from 0 to 3, got numbers from 0 to 7"), ([0, 1], r"pairs of site numbers")):
        with pytest.raises(InputError, match=message):
            overlap(x, x, edges)


def test_the_distribution_of_overlaps_is_a_density_in_even_bins():
    """Each of the 101 values of the overlap of 100 spins as often as the other ones, and errors between pairs."""
    q = np.tile(np.linspace(-1, 1, 101)[:, None], (16, 2))
    found = overlap_distribution(Overlaps(q, q**2, 100), bins=20)
    assert found.overlap == pytest.approx(-found.overlap[::-1])
    assert found.density == pytest.approx(np.full(len(found.density), 1 / 2.02), rel=1e-6)
    link = overlap_distribution(Overlaps(q, q**2, 100), link=True)
    assert (link.density * np.diff(link.overlap)[0]).sum() == pytest.approx(1)
    apart = overlap_distribution(Overlaps(q * 0 + [0.5, -0.5], q, 100))
    assert apart.error[apart.density > 0] == pytest.approx(apart.density[apart.density > 0])
    with pytest.raises(InputError, match="bins: expected at least 1"):
        overlap_distribution(Overlaps(q, q, 100), bins=0)


def test_the_smallest_waves_of_lattices():
    assert wave_numbers(lattice((4, 8))).tolist() == pytest.approx([np.pi / 2, np.pi / 4])
    triangular = 2 * np.pi / 6 * 2 / 3**0.5
    assert wave_numbers(lattice(6, kind="triangular")).tolist() == pytest.approx([triangular] * 2)
