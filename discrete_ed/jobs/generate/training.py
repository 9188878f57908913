"""What a run of `generate` trains on, for how long, and how: the defaults, the held-out graphs, and the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import Energy, NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.graphs.convert import graphs_to_states
from discrete_ed.graphs.generation import level_training_steps, training_steps
from discrete_ed.graphs.named_data import GraphData
from discrete_ed.jobs.generate.chains import network_sizes, new_loss
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.past_run import SNAPSHOTS
from discrete_ed.jobs.progress import training_progress
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.losses import noise_level_discrepancy
from discrete_ed.states import triangle_nodes
from discrete_ed.training import (
    FitConfig,
    Record,
    TimeBudget,
    fit,
    shuffled_batches,
    timed_optimizer,
)
from discrete_ed.training.budget import MOST_STEPS
from discrete_ed.training.held_out import HeldOutLoss

CHECKS = 20  # number of times that held-out graphs are looked at in the course of training
STEPS_BETWEEN_CHECKS = 100  # where training ends by time
HELD_OUT_STATES, HELD_OUT_NEGATIVES = 256, 8  # in the held-out loss; its states are the held-out graphs, repeated
FEWEST_TO_HOLD_OUT_FROM = 80


@dataclass(frozen=True)
class Trained:
    """The records of a training, and the course of the loss of held-out graphs."""

    records: list[Record]
    held_out_loss: list[tuple[int, float]]
    """the loss of the held-out graphs with the averaged weights, by step; empty without held-out graphs"""
    step: int
    """the step whose averaged weights were kept"""

    def to_dict(self) -> dict[str, Any]:
        """What `result.json` says of the training."""
        if not self.held_out_loss:
            return {}
        losses = dict(self.held_out_loss)
        return {
            "kept_step": self.step,
            "held_out_loss": losses[self.step],
            "last_held_out_loss": [*losses.values()][-1],
        }

    def sentences(self) -> list[str]:
        """Which weights were kept, and why, in plain words."""
        if not self.held_out_loss:
            return []
        losses = dict(self.held_out_loss)
        last = len(self.records)
        if self.step == last:
            return [
                f"The weights of the last step, {last:,}, are kept: their held-out loss is not clearly above the least."
            ]
        return [
            f"The weights of step {self.step:,} of {last:,} are kept, since the held-out loss rose clearly afterwards, "
            f"from {losses[self.step]:.3f} to {losses[last]:.3f}: later weights know the training graphs by heart."
        ]


def with_defaults(config: GenerateConfig, data: GraphData) -> GenerateConfig:
    """The options with everything filled in that follows from the data and the other options."""
    levels = config.levels > 0
    pairs = fmean(len(graph) * (len(graph) - 1) / 2 for graph in data.train)
    steps = level_training_steps(pairs) if levels else training_steps(len(data.train))
    proposals = config.proposals or "gradients"
    given: dict[str, Any] = {
        "steps": None if config.minutes else (config.steps or steps),
        "learning_rate": config.learning_rate or (2e-3 if levels else 1e-3),
        "batch": config.batch or (32 if levels else 64),
        "negatives": config.negatives or ((8 if proposals == "noise" else 4) if levels else 16),
        "valid": config.valid or data.valid,
        **network_sizes(config),
    }
    if levels:
        given["proposals"] = proposals
    if levels and not data.validation:
        given["held_out"] = default_held_out(len(data.train)) if config.held_out is None else config.held_out
    return replace(config, **given)


def default_held_out(graphs: int) -> int:
    """How many of the training graphs are held out by default: a tenth, from 16 to 100, of at least 80.

    >>> [default_held_out(graphs) for graphs in (5, 80, 705, 5000)]
    [0, 16, 70, 100]
    """
    return min(max(16, graphs // 10), 100) if graphs >= FEWEST_TO_HOLD_OUT_FROM else 0


def split_held_out(data: GraphData, config: GenerateConfig) -> tuple[list[nx.Graph], list[nx.Graph]]:
    """The graphs that are trained on, and those that are held out, which a seed of the split determines.

    Validation graphs that have more nodes than every training graph are left out: the energy has no bits for them.
    """
    if config.levels == 0:
        return data.train, []
    if data.validation:
        most = max(map(len, data.train))
        return data.train, [graph for graph in data.validation if len(graph) <= most]
    generator = torch.Generator().manual_seed(config.split_seed)
    order = torch.randperm(len(data.train), generator=generator).tolist()
    held = set(order[: config.held_out])
    return [graph for k, graph in enumerate(data.train) if k not in held], [data.train[k] for k in sorted(held)]


def train(
    energy: DenseGraphEnergy | NoiseConditionalEnergy,
    graphs: Sequence[nx.Graph],
    held_out: Sequence[nx.Graph],
    config: GenerateConfig,
    generator: torch.Generator,
    folder: RunFolder,
) -> Trained:
    """Fit the energy by energy discrepancy, with a progress bar; with held-out graphs, keep the weights that fit them
    best."""
    nodes = triangle_nodes(energy.bits)
    states = graphs_to_states(graphs, nodes).to(generator.device)
    assert config.learning_rate is not None, "the default is filled in"
    assert config.batch is not None, "the default is filled in"
    things: dict[str, Any] = {"noise": generator}
    settings: dict[str, Any] = {}
    fit_config = FitConfig(steps=config.steps or MOST_STEPS, learning_rate=config.learning_rate)
    watch, budget = None, None
    if held_out:
        losses = _held_out_losses(graphs_to_states(held_out, nodes).to(states), config)
        every = max(1, config.steps // CHECKS) if config.steps else STEPS_BETWEEN_CHECKS
        things["held_out"] = watch = HeldOutLoss(losses, every=every)
    if config.minutes is not None:
        things["budget"] = budget = TimeBudget(60 * config.minutes)
        optimizer, scheduler = timed_optimizer(energy.parameters(), fit_config, budget)
        settings = {"optimizer": optimizer, "scheduler": scheduler}

    def stop() -> bool:
        return (budget is not None and budget.spent()) or (watch is not None and watch.stop())

    with training_progress(folder, config.steps) as callback:
        records = fit(
            energy,
            new_loss(config, generator),
            shuffled_batches(states, config.batch, generator=torch.Generator().manual_seed(config.seed)),
            fit_config,
            stop=stop,
            callback=callback,
            snapshot=_each(_snapshots(config, folder), watch),
            checkpoints=folder.checkpoints("train", things, every=config.checkpoint_seconds),
            **settings,
        )
    if watch is None:
        return Trained(records, [], len(records))
    if not watch.course or watch.course[-1][0] != len(records):
        watch.look(len(records), energy)
    return Trained(records, watch.course, watch.choose(energy))


def _each(*callbacks: Callable[[int, Energy], None] | None) -> Callable[[int, Energy], None]:
    def call(step: int, energy: Energy) -> None:
        for callback in callbacks:
            if callback is not None:
                callback(step, energy)

    return call


def _held_out_losses(states: Tensor, config: GenerateConfig) -> Callable[[Energy], Tensor]:
    """The loss of every held-out graph, always with the same noise and the same negatives.

    Negatives of the noise alone rank a state whatever the weights are, so that losses of two moments can be compared.
    Those that the weights propose, which training may use, become harder to tell from data as the energy is learned,
    and their loss then rises.
    """
    copies = -(-HELD_OUT_STATES // len(states))
    rows = states.float().repeat(copies, 1)

    def losses(energy: Energy) -> Tensor:
        assert isinstance(energy, NoiseConditionalEnergy)
        noise = torch.Generator(rows.device).manual_seed(config.seed)
        terms = noise_level_discrepancy(energy, rows, m=HELD_OUT_NEGATIVES, average=False, generator=noise)
        return terms.view(copies, -1).mean(0)

    return losses


def _snapshots(config: GenerateConfig, folder: RunFolder) -> Callable[[int, Energy], None]:
    """A callback that keeps some of the energies in the course of training."""
    steps = config.steps or 0
    kept = {steps * k // config.snapshots for k in range(1, config.snapshots + 1)}

    def snapshot(step: int, averaged: Energy) -> None:
        if step in kept:
            folder.save_energy(f"{SNAPSHOTS}/step-{step}", averaged)

    return snapshot
