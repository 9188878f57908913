"""What is known of a kind of energy is used where it holds, and only there."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from contracts import chi_square, ising, rbm, torus
from place import DEVICE, FLOAT, all_states, number_of, rounding, seeded

from discrete_ed import (
    BernoulliEnergy,
    BlockGibbs,
    Clamped,
    Energy,
    Exact,
    Gibbs,
    GibbsSweep,
    InputError,
    IsingEnergy,
    RBMEnergy,
    SwendsenWang,
    colour_classes,
    log_law,
    log_likelihood,
    log_z,
    moments,
    perfect_sample,
    pseudo_likelihood,
    rbm_log_z,
    sample,
    torus_log_z,
    torus_sample,
)

pytestmark = pytest.mark.anywhere


class Three(IsingEnergy):
    """An Ising model with one interaction of three spins, which its closed forms know nothing of."""

    def forward(self, x):
        s = 2 * x - 1
        return super().forward(x) - s[..., 0] * s[..., 1] * s[..., 2]


class Tilted(RBMEnergy):
    def forward(self, x):
        return super().forward(x) + x.sum(-1)


class Tinted(Three):
    """It has no `forward` of its own."""


class OfThree:
    def forward(self, x):
        s = 2 * x - 1
        return IsingEnergy.forward(self, x) - s[..., 0] * s[..., 1] * s[..., 2]


class Mixed(OfThree, IsingEnergy):
    """Its `forward` comes from a class that is no energy."""


class Careful(Three):
    def flip_delta(self, x):
        return super().flip_delta(x)


@pytest.mark.parametrize("kind", [Three, Tinted, Mixed, Careful])
def test_a_subclass_with_another_forward_has_no_closed_form(kind, generator):
    energy = kind(ising(3).couplings.detach(), ising(3).fields.detach())
    x = all_states(3)
    assert torch.allclose(energy.flip_delta(x), Energy.flip_delta(energy, x), atol=rounding(1e-12))
    assert pseudo_likelihood(energy, x) != pseudo_likelihood(ising(3), x)
    drawn = sample(Gibbs(), Exact(energy), torch.zeros(4000, 3, dtype=FLOAT), 60, generator=generator)
    assert chi_square(drawn, log_law(energy).exp().double()) > 1e-6
    for refused in (
        lambda: perfect_sample(energy, 3),
        lambda: torus_log_z(energy, (3, 1)),
        lambda: torus_sample(energy, 3, (3, 1)),
        lambda: colour_classes(energy),
        lambda: sample(SwendsenWang(), Exact(energy), x, 1),
        lambda: sample(GibbsSweep(((0, 1), (2,))), Exact(energy), x, 1),
    ):
        with pytest.raises(InputError, match=kind.__name__):
            refused()
    assert (energy.bits, energy.kernel_name) == (3, "gibbs-with-gradients")


def test_a_closed_form_that_was_given_without_a_forward_is_kept():
    class Pair(Energy):
        """What its subclasses share."""

        def flip_delta(self, x):
            return torch.full_like(x, 7.0)

    class One(Pair):
        def forward(self, x):
            return x.sum(-1)

    class Fast:
        def flip_delta(self, x):
            return torch.full_like(x, 7.0)

    class Two(Fast, Energy):
        def forward(self, x):
            return x.sum(-1)

    for kind in (One, Two):
        assert kind().flip_delta(torch.zeros(1, 2)).tolist() == [[7.0, 7.0]]


def test_a_machine_with_another_forward_is_no_machine():
    energy = Tilted(24, 2, scale=0.0).to(DEVICE)
    with pytest.raises(InputError, match="expected RBMEnergy, got Tilted with another forward"):
        rbm_log_z(energy)
    with pytest.raises(InputError, match="block Gibbs expected an RBMEnergy, got Tilted"):
        sample(BlockGibbs(), Exact(energy), torch.zeros(2, 24), 1)
    small = Tilted(6, 2, scale=0.3).to(DEVICE)
    assert log_likelihood(small, all_states(6).float()).values.exp().sum().item() == pytest.approx(1)


def test_its_own_free_bits_leave_a_kind_what_it_is():
    class Held(IsingEnergy):
        def free(self, x):
            return torch.arange(x.shape[-1], device=x.device).expand_as(x) > 0

    energy = Held(ising(3).couplings.detach(), ising(3).fields.detach())
    assert torch.equal(energy.flip_delta(all_states(3)), ising(3).flip_delta(all_states(3)))
    assert len(colour_classes(energy)) > 1


KNOWN = torch.tensor([True, False, False, False, True, False])


@pytest.mark.many_steps
@pytest.mark.parametrize(
    ("kernel", "energy"),
    [
        (BlockGibbs(), rbm(6, 3)),
        (SwendsenWang(), torus(2, 3, 0.4)),
        (GibbsSweep(colour_classes(torus(2, 3, 0.4))), torus(2, 3, 0.4)),
    ],
    ids=str,
)
def test_kernels_see_through_conditions(kernel, energy, generator):
    clamped = Clamped(energy, KNOWN)
    row = torch.tensor([1.0, 0, 0, 0, 0, 1], dtype=FLOAT)
    states = all_states(6)
    allowed = (states[:, KNOWN] == row[KNOWN]).all(-1)
    law = torch.where(allowed, (-energy(states)).double(), -torch.inf).softmax(0).detach()
    drawn = sample(kernel, Exact(clamped), row.expand(4000, 6), 30, generator=generator)
    counts = number_of(drawn).bincount(minlength=64)
    assert counts[~allowed].sum() == 0
    assert chi_square(drawn[:, ~KNOWN], law[allowed] / law[allowed].sum()) > 1e-6


def test_energies_of_another_shape_have_no_law():
    class Column(Energy):
        def forward(self, x):
            return x[..., :1]

    energy = Column()
    energy.bits = 3
    for exact in (log_law, log_z, moments, lambda e: log_likelihood(e, all_states(3))):
        with pytest.raises(InputError, match="to map states"):
            exact(energy)


@pytest.mark.parametrize("graph", [nx.MultiGraph([(0, 1), (0, 1)]), nx.DiGraph([(0, 1)])])
def test_graphs_whose_couplings_would_be_guesses_are_refused(graph):
    with pytest.raises(InputError, match=f"undirected graph with single edges, got a {type(graph).__name__}"):
        IsingEnergy.from_graph(graph)


@pytest.mark.parametrize("couplings", [torch.tensor([[0, 1], [1, 0]]), [[0.0, 1.0], [1.0, 0.0]]])
def test_couplings_of_another_type_are_refused(couplings):
    with pytest.raises(InputError, match="couplings: expected a float tensor"):
        IsingEnergy(couplings)


def test_solvers_of_other_models_say_so():
    for call in (torus_log_z, torus_sample):
        with pytest.raises(InputError, match="expected IsingEnergy, got BernoulliEnergy"):
            call(BernoulliEnergy(4), *([3] if call is torus_sample else []), (2, 2))
    with pytest.raises(InputError, match="expected RBMEnergy, got IsingEnergy"):
        rbm_log_z(IsingEnergy(4))


@pytest.mark.skipif(DEVICE.type == "simulated", reason="inference mode isn't simulated")
def test_one_evaluation_in_inference_mode_spoils_nothing():
    from discrete_ed import GibbsWithGradients, GraphEnergy, Taylor
    from discrete_ed.states import triangle_index

    triangle_index.cache_clear()
    x = torch.ones(2, 6, dtype=FLOAT)
    energy = GraphEnergy(3, width=4, layers=1).to(DEVICE, FLOAT)
    with torch.inference_mode():
        energy(x)
    assert sample(GibbsWithGradients(), Taylor(energy), x, 2, generator=seeded()).shape == x.shape
