"""The sampling of a run of `generate`: settings of the chains, the graphs, and whether the chains arrived."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.level_settings import ChosenSettings
from discrete_ed.graphs.mixing import TwoStarts
from discrete_ed.jobs.generate.chains import choose_as_configured, compare_as_configured, sample_as_configured
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.past_run import CHAIN_SETTINGS
from discrete_ed.jobs.run_folder import RunFolder


@dataclass(frozen=True)
class Sampled:
    """The graphs of a run; for an energy of all noise levels also how their chains were set and checked."""

    generated: GeneratedGraphs
    seconds: dict[str, float]
    """how long each part took, by name"""
    chosen: ChosenSettings | None = None
    starts: TwoStarts | None = None

    def sentences(self) -> list[str]:
        """How the settings of the chains were chosen, and whether the chains arrived, in plain words."""
        chosen = [] if self.chosen is None else [f"{self.chosen.settings.sentence()} {self.chosen.reason()}"]
        return chosen + ([] if self.starts is None else [self.starts.sentence()])

    def to_dict(self) -> dict[str, Any]:
        """What `result.json` says of the chains."""
        chosen = {} if self.chosen is None else {"chain_settings": self.chosen.to_dict()}
        return chosen | ({} if self.starts is None else {"two_starts": self.starts.to_dict()})


def sample_run(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    states: Tensor,
    held_out: Sequence[nx.Graph],
    config: GenerateConfig,
    generator: torch.Generator,
    folder: RunFolder,
) -> Sampled:
    """Sample the graphs of a run; a stopped run continues.

    Args:
        energy: the trained energy.
        states: bits of the training graphs.
        held_out: graphs that the energy was not trained on, which choose the settings of the chains.
        config: the options.
        generator: source of randomness.
        folder: the run folder.
    """
    begun = time.monotonic()
    chosen = None
    if isinstance(energy, NoiseConditionalEnergy):
        chosen = choose_as_configured(energy, states, held_out, config)
        folder.write_json(CHAIN_SETTINGS, chosen.to_dict())
    ready = time.monotonic()
    settings = None if chosen is None else chosen.settings
    checkpoints = folder.checkpoints("sample", {"noise": generator}, every=config.checkpoint_seconds)
    generated = sample_as_configured(
        energy, states, config.samples, config, settings, generator=generator, checkpoints=checkpoints
    )
    sampled = time.monotonic()
    if chosen is None:
        return Sampled(generated, {"sample": sampled - begun})
    assert isinstance(energy, NoiseConditionalEnergy)
    starts = compare_as_configured(energy, states, held_out, generated, config, chosen.settings, generator)
    seconds = {"choose": ready - begun, "sample": sampled - ready, "compare_starts": time.monotonic() - sampled}
    return Sampled(generated, seconds, chosen, starts)
