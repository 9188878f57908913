import networkx as nx
import pytest
import torch
from contracts import check_energy
from place import DEVICE, FLOAT, all_states, fixed, normal, rounding, seeded
from torch import nn

from discrete_ed import (
    Bernoulli,
    BernoulliEnergy,
    Block,
    Clamped,
    ConvEnergy,
    Energy,
    Exact,
    FitConfig,
    Gibbs,
    GibbsWithGradients,
    GraphEnergy,
    Informed,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    PairGraphEnergy,
    RBMEnergy,
    ResidualMLPEnergy,
    SumEnergy,
    Taylor,
    contrastive_divergence,
    energy_discrepancy,
    enumerate_states,
    fit,
    graphs_to_states,
    log_law,
    moments,
    pseudo_likelihood,
    sample,
)
from discrete_ed.energies import base

pytestmark = pytest.mark.anywhere


def random_bits(rows: int, bits: int) -> torch.Tensor:
    return torch.rand(rows, bits, generator=fixed(1), dtype=torch.float64, device="cpu").round().to(DEVICE, FLOAT)


def random_ising(bits: int) -> IsingEnergy:
    g = fixed(2)
    couplings = normal(g, bits, bits).triu(1)
    return IsingEnergy(couplings + couplings.T, normal(g, bits))


def random_rbm(bits: int) -> RBMEnergy:
    energy = RBMEnergy(bits, 5, scale=1.0, generator=fixed(3)).to(DEVICE, FLOAT)
    energy.visible_bias.data = normal(fixed(4), bits)
    return energy


def random_graphs(rows: int) -> torch.Tensor:
    graphs = [nx.gnp_random_graph(2 + k % 6, 0.5, seed=k) for k in range(rows)]
    return graphs_to_states(graphs, 7).to(DEVICE, FLOAT)


CASES = {
    "ising": (random_ising(7), random_bits(8, 7)),
    "rbm": (random_rbm(7), random_bits(8, 7)),
    "mlp": (MLPEnergy(7, hidden=(9, 5)).to(DEVICE, FLOAT), random_bits(8, 7)),
    "linear": (MLPEnergy(7, hidden=()).to(DEVICE, FLOAT), random_bits(8, 7)),
    "residual": (ResidualMLPEnergy(7, width=6, blocks=2).to(DEVICE, FLOAT), random_bits(8, 7)),
    "conv": (ConvEnergy((3, 4), width=3, stages=2, blocks=2).to(DEVICE, FLOAT), random_bits(8, 12)),
    "bernoulli": (BernoulliEnergy(torch.linspace(-2, 2, 7)).to(DEVICE, FLOAT), random_bits(8, 7)),
    "sum": (SumEnergy(random_ising(7), MLPEnergy(7, hidden=(5,)).to(DEVICE, FLOAT)), random_bits(8, 7)),
    "network": (NetworkEnergy(7, width=5, layers=1).to(DEVICE, FLOAT), random_bits(8, 7)),
    "network of residuals": (NetworkEnergy(7, "residual", width=5, layers=1).to(DEVICE, FLOAT), random_bits(8, 7)),
    "network of convolutions": (NetworkEnergy(6, "conv", width=2, shape=(2, 3)).to(DEVICE, FLOAT), random_bits(8, 6)),
    "mean": (SumEnergy(random_rbm(7), random_ising(7), scale=0.5), random_bits(8, 7)),
    "sum of graphs": (
        SumEnergy(GraphEnergy(7, width=4, layers=1).to(DEVICE, FLOAT), random_ising(28)),
        random_graphs(8),
    ),
    "clamped": (Clamped(random_ising(7), torch.arange(7) % 3 == 0), random_bits(8, 7)),
    "clamped row by row": (Clamped(random_rbm(7), random_bits(8, 7).bool()), random_bits(8, 7)),
    "graph": (GraphEnergy(7, width=8, layers=2).to(DEVICE, FLOAT), random_graphs(8)),
    "pairs of nodes": (PairGraphEnergy(7, width=4, layers=2, walks=3).to(DEVICE, FLOAT), random_graphs(8)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_energy_keeps_the_contract(name):
    check_energy(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_taylor_differences_are_the_directional_derivatives(name):
    energy, x = CASES[name]
    step = rounding(1e-6, 1e-2)
    direction = (1 - 2 * x).unsqueeze(1) * torch.eye(x.shape[1], dtype=x.dtype)
    slopes = (energy(x.unsqueeze(1) + step * direction) - energy(x.unsqueeze(1) - step * direction)) / (2 * step)
    local = Taylor(energy)(x)
    free = energy.free(x)
    assert torch.allclose(local.delta[free], slopes[free], atol=rounding(1e-5, 1e-2))
    assert (local.delta[~free] == torch.inf).all()
    assert torch.allclose(local.energy, energy(x), atol=rounding(1e-8))


@pytest.mark.parametrize("local", [Exact, Taylor])
@pytest.mark.parametrize("name", CASES)
def test_local_evaluations_carry_the_inverse_temperature_and_freeze_bits(name, local):
    energy, x = CASES[name]
    once, half = local(energy)(x), local(energy, beta=0.5)(x)
    free = energy.free(x)
    assert torch.allclose(half.energy, once.energy / 2, atol=rounding(1e-8))
    assert torch.allclose(half.delta[free], once.delta[free] / 2, atol=rounding(1e-8))
    assert (half.delta[~free] == torch.inf).all()


@pytest.mark.parametrize("name", CASES)
def test_exact_differences_are_the_energys_own(name):
    energy, x = CASES[name]
    local = Exact(energy)(x)
    free = energy.free(x)
    assert torch.equal(local.delta[free], energy.flip_delta(x)[free])
    assert torch.equal(local.energy, energy(x))


@pytest.mark.parametrize("name", ["rbm", "mlp", "graph"])
def test_flip_differences_do_not_depend_on_the_chunk(name, monkeypatch):
    energy, x = CASES[name]
    whole = energy.flip_delta(x)
    for module in (base, __import__("discrete_ed.energies.rbm", fromlist=["CHUNK_STATES"])):
        monkeypatch.setattr(module, "CHUNK_STATES", 8)
    assert torch.allclose(energy.flip_delta(x), whole, atol=rounding(1e-8))


def test_ising_counts_each_pair_once():
    couplings = torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.0, -2.0], [0.0, -2.0, 0.0]])
    fields = torch.tensor([0.1, 0.2, 0.3])
    energy = IsingEnergy(couplings, fields)
    s = torch.tensor([1.0, 1.0, -1.0])
    assert energy((s + 1) / 2).item() == pytest.approx(-(0.5 * 1 - 2.0 * -1) - (0.1 + 0.2 - 0.3), abs=rounding(1e-12))
    assert torch.equal(energy.couplings, couplings)


@pytest.mark.parametrize(
    ("couplings", "fields", "message"),
    [
        (torch.zeros(2, 3), None, r"\(D, D\)"),
        (torch.tensor([[0.0, 1.0], [2.0, 0.0]]), None, "symmetric"),
        (torch.eye(2), None, "zero diagonal"),
        (torch.zeros(2, 2), torch.zeros(3), r"fields: expected shape \(2,\)"),
    ],
)
def test_ising_refuses_what_is_no_coupling_matrix(couplings, fields, message):
    with pytest.raises(InputError, match=message):
        IsingEnergy(couplings, fields)


def test_rbm_energy_is_the_sum_over_hidden_bits():
    energy = random_rbm(3)
    x, h = all_states(3), all_states(5)
    exponents = (x @ energy.visible_bias).unsqueeze(1) + (h @ energy.hidden_bias).unsqueeze(0) + x @ energy.weight @ h.T
    assert torch.allclose(energy(x), -exponents.logsumexp(1), atol=rounding(1e-8))


def test_an_energy_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Energy must define forward"):
        Energy()(torch.zeros(1, 2))


def test_a_bernoulli_energy_has_the_marginals_of_its_data():
    data = torch.tensor([[1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.uint8)
    for pseudocount in (1.0, 4.0):
        marginals = moments(BernoulliEnergy.from_data(data, pseudocount=pseudocount)).marginals
        expected = (data.double().sum(0) + pseudocount / 2) / (4 + pseudocount)
        assert torch.allclose(marginals, expected, atol=1e-6)


def test_a_sum_is_the_product_of_the_models():
    first, second = random_ising(4), BernoulliEnergy(torch.tensor([0.3, -1.0, 2.0, 0.0])).to(DEVICE, FLOAT)
    law = (log_law(first, dtype=FLOAT) + log_law(second, dtype=FLOAT)).softmax(0)
    assert torch.allclose(log_law(SumEnergy(first, second), dtype=FLOAT).exp(), law, atol=rounding(1e-8))


def test_a_convolution_sees_neighbours_on_the_image():
    """A shift of the picture away from the border changes nothing; a shift of the bits in a row-major list would."""
    energy = ConvEnergy((15, 15), width=4, stages=1).to(DEVICE, FLOAT)
    picture = torch.zeros(2, 15, 15, dtype=FLOAT)
    picture[0, 6:8, 7] = 1
    picture[1, 7:9, 6] = 1
    one, other = energy(picture.flatten(1))
    assert one.item() == pytest.approx(other.item(), abs=rounding(1e-12))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BernoulliEnergy(torch.zeros(2, 2)), r"logits: .* got shape \(2, 2\)"),
        (lambda: BernoulliEnergy(torch.tensor([torch.inf])), "logits: expected finite"),
        (lambda: BernoulliEnergy.from_data(torch.zeros(0, 3)), "data: "),
        (SumEnergy, "terms: expected at least one energy"),
        (lambda: ConvEnergy((3, 8), stages=4).to(DEVICE), "stages: "),
        (lambda: NetworkEnergy(6, "conv").to(DEVICE), "shape: expected rows and columns of 6 pixels"),
        (lambda: NetworkEnergy(6, "nonsense").to(DEVICE), "network: expected one of mlp"),
    ],
)
def test_energies_that_cannot_be_built_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_an_ising_energy_survives_networkx_and_back():
    graph = nx.Graph([("a", "b", {"coupling": 0.25}), ("b", "c")])
    graph.nodes["c"]["field"] = -0.5
    energy = IsingEnergy.from_graph(graph, 0.75, field=0.125)
    assert energy.couplings.tolist() == [[0, 0.25, 0], [0.25, 0, 0.75], [0, 0.75, 0]]
    assert energy.fields.tolist() == [0.125, 0.125, -0.5]
    again = IsingEnergy.from_graph(energy.to_networkx())
    assert torch.equal(again.couplings, energy.couplings)
    assert torch.equal(again.fields, energy.fields)
    with pytest.raises(InputError, match="self-loops"):
        IsingEnergy.from_graph(nx.Graph([(0, 0)]))


def test_a_binary_quadratic_model_has_the_same_energies():
    dimod = pytest.importorskip("dimod")
    energy = IsingEnergy(torch.tensor([[0, 0.25, 0], [0.25, 0, -0.75], [0, -0.75, 0]]), torch.tensor([0.5, 0, -1.0]))
    bqm = energy.to_bqm()
    states = enumerate_states(3, device=DEVICE)
    spins = (2 * states - 1).int().tolist()
    assert [bqm.energy(dict(enumerate(s))) for s in spins] == pytest.approx(
        energy(states).tolist(), abs=rounding(1e-12)
    )
    bits = bqm.change_vartype(dimod.BINARY, inplace=False)
    again = IsingEnergy.from_bqm(bits).to(DEVICE)
    assert torch.allclose(again.couplings, energy.couplings, atol=rounding(1e-8))
    assert torch.allclose(again.fields, energy.fields, atol=rounding(1e-8))


class Column(nn.Module):
    """Not an energy: a module, whose numbers keep an axis of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Kept(Column, Energy):
    """`(..., D)` to `(..., 1)`: the last axis was not dropped."""


class Flat(Column, Energy):
    """`(..., D)` to one axis, whatever came."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.reshape(-1, 6)).squeeze(-1)


class Summed(Column, Energy):
    """One number for all states."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x).sum()


class OnlyBatches(Column, Energy):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bd,d->b", x, self.net.weight[0])


USES = {
    "discrepancy": lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.2), generator=seeded()),
    "block": lambda energy, x: energy_discrepancy(energy, x, Block(2), generator=seeded()),
    "informed": lambda energy, x: energy_discrepancy(energy, x, Informed(Bernoulli(epsilon=0.2)), generator=seeded()),
    "pseudo-likelihood": pseudo_likelihood,
    "contrastive divergence": lambda energy, x: contrastive_divergence(energy, x, x),
    "Gibbs": lambda energy, x: sample(Gibbs(), Exact(energy), x, 3),
    "GWG": lambda energy, x: sample(GibbsWithGradients(), Taylor(energy), x, 3),
    "fit": lambda energy, x: fit(energy, pseudo_likelihood, [x], FitConfig(steps=1)),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("kind", "way"),
    [(Kept, r"drop the last axis by .squeeze\(-1\)"), (Flat, ""), (Summed, r"sum over bits only, as .sum\(-1\)")],
)
def test_energies_of_a_wrong_shape_are_refused_wherever_they_are_used(kind, way, use):
    energy, x = kind().to(DEVICE), torch.ones(4, 6)
    if use in ("GWG", "contrastive divergence") and kind is Flat:
        USES[use](energy, x)  # which asks for `(B,)` alone, and gets it
        return
    with pytest.raises(InputError, match=rf"energy: expected {kind.__name__} to map states \([^']*D\).*{way}"):
        USES[use](energy, x)


def test_fit_wants_energies_of_states_of_any_shape():
    with pytest.raises(InputError, match=r"expected OnlyBatches to take states of any shape \(\.\.\., D\)"):
        fit(OnlyBatches().to(DEVICE), pseudo_likelihood, [torch.ones(4, 6)], FitConfig(steps=1))


@pytest.mark.parametrize("use", ["discrepancy", "pseudo-likelihood", "fit"])
def test_a_module_that_is_no_energy_is_refused(use):
    with pytest.raises(InputError, match=r"energy: expected a discrete_ed.Energy, got Column; subclass Energy"):
        USES[use](Column().to(DEVICE), torch.ones(4, 6))
    with pytest.raises(InputError, match=r"terms: expected a discrete_ed.Energy, got Column"):
        SumEnergy(BernoulliEnergy(6), Column())


def test_free_bits_of_a_single_energy_may_be_its_own():
    energy, known = MLPEnergy(6, hidden=(8,)).to(DEVICE), torch.arange(6) < 3
    energy.free = lambda x: (~known).expand_as(x)
    for kernel, local in ((Gibbs(), Exact), (GibbsWithGradients(), Exact), (GibbsWithGradients(), Taylor)):
        assert not sample(kernel, local(energy), torch.zeros(50, 6), 30, generator=seeded())[:, :3].any()


class Counted(Column, Energy):
    """By a table: no gradient in the bits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.weight[0, x.sum(-1).long() % 6]


def test_taylor_refuses_what_has_no_gradient_and_needs_no_mode():
    with pytest.raises(InputError, match="expected Counted to be differentiable in x, got no gradient; use Exact"):
        Taylor(Counted().to(DEVICE))(torch.ones(2, 6))
    energy, x = MLPEnergy(6, hidden=(8,)).to(DEVICE), torch.ones(2, 6)
    outside = Taylor(energy)(x)
    with torch.inference_mode():
        inside = Taylor(energy)(torch.ones(2, 6))
    assert torch.equal(inside.delta, outside.delta)


@pytest.mark.parametrize("wrong", [Bernoulli, 0.1])
def test_what_is_no_perturbation_is_refused(wrong):
    with pytest.raises(InputError, match="perturbation: expected a perturbation, such as"):
        energy_discrepancy(BernoulliEnergy(3).to(DEVICE), torch.ones(2, 3), wrong)
