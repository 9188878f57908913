"""The energy that the options of a run ask for, and graphs sampled from it as they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import GRAPH_NETWORKS, Energy, NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.graphs.denoising import denoise_graphs, noise_density
from discrete_ed.graphs.generation import GeneratedGraphs, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.runtime.checkpoints import Checkpoints
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
        network = kind(nodes, **network_sizes(config), noise_levels=config.levels > 0, **more)
    if not config.levels:
        return network
    return NoiseConditionalEnergy(network, config.levels, noise_density(config.noise, graphs))


def new_loss(config: GenerateConfig, generator: torch.Generator) -> Callable[[Energy, Tensor], Tensor]:
    """The loss for `fit`: energy discrepancy of one perturbation, or between neighbouring noise levels."""
    if not config.levels:
        perturbation = graph_perturbation(config.perturbation, config.flips)
        return graph_loss(perturbation, negatives=config.negatives, w=config.w, generator=generator)

    of_levels = noise_level_loss(config.proposals, negatives=config.negatives, generator=generator)
    return cast("Callable[[Energy, Tensor], Tensor]", of_levels)


def sample_as_configured(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    states: Tensor,
    count: int,
    config: GenerateConfig,
    *,
    nodes: Sequence[int] | None = None,
    generator: torch.Generator,
    checkpoints: Checkpoints | None = None,
) -> GeneratedGraphs:
    """Graphs from a trained energy, by chains with the settings of the options; shows a progress bar.

    Args:
        energy: the energy, on the device of the states.
        states: bits of the training graphs, `(G, D)`.
        count: number of graphs.
        config: the options.
        nodes: their numbers of nodes; by default those of the training graphs.
        generator: source of randomness, on the device.
        checkpoints: see `sample_graphs`.
    """
    if isinstance(energy, NoiseConditionalEnergy):
        with counted_progress("sample", "level") as callback:
            return denoise_graphs(
                energy,
                states,
                count,
                candidates=config.candidates,
                steps=config.level_steps,
                last_steps=config.last_steps,
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
