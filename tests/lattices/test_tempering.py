"""Parallel tempering with measurements: every temperature has its law; clusters exchanged, temperatures placed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from place import seeded

from discrete_ed import (
    Exact,
    Gibbs,
    Houdayer,
    InputError,
    IsingEnergy,
    enumerate_states,
    gaussian_couplings,
    lattice,
    plus_minus_couplings,
    sample,
    simulate,
    temper,
)
from discrete_ed.lattices import QUANTITIES, Series
from discrete_ed.lattices.ladders import Ladders, placed
from discrete_ed.samplers.interactions import Interactions, loops

pytest.importorskip("numba")

GRAPH = lattice(3)
GLASS = IsingEnergy.from_graph(GRAPH, plus_minus_couplings(GRAPH, seed=2), [0.4, 0, 0, -0.3, 0, 0, 0.2, 0, 0])
UPPER = 0.5 * torch.randn(9, 9, generator=seeded(1)).triu(1)
MANY = IsingEnergy(UPPER + UPPER.T, 0.2 * torch.ones(9))
STATES = enumerate_states(9)


def exact_law(energy, temperature):
    e = energy(STATES).double().detach()
    return (-e / temperature).softmax(0).numpy()


@pytest.mark.thorough
@pytest.mark.parametrize("exchange_clusters", [False, True])
@pytest.mark.parametrize("fields_summed", [False, True])
def test_every_temperature_has_its_law(exchange_clusters, fields_summed, monkeypatch):
    """Three temperatures, against the sum over all states."""
    if fields_summed:
        monkeypatch.setattr("discrete_ed.lattices.ladders.ENTRIES", 0)
    temperatures = [0.8, 1.5, 3.0]
    run = {"graph": GRAPH, "exchange_clusters": exchange_clusters, "measurements": 6000, "seed": 3}
    found = temper(GLASS, temperatures, measure=["overlaps"], **run)
    e = GLASS(STATES).double().detach().numpy() / 9
    m = 2 * STATES.double().numpy().mean(1) - 1
    assert found.thermal
    assert (found.round_trips > 50).all()
    for at, t in zip(found.results, temperatures, strict=True):
        p = exact_law(GLASS, t)
        unlike = np.fft.ifftn(np.fft.fftn(p.reshape((2,) * 9)) ** 2).real.ravel()
        q, spins = 1 - STATES.numpy().sum(1) / 4.5, 2 * STATES.double().numpy() - 1
        link = np.mean([(p @ (spins[:, i] * spins[:, j])) ** 2 for i, j in GRAPH.edges])
        replicas = np.array([unlike @ abs(q), unlike @ q**2, unlike @ q**4, link])
        exact = Series(e, m, 9, t)
        mean = (p[:, None] * exact.columns()[:, 0]).sum(0)
        assert "overlap_binder" not in at.estimates()  # about zero, where fields give overlaps a mean
        estimates = at.estimates() | replace(at.overlaps, in_field=False).estimates()
        for name in ("energy", "specific_heat", "magnetisation", "abs_overlap", "overlap_binder", "link_overlap"):
            quantity, each = QUANTITIES[name], estimates[name]
            wanted = quantity.function(*((replicas, at.overlaps) if quantity.needs == "overlaps" else (mean, exact)))
            assert abs(each.value - wanted) < 4.5 * each.error, (name, t)
            assert each.error < 0.1 * max(1, abs(wanted)), name
    # swaps happen as often as the energies say
    a, b = (exact_law(GLASS, t) for t in temperatures[:2])
    ratio = np.exp(np.minimum(0, (1 / 0.8 - 1 / 1.5) * (9 * e[:, None] - 9 * e)))
    assert found.swap_rates[0] == pytest.approx(a @ ratio @ b, abs=0.03)


@pytest.mark.parametrize("energy", [GLASS, MANY])
def test_exchanged_clusters_are_those_of_the_kernel_and_keep_the_product_of_two_laws(energy):
    """Pairs of 16 of the 512 states, every site: flows balance, since energies add up and a move undoes itself."""
    some = STATES[torch.randperm(512, generator=torch.Generator().manual_seed(0))[:16]]
    pairs = torch.stack([some.repeat_interleave(16, 0), some.repeat(16, 1)], 1)  # (256, 2, 9)
    kernel, local, run = Houdayer(Gibbs()), Exact(energy), loops("tempered_loops")
    model = Interactions.of(energy)
    stack, seen = np.empty(9, np.int64), np.zeros(9, np.uint8)
    total = energy(pairs).sum(1)
    moved = 0
    for site in range(9):
        where = torch.full((len(pairs),), site)
        after = kernel.exchange(local, pairs.flatten(0, 1), where).view_as(pairs)
        assert torch.allclose(energy(after).sum(1), total, atol=1e-4)
        back = kernel.exchange(local, after.flatten(0, 1), where).view_as(pairs)
        assert torch.equal(back, pairs)  # an involution of uniform probability that keeps the sum: detailed balance
        moved += int((after != pairs).any(-1).any(-1).sum())
        for k in range(0, len(pairs), 7):
            bits = pairs[k].numpy().astype(np.uint8)
            change = run.exchange_cluster(bits[0], bits[1], site, *model.rows, model.fields, stack, seen)
            assert (bits == after[k].numpy()).all()
            assert change == pytest.approx((energy(after[k][0]) - energy(pairs[k][0])).item(), abs=1e-4)
            assert not seen.any()
    assert moved > 500


def test_a_step_of_the_kernel_exchanges_clusters_between_neighbouring_rows(generator):
    """Without couplings every cluster is one site, so pairs of opposite spins become any pair with sum zero."""
    free = IsingEnergy(4, edges=0)
    x = torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 0]]).repeat(400, 1)
    still = Houdayer(Still())
    y = sample(still, Exact(free), x, 30, generator=generator)
    assert torch.equal(y[0::2] + y[1::2], torch.ones(400, 4))
    assert y[0::2].mean(0).tolist() == pytest.approx([0.5] * 4, abs=0.11)
    with pytest.raises(InputError, match="an even number of rows, got 3"):
        still.init(Exact(free), x[:3])
    with pytest.raises(InputError, match="both replicas of a pair, got two"):
        still.init(Exact(free, beta=torch.tensor([1.0, 0.5])), x[:2])


class Still(Gibbs):
    def step(self, *arguments, **_):
        return arguments[1]


def test_the_same_seed_gives_the_same_result_and_a_cache_goes_on():
    graph = lattice(4)
    energy, kept = IsingEnergy.from_graph(graph, gaussian_couplings(graph)), {}

    def cache(name, compute):
        return kept.setdefault(name, None) or kept.__setitem__(name, compute()) or kept[name]

    run = {"graph": graph, "measurements": 100, "seed": 7, "place": True}
    one = temper(energy, [0.5, 1.0, 3.0], threads=1, **run)
    two = temper(energy, [3.0, 0.5, 1.0], threads=2, cache=cache, **run)
    for name in [name for name in kept if "draws" in name][4:]:
        del kept[name]
    three = temper(energy, [0.5, 1.0, 3.0], cache=cache, **run)
    for a, b, c in zip(one.results, two.results, three.results, strict=True):
        assert (a.states == b.states).all()
        assert (a.series.energy == c.series.energy).all()
    assert (one.swap_rates == three.swap_rates).all()
    assert (one.round_trips == three.round_trips).all()
    assert one.results[0].temperature == 0.5
    assert one.results[1].temperature != 1.0


def test_placed_temperatures_swap_equally_often():
    graph = lattice(8)
    energy = IsingEnergy.from_graph(graph, plus_minus_couplings(graph))
    bad = [0.5, 0.55, 0.6, 0.65, 0.7, 3.0]
    run = {"chains": 2, "measurements": 600}
    before, after = (temper(energy, bad, place=place, **run).swap_rates for place in (False, True))
    assert before.min() < 0.02
    assert after.min() > 0.2
    assert np.ptp(after) < 0.2
    assert placed([1.0, 2.0, 3.0], np.array([0.5, 0.5]))[1] == pytest.approx(2.0)
    assert placed([1.0, 2.0, 3.0], np.array([0.2, 0.6]))[1] < 1.8


def test_tempering_leaves_valleys_that_sweeps_do_not():
    """A ferromagnet far below its critical temperature: single spins never turn it over."""
    energy = IsingEnergy.from_graph(lattice(6))
    (alone,) = simulate(energy, [1.2], update="sweeps", measurements=600)
    ladder = temper(energy, [1.2, 1.7, 2.2, 2.8, 3.6], measurements=600)
    changes = [np.abs(np.diff(np.sign(each.series.magnetisation), axis=0)).sum() for each in (alone, ladder.results[0])]
    assert changes[0] == 0
    assert changes[1] > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperatures": [1.0]}, "at least two different ones"),
        ({"temperatures": [1.0, 1.0]}, "at least two different ones"),
        ({"temperatures": [1.0, -1.0]}, "temperatures: expected a positive number, .* got -1"),
        ({"chains": 3}, "expected an even number, and at least 20, got 3"),
        ({"measurements": 10}, "at least 20, got 8 and 10"),
        ({"error": 0.0}, "error: expected a positive"),
        ({"measure": "overlaps"}, "measure: expected a list of names, got 'overlaps'"),
        ({"measure": ["energy"]}, "measure: expected names among sublattices, correlations, overlaps, got 'energy'"),
        ({"measure": ["correlations"], "graph": None}, r"expected a lattice \(graph=…\)"),
        ({"graph": lattice(5)}, "graph: expected a lattice of 9 sites"),
        ({"graph": lattice(3, periodic=False)}, "graph: expected the lattice of the model"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    given = {"energy": GLASS, "temperatures": [1.0, 2.0], "graph": GRAPH, "measurements": 20, **arguments}
    with pytest.raises(InputError, match=message):
        temper(**given)


@pytest.mark.thorough
def test_rates_are_over_the_swaps_that_were_tried():
    """Replicas of a model without couplings always swap, so the rate is 1 whatever the number of sweeps."""
    from discrete_ed.lattices.measuring import Measured

    model = Measured(IsingEnergy(4, edges=0), 1.0, update="sweeps")
    ladders = Ladders(model, [1.0, 2.0, 3.0], 1, False, 0, 1, None)
    for count in (3, 4, 5):
        ladders.piece("", count)
        assert ladders.rates().tolist() == [1.0, 1.0]
