"""The energy that the options of a run ask for, and graphs sampled from it as they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import Energy, GraphEnergy, NoiseConditionalEnergy
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.graphs.generation import GeneratedGraphs, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.graphs.level_settings import ChosenSettings, LevelSettings, choose_settings, ladder
from discrete_ed.graphs.mixing import MOST_COMPARED, TwoStarts, compare_starts
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
    assert config.negatives is not None, "the default is filled in"
    negatives = config.negatives
    if not config.levels:
        perturbation = graph_perturbation(config.perturbation, config.flips)
        return graph_loss(perturbation, negatives=negatives, w=config.w, generator=generator)

    def loss(energy: Energy, x: Tensor) -> Tensor:
        assert isinstance(energy, NoiseConditionalEnergy)
        return noise_level_discrepancy(energy, x, m=negatives, generator=generator)

    return loss


def settings_of_options(config: GenerateConfig) -> LevelSettings | None:
    """The settings of the chains that the options give; None if they are to be chosen on held-out graphs."""
    given = (config.passed_levels, config.candidates, config.level_steps, config.last_steps)
    if all(value is None for value in given):
        return None
    slowest = astuple(ladder(config.levels)[-1])
    return LevelSettings(*(usual if value is None else value for value, usual in zip(given, slowest, strict=True)))


def sample_as_configured(
    energy: GraphEnergy | NoiseConditionalEnergy,
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
        with counted_progress("sample from data" if from_data else "sample", "level") as callback:
            return denoise_graphs(
                energy,
                states,
                count,
                **asdict(settings or ladder(energy.noise.count)[-1]),
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
    """The settings of the options, or those that held-out graphs choose; shows a progress bar."""
    given = settings_of_options(config)
    if given is not None:
        return ChosenSettings(given, (), len(held_out), None, given=True)
    with counted_progress("choose settings", "level", transient=True) as callback:
        return choose_settings(energy, states, held_out, chains=config.chains, seed=config.seed, callback=callback)


def compare_as_configured(
    energy: NoiseConditionalEnergy,
    states: Tensor,
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
    return compare_starts(energy, generated.states, other.states, seed=config.seed)
