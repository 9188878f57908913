"""Sampling graphs over noise levels: from random edges to graphs like those of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.energies.noise import check_levels
from discrete_ed.errors import InputError
from discrete_ed.graphs.generation import GeneratedGraphs, evenly, initial_graphs
from discrete_ed.names import NoiseName
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import from_first_, gathered, rank_sum, ranks, share, wait_for_all
from discrete_ed.samplers.levels import chain_over_levels, level_evaluations, levels_passed, start_of_levels


def noise_density(noise: NoiseName, graphs: Iterable[nx.Graph]) -> float:
    """The density π of `NoiseLevels` for graphs.

    Args:
        noise: `half`, a fair coin for each edge that isn't kept, or `density`, the share of the possible edges that
            exist, over all graphs together; then sparse graphs stay sparse at all levels.
        graphs: training graphs.

    Raises:
        InputError: an unknown noise, or for `density` graphs without edges, or all of them complete.

    >>> noise_density("density", [nx.path_graph(3), nx.path_graph(4)])  # 5 edges of 9
    0.5555555555555556
    """
    if noise not in get_args(NoiseName):
        raise InputError(f"noise: expected one of {', '.join(get_args(NoiseName))}, got {noise!r}")
    if noise == "half":
        return 0.5
    sizes = [(graph.number_of_edges(), len(graph) * (len(graph) - 1) // 2) for graph in graphs]
    edges, pairs = (sum(column) for column in zip(*sizes, strict=True))
    if not 0 < edges < pairs:
        raise InputError(
            f"noise: expected graphs with some but not all of the possible edges for density, got {edges} of {pairs}; "
            "use half"
        )
    return float(edges / pairs)


def denoise_graphs(
    energy: NoiseConditionalEnergy,
    training_states: Tensor,
    count: int,
    *,
    levels: int | None = None,
    candidates: int = 8,
    steps: int = 4,
    last_steps: int = 20,
    from_data: bool = False,
    nodes: Sequence[int] | None = None,
    chains: int = 1024,
    generator: torch.Generator | None = None,
    callback: Callable[[int, int], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> GeneratedGraphs:
    """Sample graphs with `sample_levels`: from independent edges down the noise levels of a trained energy.

    The graphs have the numbers of nodes of training graphs; nothing else of the training graphs is used, unless
    `from_data` says so. Inside `processes()` each rank runs its share of the chains, and every rank gets all graphs.

    Args:
        energy: the energy of all levels, on the device of the training states.
        training_states: bits of the training graphs, `(G, D)`.
        count: the number of graphs, one from each chain.
        levels, candidates, steps, last_steps: see `sample_levels`.
        from_data: whether chains start half-way down the levels, at blurred training graphs, instead of at independent
            edges. Chains that reach their law end alike from both starts.
        nodes: see `initial_graphs`; not with `from_data`.
        chains: chains that run side by side; fewer need less memory.
        generator: source of randomness, on the device of the training states.
        callback: called with the number of evaluations of the energy done and their total number, summed over groups of
            chains.
        checkpoints: where to save, and from where to resume if there is a checkpoint. The generator must be one of its
            things. A resumed run loses at most one level of one group of chains, and equals an uninterrupted one, on a
            CPU bit for bit.

    Returns:
        The graphs; mean energies, acceptance and effective shares are those at the end of each level.

    Raises:
        InputError: a setting out of range, see also `initial_graphs`.
        NumericalError: the energy is not finite.

    >>> import networkx as nx
    >>> from discrete_ed import GraphEnergy, graphs_to_states
    >>> states = graphs_to_states([nx.path_graph(3), nx.cycle_graph(4)])
    >>> energy = NoiseConditionalEnergy(GraphEnergy(4, width=8, layers=1, noise_levels=True), count=5)
    >>> found = denoise_graphs(energy, states, count=6)
    >>> sorted(map(len, found.graphs())), len(found.mean_energy)
    ([3, 3, 3, 4, 4, 4], 5)
    """
    check_levels(energy)
    if chains < 1:
        raise InputError(f"chains: expected at least 1, got {chains}")
    passed = levels_passed(energy.noise.count, levels)
    if from_data:
        begin = max(1, energy.noise.count // 2)
        passed = [begin, *(level for level in passed if level < begin)]
        bits = _blurred_graphs(energy, training_states, count, passed[0], nodes, generator)
    else:
        bits = initial_graphs(energy, training_states, count, start="half", nodes=nodes, generator=generator)
    bits = bits[share(count)].clone()
    total = len(passed) - 1
    totals = torch.zeros(total, 3, dtype=torch.float64)  # summed energies, accepted moves, and effective shares
    groups = range(0, -(-count // ranks().size), chains)  # all ranks have as many; the last may hold no chain of a rank
    saved = None if checkpoints is None else checkpoints.restore()
    done = 0 if saved is None else saved.step
    if saved is not None:
        bits, totals = saved.state["bits"].to(bits), saved.state["totals"]
    at_level = level_evaluations(candidates, steps)
    in_group = total * at_level + last_steps
    evaluated = done // total * in_group + done % total * at_level

    def count_evaluations(number: int) -> None:
        nonlocal evaluated
        evaluated += number
        if callback is not None:
            callback(evaluated, len(groups) * in_group)

    for number in range(done // total, len(groups)):
        rows = slice(groups[number], groups[number] + chains)
        begin = max(done - number * total, 0)
        x = bits[rows]
        if begin == 0 and not from_data:
            x = start_of_levels(energy, x, generator=generator)
        chain = chain_over_levels(
            energy,
            x,
            passed[begin:],
            candidates=candidates,
            steps=steps,
            last_steps=last_steps,
            generator=generator,
            callback=count_evaluations,
        )
        for place, state in enumerate(chain, begin):
            bits[rows] = state.x
            traced = torch.tensor([state.mean_energy, state.acceptance, state.effective])
            totals[place] += traced * len(state.x)
            finished = number * total + place + 1
            if checkpoints is not None:
                checkpoints.save(finished, {"bits": bits, "totals": totals})
            wait_for_all()
    bits, totals = gathered(bits, count), torch.from_numpy(rank_sum(totals.numpy()))
    mean_energy, acceptance, effective = map(tuple, (totals / count).T.tolist())
    return GeneratedGraphs(bits, mean_energy, acceptance, effective)


def _blurred_graphs(
    energy: NoiseConditionalEnergy,
    training_states: Tensor,
    count: int,
    level: int,
    nodes: Sequence[int] | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Training graphs, each equally often, up to one, blurred to the level of that number."""
    if nodes is not None:
        raise InputError(
            f"nodes: expected none with from_data, since those of training graphs are used, got {list(nodes)}"
        )
    chosen = evenly(len(training_states), count, generator, training_states.device)
    x = training_states[chosen].float()
    keep = energy.noise.keep(energy.noise.level(torch.full((count,), level, device=x.device)))
    return from_first_(energy.noise.blur(x, energy.free(x), keep, generator=generator))
