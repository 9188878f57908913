"""The energy that the options of a run ask for, and graphs sampled from it as they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from discrete_ed.energies import Energy, GraphEnergy, NoiseConditionalEnergy
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.graphs.generation import GeneratedGraphs, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.losses import noise_level_discrepancy
from discrete_ed.runtime.checkpoints import Checkpoints


def new_energy(config: GenerateConfig, max_nodes: int) -> GraphEnergy | NoiseConditionalEnergy:
    """An untrained energy, with initial weights that are the same on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        network = GraphEnergy(max_nodes, width=config.width, layers=config.layers, noise_levels=config.levels > 0)
    return NoiseConditionalEnergy(network, config.levels) if config.levels else network


def new_loss(config: GenerateConfig, generator: torch.Generator) -> Callable[[Energy, Tensor], Tensor]:
    """The loss for `fit`: energy discrepancy of one perturbation, or between neighbouring noise levels."""
    if not config.levels:
        perturbation = graph_perturbation(config.perturbation, config.flips)
        return graph_loss(perturbation, negatives=config.negatives, w=config.w, generator=generator)

    def loss(energy: Energy, x: Tensor) -> Tensor:
        assert isinstance(energy, NoiseConditionalEnergy)
        return noise_level_discrepancy(energy, x, m=config.negatives, generator=generator)

    return loss


def sample_as_configured(
    energy: GraphEnergy | NoiseConditionalEnergy,
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
