"""The energy that the options of a run ask for, and graphs sampled from it as they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, replace
from typing import Any, cast

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import GRAPH_NETWORKS, Energy, NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.graphs.convert import graphs_to_states
from discrete_ed.graphs.denoising import denoise_graphs, noise_density
from discrete_ed.graphs.generation import GeneratedGraphs, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.graphs.level_settings import ChosenSettings, LevelSettings, choose_settings, ladder
from discrete_ed.graphs.mixing import MOST_COMPARED, TwoStarts, compare_starts
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.states import triangle_nodes
from discrete_ed.training import noise_level_loss

SIZES = {"messages": {"width": 64, "layers": 4}, "pairs": {"width": 16, "layers": 3}}
"""default sizes of each network"""


def network_sizes(config: GenerateConfig) -> dict[str, Any]:
    """The sizes of the network, with the defaults filled in."""
    given = {"width": config.width, "layers": config.layers}
    return SIZES[config.network] | {name: value for name, value in given.items() if value is not None}


def new_energy(config: GenerateConfig, graphs: Sequence[nx.Graph]) -> DenseGraphEnergy | NoiseConditionalEnergy:
    """An untrained energy for training graphs, with initial weights that are the same on every device."""
    kind, nodes = GRAPH_NETWORKS[config.network], max(map(len, graphs))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        more = {"denoiser": True} if config.levels and config.proposals == "learned" else {}
        if config.network == "pairs":
            more |= {"resistances": True, "cliques": True}
        network = kind(nodes, **network_sizes(config), noise_levels=config.levels > 0, **more)
    if not config.levels:
        return network
    return NoiseConditionalEnergy(network, config.levels, noise_density(config.noise, graphs))


def new_loss(config: GenerateConfig, generator: torch.Generator) -> Callable[[Energy, Tensor], Tensor]:
    """The loss for `fit`: energy discrepancy of one perturbation, or between neighbouring noise levels."""
    assert config.negatives is not None, "the default is filled in"
    negatives = config.negatives
    if not config.levels:
        perturbation = graph_perturbation(config.perturbation, config.flips)
        return graph_loss(perturbation, negatives=negatives, w=config.w, generator=generator)

    assert config.proposals is not None, "the default is filled in"
    of_levels = noise_level_loss(config.proposals, negatives=negatives, generator=generator)
    return cast("Callable[[Energy, Tensor], Tensor]", of_levels)


def settings_of_options(config: GenerateConfig) -> LevelSettings | None:
    """The settings of the chains that the options give; None if they are to be chosen on held-out graphs."""
    given = (config.passed_levels, config.candidates, config.level_steps, config.last_steps)
    if all(value is None for value in given):
        return None
    slowest = replace(ladder(config.levels, learned=config.proposals == "learned")[-1], levels=config.levels)
    pairs = zip(given, astuple(slowest), strict=True)
    return LevelSettings(*(usual if value is None else value for value, usual in pairs))


def sample_as_configured(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    states: Tensor,
    count: int,
    config: GenerateConfig,
    settings: LevelSettings | None = None,
    *,
    from_data: bool = False,
    nodes: Sequence[int] | None = None,
    generator: torch.Generator,
    checkpoints: Checkpoints | None = None,
) -> GeneratedGraphs:
    """Graphs from a trained energy, by chains with the settings of the run; shows a progress bar.

    Args:
        energy: the energy, on the device of the states.
        states: bits of the training graphs, `(G, D)`.
        count: number of graphs.
        config: the options.
        settings: how chains go down the noise levels, for an energy that has some.
        from_data: see `denoise_graphs`.
        nodes: their numbers of nodes; by default those of the training graphs.
        generator: source of randomness, on the device.
        checkpoints: see `sample_graphs`.
    """
    if isinstance(energy, NoiseConditionalEnergy):
        with counted_progress("sample from data" if from_data else "sample", "evaluation") as callback:
            return denoise_graphs(
                energy,
                states,
                count,
                **asdict(settings or ladder(energy.noise.count, learned=energy.denoises)[-1]),
                from_data=from_data,
                nodes=nodes,
                chains=config.chains,
                generator=generator,
                callback=callback,
                checkpoints=checkpoints,
            )
    with counted_progress("sample", "step") as callback:
        return sample_graphs(
            energy,
            states,
            count,
            steps=config.sampler_steps,
            start=config.start,
            nodes=nodes,
            cold=config.cold,
            chains=config.chains,
            generator=generator,
            callback=callback,
            checkpoints=checkpoints,
        )


def choose_as_configured(
    energy: NoiseConditionalEnergy, states: Tensor, held_out: Sequence[nx.Graph], config: GenerateConfig
) -> ChosenSettings:
    """The settings of the options, or those that held-out and training graphs choose; shows a progress bar."""
    given = settings_of_options(config)
    if given is not None:
        return ChosenSettings(given, (), len(held_out), 0, None, given=True)
    with counted_progress("choose settings", "evaluation", transient=True) as callback:
        return choose_settings(energy, states, held_out, chains=config.chains, seed=config.seed, callback=callback)


def compare_as_configured(
    energy: NoiseConditionalEnergy,
    states: Tensor,
    held_out: Sequence[nx.Graph],
    generated: GeneratedGraphs,
    config: GenerateConfig,
    settings: LevelSettings,
    generator: torch.Generator,
) -> TwoStarts | None:
    """The graphs of the run beside those of chains that start at blurred training graphs; None for a single level, at
    which blurred graphs are noise."""
    if energy.noise.count < 2:
        return None
    count = min(MOST_COMPARED, len(generated.states))
    other = sample_as_configured(energy, states, count, config, settings, from_data=True, generator=generator)
    real = graphs_to_states(held_out, triangle_nodes(energy.bits)).to(states) if len(held_out) > 1 else states
    return compare_starts(energy, generated.states, other.states, real=real[:MOST_COMPARED], seed=config.seed)
