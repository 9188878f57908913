"""What every perturbation must satisfy, against enumeration. A new perturbation is one more entry in `CASES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import exp, log, pi

import networkx as nx
import pytest
import torch
from place import DEVICE, FLOAT, all_states, fixed, normal, rounding, seeded
from torch import Tensor

from discrete_ed import (
    Bernoulli,
    BernoulliEnergy,
    BernoulliMixtureEnergy,
    Block,
    Clamped,
    Energy,
    Erasure,
    GraphEnergy,
    Grid,
    Groups,
    HeatKernel,
    Informed,
    InputError,
    IsingEnergy,
    MeanPool,
    NodeBlock,
    Perturbation,
    Taylor,
    energy_discrepancy,
    enumerate_states,
    graphs_to_states,
)
from discrete_ed.states import from_matrix
from discrete_ed.theory import relations

pytestmark = pytest.mark.anywhere

BITS = all_states(3)
GRAPHS = torch.stack(  # all graphs over three nodes that exist: the diagonal is frozen
    [from_matrix(torch.eye(3, dtype=FLOAT) + torch.tensor([[0, a, b], [0, 0, c], [0, 0, 0]])) for a, b, c in BITS]
)


class Table(Energy):
    """An energy with a parameter for every one of the states; a bit is free where the states differ."""

    def __init__(self, energies: Tensor, states: Tensor = BITS) -> None:
        super().__init__()
        self.energies = torch.nn.Parameter(energies)
        self.place = 2.0 ** torch.arange(states.shape[1], dtype=FLOAT)
        self.row = torch.full((2 ** states.shape[1],), -1)
        self.row[(states @ self.place).long()] = torch.arange(len(states))
        self.changes = (states != states[0]).any(0)

    def forward(self, x: Tensor) -> Tensor:
        row = self.row[(x @ self.place).long()]
        return torch.where(row >= 0, self.energies[row], torch.inf)  # no frozen bit ever moved

    def free(self, x: Tensor) -> Tensor:
        return self.changes.expand(x.shape)


Proposal = Callable[[Tensor, Tensor, Tensor], Tensor]


def uninformed(q: Tensor, energies: Tensor, states: Tensor) -> Tensor:  # noqa: ARG001
    """`ρ_y(x) ∝ q(y|x)`; row `y`, column `x`."""
    return (q / q.sum(0)).T


def tilted(q: Tensor, energies: Tensor, states: Tensor) -> Tensor:
    """`ρ_y(x) ∝ q(y|x) exp(−Σ_{i: x_i ≠ y_i} Δ_i(y))`, by summing over all states."""
    code = (states @ 2.0 ** torch.arange(states.shape[1], dtype=FLOAT)).long()
    row = torch.empty_like(code).scatter(0, code, torch.arange(len(code)))
    bits = torch.eye(states.shape[1], dtype=FLOAT)
    there = ((states.unsqueeze(1) - bits).abs() @ 2.0 ** torch.arange(states.shape[1], dtype=FLOAT)).long()
    delta = energies[row[there]] - energies.unsqueeze(1)
    differs = (states.unsqueeze(1) - states).abs()  # (y, x, D)
    weight = q.T * (-(differs * delta.unsqueeze(1)).sum(-1)).exp()
    return weight / weight.sum(1, keepdim=True)


@dataclass(frozen=True)
class Case:
    perturbation: Perturbation
    levels: tuple[Perturbation, ...] = ()
    """For a mixture: equally likely perturbations with a matrix each."""
    states: Tensor = BITS
    proposal: Proposal | None = uninformed
    """`ρ_y(x')`; None where the states are enumerated."""
    blind: tuple[Callable[[Tensor], Tensor], ...] = ()
    """Functions of the states that may be added to the energy without changing the loss."""
    groups: Groups | None = None
    kind: str = ""
    """More of the name of the case."""

    @property
    def matrices(self) -> list[Tensor]:
        return [p.matrix(self.states) for p in self.levels or (self.perturbation,)]

    @property
    def name(self) -> str:
        return f"{type(self.perturbation).__name__}{'-mixture' if self.levels else ''}{self.kind}"

    def energy(self, energies: Tensor) -> Table:
        """The energy of the table, with the groups of the case."""
        table = Table(energies, self.states)
        table.groups = self.groups
        return table


@dataclass(frozen=True)
class InformedCase(Case):
    @property
    def matrices(self) -> list[Tensor]:
        assert isinstance(self.perturbation, Informed)
        return [self.perturbation.noise.matrix(self.states)]


LOGITS = torch.tensor([[1.0, -0.5, 0.8], [-1.2, 0.3, 0.1]])
TWO = BernoulliMixtureEnergy(torch.tensor([0.3, 0.7]).log(), LOGITS).to(FLOAT)


COUPLINGS = torch.tensor([[1.0, 0.0, -2.0], [0.5, 0.0, 1.5]])
TREES = BernoulliMixtureEnergy(torch.tensor([0.3, 0.7]).log(), LOGITS, (1, -1, 0), COUPLINGS).to(FLOAT)


def filled_in(q: Tensor, energies: Tensor, states: Tensor, mixture: BernoulliMixtureEnergy = TWO) -> Tensor:  # noqa: ARG001
    """`ρ_y(x) ∝ q(y|x) r(x)`, with `r` the mixture."""
    weight = q.T * (-mixture(states)).exp()
    return weight / weight.sum(1, keepdim=True)


FOUR = Groups(((0, 3, 1, 4),), bits=5)  # a variable of four values, and a free bit: eight states
FOUR_STATES = FOUR.states(FLOAT, DEVICE)


@dataclass(frozen=True)
class GroupCase(Case):
    """A perturbation of states of groups, whose matrix is built here, from one matrix for each variable."""

    states: Tensor = FOUR_STATES
    groups: Groups | None = FOUR
    kind: str = "-groups"
    variables: tuple[tuple[Tensor, Tensor], ...] = ()
    """for each equally likely choice the matrices of the four values and of the two"""
    known: bool = True
    """whether `y` shows the choice, so that each has columns of its own"""

    @property
    def matrices(self) -> list[Tensor]:
        parts = [torch.kron(four, two) / len(self.variables) for four, two in self.variables]
        return [torch.cat(parts, 1) if self.known else torch.stack(parts).sum(0)]


def redrawn(values: int, epsilon: float) -> Tensor:
    """With probability 2ε uniform."""
    return (1 - 2 * epsilon) * torch.eye(values, dtype=FLOAT) + 2 * epsilon / values


def heat(values: int, time: float, *, ring: bool) -> Tensor:
    """`Σ_p exp(t λ_p) φ_p φ_pᵀ` with the published eigenvalues, and cosines (a line) or waves (a ring) as `φ_p`."""
    k, p = torch.arange(values, dtype=FLOAT), torch.arange(values, dtype=FLOAT)[:, None]
    if ring:
        decay = (time * values**2 * (2 * (2 * pi * p / values).cos() - 2)).exp()
        return torch.stack([(decay * (2 * pi * p * (a - k) / values).cos()).sum(0) / values for a in k])
    waves = (pi * p * (k + 0.5) / values).cos()
    waves = waves / waves.square().sum(1, keepdim=True).sqrt()
    return waves.T @ ((time * values**2 * (2 * (pi * p / values).cos() - 2)).exp() * waves)


def tilted_moves(q: Tensor, energies: Tensor, states: Tensor) -> Tensor:
    """`ρ_y(x) ∝ q(y|x) exp(−Σ_v Δ_{x_v}(y))`, with the energies of the moves to the values of `x`."""
    code = (states @ 2.0 ** torch.arange(states.shape[1], dtype=FLOAT)).long()
    row = torch.empty(2 ** states.shape[1], dtype=torch.long).scatter(0, code, torch.arange(len(code)))
    there = (FOUR.neighbours(states) @ 2.0 ** torch.arange(states.shape[1], dtype=FLOAT)).long()
    delta = energies[row[there]] - energies.unsqueeze(1)  # (y, move)
    made = (states.unsqueeze(0) > states.unsqueeze(1)).to(FLOAT)  # bits that x has and y hasn't
    made[..., 2] = (states[:, 2].unsqueeze(0) - states[:, 2].unsqueeze(1)).abs()  # the free bit
    weight = q.T * (-(made * delta.unsqueeze(1)).sum(-1)).exp()
    return weight / weight.sum(1, keepdim=True)


EYE = torch.eye(4, dtype=FLOAT)
MIXTURE = Bernoulli(flips=(0.3, 1.2))
LEVELS = tuple(Bernoulli(flips=0.3 * 4 ** ((k + 0.5) / 16)) for k in range(16))  # midpoints of the log-uniform law
CASES = [
    Case(Bernoulli(epsilon=0.2)),
    Case(MIXTURE, LEVELS),
    Case(Grid(), blind=(lambda x: x.sum(-1) % 2,)),
    Case(MeanPool((0, 1, 1)), blind=(lambda x: x[:, 0], lambda x: x[:, 1] * x[:, 2] + x[:, 1] + x[:, 2])),
    Case(Block(size=2, epsilon=0.2), proposal=None),
    Case(Erasure()),
    Case(Erasure(TWO), proposal=filled_in),
    Case(Erasure(TREES), proposal=partial(filled_in, mixture=TREES), kind="-trees"),
    Case(NodeBlock(size=2, epsilon=0.3), states=GRAPHS, proposal=None),
    InformedCase(Informed(Bernoulli(epsilon=0.2)), proposal=tilted),
    GroupCase(Bernoulli(epsilon=0.2), variables=((redrawn(4, 0.2), redrawn(2, 0.2)),)),
    GroupCase(
        HeatKernel(("ordinal", "cyclic"), (0.02, 0.05)),
        variables=((heat(4, 0.02, ring=False), heat(2, 0.05, ring=True)),),
    ),
    GroupCase(
        Grid(),
        variables=(((1 - EYE) / 3, torch.eye(2, dtype=FLOAT)), (EYE, torch.eye(2, dtype=FLOAT).flip(0))),
        known=False,
    ),
    GroupCase(
        Block(size=2, epsilon=0.2),
        proposal=None,
        variables=((redrawn(4, 0.2), torch.eye(2, dtype=FLOAT)), (EYE, redrawn(2, 0.2))),
    ),
    GroupCase(
        Informed(HeatKernel("uniform", -log(0.6))),
        proposal=tilted_moves,
        variables=((redrawn(4, 0.2), redrawn(2, 0.2)),),
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def random_energies(seed: int) -> Tensor:
    return normal(fixed(seed), 8)


def expected_loss(case: Case, energies: Tensor, law: Tensor, m: int, w: float) -> Tensor:
    """The loss's expectation over data, `y` and all tuples of M negatives, for one energy per state."""
    total = torch.zeros((), dtype=FLOAT)
    for q in case.matrices:
        if case.proposal is None:
            value = relations.energy_discrepancy(energies, law, q) - law @ q @ q.sum(0).log()
        else:
            rho = case.proposal(q, energies.detach(), case.states)
            weight = torch.where(rho > 0, (q / q.sum(0)).T / rho, 0.0) * (q.sum(0)[:, None] if weighted(case) else 1)
            tuples = torch.tensor(list(product(range(len(energies)), repeat=m)))
            terms = weight[:, tuples] * (-energies[tuples]).exp()  # (y, tuple, M)
            own = w * weight.T * (-energies).exp().unsqueeze(1)  # (x, y)
            inside = (own[:, :, None] + terms.sum(-1)) / m
            chance = rho[:, tuples].prod(-1)  # (y, tuple)
            joint = law[:, None, None] * q[:, :, None] * chance
            # A tuple that can't be drawn beside this x has no logarithm to speak of.
            logarithm = inside.clamp(min=torch.finfo(FLOAT).tiny).log()
            value = torch.where(joint > 0, joint * (logarithm + energies[:, None, None]), 0).sum()
        total = total + value / len(case.matrices)
    return total


def weighted(case: Case) -> bool:
    return case.proposal is tilted


def mean_and_error(parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    values = torch.stack(parts)
    return values.mean(0), values.std(0) / len(values) ** 0.5


@pytest.mark.many_steps
@every
@pytest.mark.parametrize(("m", "w"), [(1, 0.4), (2, 1.0)])
def test_loss_and_gradient_agree_with_enumeration_within_standard_errors(case, m, w, generator):
    energy, law = case.energy(random_energies(0)), random_energies(1).softmax(0)
    x = case.states[law.multinomial(120_000 if case.groups is None else 40_000, replacement=True, generator=generator)]
    losses, slopes = [], []
    for batch in x.split(1000):
        loss = energy_discrepancy(energy, batch, case.perturbation, m=m, w=w, generator=generator)
        slopes.append(torch.autograd.grad(loss, energy.energies)[0])
        losses.append(loss.detach())
    wanted = expected_loss(case, energy.energies, law, m, w)
    (slope,) = torch.autograd.grad(wanted, energy.energies)
    for parts, expected in ((losses, wanted.detach()), (slopes, slope)):
        mean, error = mean_and_error(parts)
        assert ((mean - expected).abs() <= 4.5 * error + rounding(1e-12)).all()


@every
@pytest.mark.parametrize("m", [1, 3])
def test_the_population_gradient_is_zero_at_the_truth_for_any_number_of_negatives(case, m):
    law = random_energies(1).softmax(0)
    truth = (-law.log() + 3.0).requires_grad_()
    (slope,) = torch.autograd.grad(expected_loss(case, truth, law, m, 1.0), truth)
    assert slope.abs().max() < rounding(1e-12)
    wrong = random_energies(2).requires_grad_()
    (slope,) = torch.autograd.grad(expected_loss(case, wrong, law, m, 1.0), wrong)
    assert slope.abs().max() > 1e-3


@every
def test_only_what_a_perturbation_forgets_is_learned(case):
    """A perturbation has exactly the blind directions that it declares: the curvature at the truth tells."""
    law = random_energies(1).softmax(0)
    hessian = torch.autograd.functional.hessian(lambda e: expected_loss(case, e, law, 1, 1.0), -law.log())
    assert torch.linalg.eigvalsh(hessian).min() > -rounding(1e-12)
    flat = int((torch.linalg.eigvalsh(hessian) < rounding(1e-9)).sum())
    if isinstance(case.perturbation, MeanPool):
        flat -= len(case.matrices[0].T) - 1 - len(case.blind)  # any function of the six counts is blind
    assert flat == 1 + len(case.blind)  # a constant, and those declared
    for direction in case.blind:
        shift = direction(case.states)
        assert (hessian @ shift).abs().max() < rounding(1e-12)


@every
def test_probabilities_sum_to_one_and_going_there_and_back_is_symmetric(case):
    for q in case.matrices:
        assert torch.allclose(q.sum(1), torch.ones(len(q), dtype=FLOAT), atol=rounding(1e-12))
        round_trip = q @ (q / q.sum(0)).T
        assert torch.allclose(round_trip, round_trip.T, atol=rounding(1e-14))
        if isinstance(case.perturbation, Bernoulli | Informed) or (
            isinstance(case.perturbation, Grid) and case.groups is None
        ):
            assert torch.allclose(q, q.T, atol=rounding(1e-15), rtol=0)


@every
def test_a_single_negative_is_where_enumeration_says(case, generator):
    if case.proposal is None:
        pytest.skip("enumerates its states")
    energy = case.energy(random_energies(0))
    x = case.states[[5]].expand(60_000, -1)
    contrast = case.perturbation.contrast(energy, x, 1, 1.0, generator=generator)
    negatives = contrast.states[:, 1]
    seen = energy.row[(negatives @ energy.place).long()].bincount(minlength=8) / len(x)
    rounds = [q @ case.proposal(q, energy.energies.detach(), case.states) for q in case.matrices]
    wanted = torch.stack(rounds).mean(0)[5]
    assert ((seen - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / len(x)).sqrt() + 1e-12).all()
    assert torch.equal(contrast.states[:, 0], x)


@every
def test_only_free_bits_change(case, generator):
    if case.groups is not None:
        check_frozen_groups(case.perturbation, generator)
        return
    if isinstance(case.perturbation, NodeBlock):
        graphs = [nx.empty_graph(0), nx.empty_graph(1), nx.path_graph(2), nx.path_graph(3), nx.cycle_graph(5)]
        x = graphs_to_states(graphs, 5).to(DEVICE).float().repeat(50, 1)
        energy = GraphLike(15).to(DEVICE)
        perturbation = NodeBlock(size=4)
    else:
        x = torch.zeros(400, 14)
        x[:, 10:] = enumerate_states(4, device=DEVICE).repeat(25, 1)
        energy = HalfFree(14).to(DEVICE)
        perturbation = case.perturbation
        if isinstance(perturbation, Erasure) and perturbation.mixture is not None:
            perturbation = Erasure(BernoulliMixtureEnergy(2, 14).to(DEVICE))
        if isinstance(perturbation, MeanPool):
            perturbation = replace(perturbation, windows=tuple(i // 7 for i in range(14)))
            x[:, :10] = (torch.rand(400, 10, generator=generator) < 0.5).float()
    states = perturbation.contrast(energy, x, 3, 1.0, generator=generator).states
    changed = states != x.unsqueeze(1)
    assert not (changed & ~energy.free(x).unsqueeze(1)).any()
    assert 0 < energy.free(x).any(-1).sum() < len(x)
    assert changed[energy.free(x).any(-1)].any()
    loss = energy_discrepancy(energy, x, perturbation, m=3, generator=generator)
    assert loss.isfinite()


@pytest.mark.parametrize("kind", ["uniform", "ordinal", "cyclic"])
def test_heat_kernels_give_their_matrix(kind):
    two, four = (
        redrawn(k, (1 - exp(-0.05)) / 2) if kind == "uniform" else heat(k, 0.05, ring=kind == "cyclic") for k in (2, 4)
    )
    noise = HeatKernel(kind, 0.05)
    assert torch.allclose(noise.matrix(FOUR_STATES, FOUR), torch.kron(four, two), atol=rounding(1e-12))
    assert torch.allclose(noise.matrix(BITS), torch.kron(torch.kron(two, two), two), atol=rounding(1e-12))
    for states, groups in ((FOUR_STATES, None), (FOUR_STATES[:4], FOUR), (BITS[1:], None)):
        with pytest.raises(InputError, match="whose noise leads to others; for states of groups pass groups"):
            noise.matrix(states, groups)
    assert torch.equal(Informed(noise).matrix(FOUR_STATES, FOUR), noise.matrix(FOUR_STATES, FOUR))
    with pytest.raises(InputError, match="groups: expected a HeatKernel"):
        Informed(Bernoulli(epsilon=0.1)).matrix(FOUR_STATES, FOUR)
    with pytest.raises(InputError, match=r"expected one that defines matrix\(states\), got Perturbation"):
        Perturbation().matrix(BITS)


def check_frozen_groups(perturbation: Perturbation, generator: torch.Generator) -> None:
    """Bits that are known keep their value, and so does a group whose bit that is on is known."""
    spaces = Groups(((0, 3, 1, 4),), bits=5), Groups(((0, 3, 1, 4), (2, 5, 6)), bits=7)
    for groups, known in zip(spaces, ([2], [0, 3, 1, 4]), strict=True):
        if isinstance(perturbation, HeatKernel) and not isinstance(perturbation.kind, str) and groups.bits == 7:
            continue
        energy = BernoulliEnergy(groups.bits).to(DEVICE)
        energy.groups = groups
        mask = torch.zeros(groups.bits, dtype=torch.bool)
        mask[known] = True
        x = groups.uniform(100, torch.zeros(1), generator=generator).to(DEVICE)
        states = perturbation.contrast(Clamped(energy, mask), x, 3, 1.0, generator=generator).states
        assert groups.valid(states).all()
        changed = states != x.unsqueeze(1)
        assert not changed[..., known].any()
        assert changed.any()
        assert energy_discrepancy(Clamped(energy, mask), x, perturbation, m=3, generator=generator).isfinite()


class HalfFree(IsingEnergy):
    """Four frozen bits say which of the other ten may change; sometimes none may."""

    def free(self, x: Tensor) -> Tensor:
        code = (x[..., -4:] @ torch.tensor([1.0, 2.0, 4.0, 8.0])).unsqueeze(-1)
        free = (torch.arange(14) % 4 == code % 4) & (code < 12)
        return free & (torch.arange(14) < 10)


class GraphLike(IsingEnergy):
    """Edges among existing nodes are free."""

    def free(self, x: Tensor) -> Tensor:
        return GraphEnergy(5, width=4, layers=0).to(DEVICE).free(x)


@pytest.mark.thorough
def test_informed_weights_undo_any_proposal(generator):
    """Differences that are wrong make a poor proposal, and still nothing is biased."""

    class Misled(Taylor):
        def __call__(self, x: Tensor):
            evaluation = super().__call__(x)
            return evaluation._replace(delta=evaluation.delta + x)

    spins = torch.randn(3, 3, generator=generator, dtype=FLOAT).triu(1)
    energy = IsingEnergy(spins + spins.T, torch.tensor([0.3, -0.2, 0.1], dtype=FLOAT))
    noise = Bernoulli(epsilon=0.3)
    with torch.no_grad():
        parts = [
            energy_discrepancy(
                energy, BITS.repeat(25, 1), Informed(noise, 0.5, Misled), m=1600, w=0.0, generator=generator
            )
            for _ in range(20)
        ]
    law = torch.full((8,), 1 / 8, dtype=FLOAT)
    wanted = relations.energy_discrepancy(energy(BITS).detach(), law, noise.matrix(BITS))
    mean, error = mean_and_error(parts)
    assert abs(mean - wanted) <= 4.5 * error + 2e-3  # + O(1/M)
    assert wanted.abs() > 0.05


def test_for_independent_bits_the_informed_estimate_is_exact():
    fields = torch.tensor([0.4, -1.2, 0.7], dtype=FLOAT)
    energy = IsingEnergy(torch.zeros(3, 3, dtype=FLOAT), fields)
    noise = Bernoulli(epsilon=0.2)
    contrast = Informed(noise).contrast(energy, BITS, 7, 1.0, generator=seeded(0))
    terms = contrast.log_weight.squeeze(1) - energy(contrast.states)
    assert torch.allclose(
        terms, terms[:, :1].expand_as(terms), atol=rounding(1e-12)
    )  # every term is −U_q(y) + log(1/M)
    potentials = -(noise.matrix(BITS).log() - energy(BITS).unsqueeze(1)).logsumexp(0)
    assert (terms[:, :1] + log(7) + potentials).abs().amin(1).max() < rounding(1e-7)  # ε is held in float32


def test_zero_noise_levels_keep_the_published_estimate_at_w_zero(generator):
    """With w = 0 the data point has no weight of its own."""
    contrast = Bernoulli(epsilon=0.2).contrast(
        IsingEnergy(3).to(DEVICE), torch.zeros(2, 3), 4, 0.0, generator=generator
    )
    assert contrast.log_weight[:, :, 0].tolist() == [[-torch.inf]] * 2
    assert torch.allclose(contrast.log_weight[:, :, 1:].exp().sum(-1), torch.ones(2, 1), atol=rounding(1e-8))


def test_mean_pool_keeps_the_counts_of_every_window_and_mixes_within(generator):
    pool = MeanPool.image(4, 6, size=2)
    x = (torch.rand(2000, 24, generator=generator) < 0.3).float()
    negatives = pool.negatives(x, torch.ones_like(x, dtype=torch.bool), 5, generator=generator)
    windows = torch.nn.functional.one_hot(torch.tensor(pool.windows)).float()
    assert torch.equal(negatives @ windows, (x @ windows).unsqueeze(1).expand(-1, 5, -1))
    assert (negatives != x.unsqueeze(1)).any(0).all()
    with pytest.raises(InputError, match="windows"):
        pool.negatives(x[:, :9], torch.ones(2000, 9, dtype=torch.bool), 1)


def test_a_node_block_holds_all_pairs_among_nodes_that_exist_each_equally_often(generator):
    x = graphs_to_states([nx.path_graph(6)], 9).to(DEVICE).float().expand(20_000, -1)
    free = GraphEnergy(9, width=4, layers=0).to(DEVICE).free(x[:1])[0]
    blocks = NodeBlock(size=4).sample_block(x, free.expand(x.shape), generator=generator)
    assert blocks.shape == (20_000, 6)
    share = blocks.flatten().bincount(minlength=x.shape[1]) / len(x)
    assert (share[~free] == 0).all()
    wanted = 6 / 15  # pairs in a block, of all pairs
    assert ((share[free] - wanted).abs() < 4.5 * (wanted * (1 - wanted) / len(x)) ** 0.5).all()
    pairs = list(zip(*torch.triu_indices(9, 9).tolist(), strict=True))
    for block in blocks[:20].tolist():
        assert len({node for i in block for node in pairs[i]}) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: Block(size=0),
        lambda: Block(size=11),
        lambda: Block(epsilon=0.0),
        lambda: NodeBlock(size=1),
        lambda: NodeBlock(size=6),
        lambda: NodeBlock(epsilon=0.7),
        lambda: MeanPool.image(2, 2, size=0),
        lambda: Informed(Bernoulli(epsilon=0.1), tilt=1.5),
    ],
)
def test_impossible_perturbations_are_refused(make):
    with pytest.raises(InputError, match="expected"):
        make()
