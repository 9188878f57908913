"""Learning an energy over graphs and sampling new graphs from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, get_args

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.energies.local import Taylor
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import states_to_graphs
from discrete_ed.losses import energy_discrepancy
from discrete_ed.names import PerturbationName, StartName
from discrete_ed.perturbations import PERTURBATIONS, Perturbation
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import from_first_, gathered, rank_sum, ranks, share, wait_for_all
from discrete_ed.samplers import GibbsWithGradients, State, sample
from discrete_ed.states import triangle_nodes

SEGMENT = 100  # number of steps of a chain between two checkpoints
STAGES = (0.25, 0.5, 0.75, 1.0, 0.0, 0.0)
"""the inverse temperature in each sixth of a chain, as a fraction of the way from 1 to `cold`; the last third is at
1"""


def training_steps(graphs: int) -> int:
    """The default number of training steps: 6 for each training graph, at most 2000.

    With more steps a small set would be memorised.

    >>> training_steps(80), training_steps(5000)
    (480, 2000)
    """
    return min(6 * graphs, 2000)


def level_training_steps(pairs: float) -> int:
    """The default number of training steps of an energy of all noise levels, `1600 (P / 20)^(2/3)`, from 500 to 10,000.

    Args:
        pairs: P, the mean number of pairs of nodes, the bits that change.

    >>> level_training_steps(20), level_training_steps(120), level_training_steps(2016)
    (1600, 5283, 10000)
    """
    return min(max(round(1600 * (pairs / 20) ** (2 / 3)), 500), 10_000)


def graph_perturbation(name: PerturbationName, flips: tuple[float, float] = (1.0, 6.0)) -> Perturbation:
    """The perturbation of that name, with settings that suit graphs.

    Args:
        name: a name in `discrete_ed.perturbations.PERTURBATIONS`; `discrete_ed.names.PERTURBATIONS_IN_WORDS` says what
            each does.
        flips: range of the expected number of flipped edges, for perturbations whose negatives are sampled.

    Raises:
        InputError: there is no such perturbation, or a range that is not positive and increasing.

    >>> graph_perturbation("node-block")
    NodeBlock(size=4, epsilon=0.5)
    """
    if name not in PERTURBATIONS:
        raise InputError(f"perturbation: expected one of {', '.join(PERTURBATIONS)}, got {name!r}")
    return PERTURBATIONS[name](flips)


def graph_loss(
    perturbation: Perturbation, *, negatives: int = 16, w: float = 1.0, generator: torch.Generator | None = None
) -> Callable[[Energy, Tensor], Tensor]:
    """Energy discrepancy as a loss for `fit`: a function of an energy and a batch of states.

    Args:
        perturbation: the perturbation that turns training graphs into negatives, see `graph_perturbation`.
        negatives: the number `M` of negatives of each training graph; blocks enumerate theirs and ignore it.
        w: stabilisation of the loss; blocks ignore it.
        generator: source of the perturbation's noise.

    >>> from discrete_ed import GraphEnergy, graphs_to_states
    >>> loss = graph_loss(graph_perturbation("block"))
    >>> loss(GraphEnergy(4, width=8, layers=1), graphs_to_states([nx.path_graph(3)], 4).float()).shape
    torch.Size([])
    """

    def loss(energy: Energy, x: Tensor) -> Tensor:
        return energy_discrepancy(energy, x, perturbation, m=negatives, w=w, generator=generator)

    return loss


@dataclass(frozen=True, eq=False)
class GeneratedGraphs:
    """Sampled graphs, with a trace of the chains that sampled them.

    >>> generated = GeneratedGraphs(torch.tensor([[1, 1, 1]]), mean_energy=(), acceptance=())
    >>> generated.graphs()[0].edges
    EdgeView([(0, 1)])
    """

    states: Tensor
    """the bits of the graphs, `(count, D)`"""
    mean_energy: tuple[float, ...]
    """the mean energy of all chains after each step"""
    acceptance: tuple[float, ...]
    """the share of the chains that moved in each step"""
    effective: tuple[float, ...] = ()
    """for chains over noise levels, `LevelState.effective` of each level"""

    def graphs(self) -> list[nx.Graph]:
        """The graphs as networkx graphs."""
        return states_to_graphs(self.states)


def initial_graphs(
    energy: Energy,
    training_states: Tensor,
    count: int,
    *,
    start: StartName = "density",
    nodes: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random graphs for chains to start from, `(count, D)`, with the numbers of nodes of training graphs.

    Every training graph determines the number of nodes of equally many random graphs, up to one.

    Args:
        energy: the energy, which determines the free bits.
        training_states: bits of the training graphs, `(G, D)`.
        count: the number of graphs.
        start: `density`, where each edge exists with the density of the training graph that gave the number of nodes,
            or `half`, where it exists with probability ½.
        nodes: other numbers of nodes, each for equally many graphs, up to one, in turn. The density is then that of a
            training graph whose number of nodes is nearest.
        generator: source of randomness.

    Raises:
        InputError: a count below 1, an unknown `start`, training states of another shape, or a number of nodes that is
            not from 1 to the largest that states of this shape can have.
    """
    if count < 1:
        raise InputError(f"count: expected at least one graph, got {count}")
    if start not in get_args(StartName):
        raise InputError(f"start: expected one of {', '.join(get_args(StartName))}, got {start!r}")
    if training_states.ndim != 2 or not len(training_states):
        raise InputError(f"training_states: expected bits of shape (G, D), got {tuple(training_states.shape)}")
    device = training_states.device
    if nodes is None:
        templates = training_states[evenly(len(training_states), count, generator, device)].float()
        free = energy.free(templates)
        density = _density(templates, free)
    else:
        templates, models = _of_sizes(nodes, training_states, count, generator)
        free, density = energy.free(templates), _density(models, energy.free(models))
    probability = torch.full_like(density, 0.5) if start == "half" else density
    edges = torch.rand(templates.shape, generator=generator, device=device) < probability
    return from_first_(torch.where(free, edges.float(), templates))


def evenly(things: int, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Numbers of `count` things in random order, among which each thing is equally often, up to one."""
    rounds = -(-count // things)
    return torch.cat([torch.randperm(things, generator=generator, device=device) for _ in range(rounds)])[:count]


def _density(graphs: Tensor, free: Tensor) -> Tensor:
    """The share of the free bits that are on, `(G, 1)`."""
    return (graphs * free).sum(-1, keepdim=True) / free.sum(-1, keepdim=True).clamp(min=1)


def _of_sizes(
    nodes: Sequence[int], training_states: Tensor, count: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Graphs without edges with these numbers of nodes in turn, and for each a training graph of nearly that size."""
    most = triangle_nodes(training_states.shape[-1])
    if not nodes or min(nodes) < 1 or max(nodes) > most:
        raise InputError(f"nodes: expected numbers from 1 to {most}, which the energy allows, got {list(nodes)}")
    device = training_states.device
    wanted = torch.tensor(nodes, device=device)[torch.arange(count, device=device) % len(nodes)]
    rows, columns = torch.triu_indices(most, most, device=device)
    templates = ((rows == columns) & (columns < wanted[:, None])).float()
    sizes = training_states[:, rows == columns].sum(-1, dtype=torch.int64)
    chosen = torch.empty_like(wanted)
    for size in wanted.unique():
        distance = (sizes - size).abs()
        (nearest,) = torch.where(distance == distance.min())
        places = wanted == size
        chosen[places] = nearest[evenly(len(nearest), int(places.sum()), generator, device)]
    return templates, training_states[chosen].float()


def sample_graphs(
    energy: Energy,
    training_states: Tensor,
    count: int,
    *,
    steps: int = 600,
    start: StartName = "density",
    nodes: Sequence[int] | None = None,
    cold: float = 1.0,
    chains: int = 1024,
    generator: torch.Generator | None = None,
    callback: Callable[[int, int], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> GeneratedGraphs:
    """Sample graphs with Gibbs-with-gradients from `initial_graphs`.

    The inverse temperature rises in `STAGES` from 1 to `cold` over two thirds of the steps and is 1 in the last third.
    Inside `processes()` each rank runs its share of the chains, and every rank gets all graphs.

    Args:
        energy: a trained energy over graphs, on the device of the training states.
        training_states: bits of the training graphs, `(G, D)`.
        count: the number of graphs, one from each chain.
        steps: steps of every chain.
        start, nodes: see `initial_graphs`.
        cold: inverse temperature to which the chains are cooled. Values above 1 help the chains to find structure, such
            as communities; the graphs are then not exact samples of the energy.
        chains: chains that run side by side; fewer need less memory.
        generator: source of randomness, on the device of the training states.
        callback: called with the number of steps done and the total number of steps, summed over groups of chains.
        checkpoints: where to save, and from where to resume if there is a checkpoint. The generator must be one of its
            things. A resumed run loses at most the last 100 steps of one group of chains, and equals an
            uninterrupted one, on a CPU bit for bit.

    Raises:
        InputError: a setting out of range, see also `initial_graphs`.
        NumericalError: the energy is not finite.

    >>> from discrete_ed import GraphEnergy, graphs_to_states
    >>> states = graphs_to_states([nx.path_graph(3), nx.cycle_graph(4)])
    >>> found = sample_graphs(GraphEnergy(4, width=8, layers=1), states, count=6, steps=12)
    >>> sorted(map(len, found.graphs())), len(found.mean_energy)
    ([3, 3, 3, 4, 4, 4], 12)
    """
    _check_settings(steps, cold, chains)
    initial = initial_graphs(energy, training_states, count, start=start, nodes=nodes, generator=generator)
    bits = initial[share(count)].clone()  # overwritten group by group, segment by segment
    totals = torch.zeros(steps, 2, dtype=torch.float64)  # summed energies, and numbers of accepted moves
    segments = _segments(-(-count // ranks().size), steps, cold, chains)
    saved = None if checkpoints is None else checkpoints.restore()
    done = 0 if saved is None else saved.step
    if saved is not None:
        bits, totals = saved.state["bits"].to(bits), saved.state["totals"]
    made, total = 0, sum(segment.steps for segment in segments)
    for number, segment in enumerate(segments, 1):
        if number > done:
            trace = totals[segment.begin : segment.end].to(bits.device, copy=True)
            record = _recorder(trace, segment.beta, made, total, callback)
            rows = slice(segment.first, segment.first + chains)
            if len(bits[rows]):
                local = Taylor(energy, segment.beta)
                bits[rows] = sample(
                    GibbsWithGradients(), local, bits[rows], segment.steps, generator=generator, callback=record
                )
            totals[segment.begin : segment.end] = trace.cpu()
            if checkpoints is not None:
                checkpoints.save(number, {"bits": bits, "totals": totals})
            wait_for_all()
        made += segment.steps
        if callback is not None:
            callback(made, total)
    bits, totals = gathered(bits, count), torch.from_numpy(rank_sum(totals.numpy()))
    mean_energy, acceptance = (totals / count).T.tolist()
    return GeneratedGraphs(bits, tuple(mean_energy), tuple(acceptance))


class _Segment(NamedTuple):
    """A number of steps of one group of chains at one inverse temperature."""

    first: int
    """the first chain of the group"""
    begin: int
    end: int
    """the number after the last step"""
    beta: float
    """inverse temperature"""

    @property
    def steps(self) -> int:
        return self.end - self.begin


def _segments(count: int, steps: int, cold: float, chains: int) -> list[_Segment]:
    """The segments of one rank, in order. All ranks have as many segments; the last may contain no chains of a rank."""
    ends = [steps * k // len(STAGES) for k in range(len(STAGES) + 1)]
    return [
        _Segment(first, step, min(step + SEGMENT, end), 1 + (cold - 1) * rise)
        for first in range(0, count, chains)
        for (begin, end), rise in zip(pairwise(ends), STAGES, strict=True)
        for step in range(begin, end, SEGMENT)
    ]


def _recorder(
    trace: Tensor, beta: float, steps_done: int, total: int, callback: Callable[[int, int], None] | None
) -> Callable[[int, State], None]:
    """The callback of `sample`: after each step it adds to the trace and reports progress."""

    def record(step: int, state: State) -> None:
        trace[step - 1] += torch.stack([state.energy.sum() / beta, state.accepted.sum()])
        if callback is not None:
            callback(steps_done + step, total)

    return record


def _check_settings(steps: int, cold: float, chains: int) -> None:
    if steps < 0:
        raise InputError(f"steps: expected at least 0, got {steps}")
    if not 0 < cold < float("inf"):
        raise InputError(f"cold: expected a positive number, got {cold}")
    if chains < 1:
        raise InputError(f"chains: expected at least 1, got {chains}")
