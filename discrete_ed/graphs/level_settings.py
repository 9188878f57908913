"""How chains go down the noise levels: settings chosen on training graphs and on graphs held out of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import graphs_to_states, states_to_graphs
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.graphs.mixing import MOST_COMPARED, compare_states, energies_of
from discrete_ed.runtime.distributed import rank_seed
from discrete_ed.states import triangle_nodes

FORWARD = 0.4  # the time of an energy, in units of the time of an energy with its differences
LEVEL = 0.05  # p-values below it tell two sets of graphs apart
BROKEN = 0.02
"""by how much the share of connected graphs may lie below that of the training graphs"""
TRIAL_GRAPHS = 256
"""the number of graphs that are sampled to judge a setting"""


@dataclass(frozen=True)
class LevelSettings:
    """How a chain goes down the noise levels: the arguments of `denoise_graphs` of the same names.

    >>> LevelSettings(levels=10, candidates=0, steps=4, last_steps=20).evaluations()
    80.0
    """

    levels: int
    """the number of levels that are passed"""
    candidates: int
    """J, the number of proposals of independent bits at each level; 0 for one without weights"""
    steps: int
    """Gibbs-with-gradients steps at each level"""
    last_steps: int
    """Gibbs-with-gradients steps at the end"""

    def sentence(self) -> str:
        """The settings in plain words."""
        proposals = f"{self.candidates} weighted proposals" if self.candidates else "a proposal without weights"
        levels = f"{self.levels} noise level{'s' if self.levels > 1 else ''}"
        steps = f"{self.steps} step{'' if self.steps == 1 else 's'}"
        return f"Chains pass {levels}, with {proposals} and {steps} at each, and {self.last_steps} steps at the end."

    def evaluations(self) -> float:
        """About how many evaluations of the energy with its differences each chain needs."""
        product = self.candidates * FORWARD + 2
        return self.levels * (product + self.steps) + self.last_steps


def ladder(count: int, *, learned: bool = False) -> list[LevelSettings]:
    """The settings that are tried, from the quickest to the slowest.

    Args:
        count: T, the number of trained levels.
        learned: whether the network predicts the data: its proposals need weights, and steps at the end only.

    >>> [settings.evaluations() for settings in ladder(40)]
    [50.0, 90.0, 120.0, 300.0]
    >>> [round(settings.evaluations()) for settings in ladder(40, learned=True)]
    [52, 112, 204, 508]
    """
    quarter, half = max(1, count // 4), max(1, count // 2)
    if learned:
        ends = ((quarter, 0), (quarter, 60), (half, 100), (count, 300))
        return [LevelSettings(levels, candidates=8, steps=0, last_steps=last) for levels, last in ends]
    numbers = ((quarter, 1, 20), (quarter, 1, 60), (half, 1, 60), (count, 4, 60))
    return list(dict.fromkeys(LevelSettings(levels, 0, steps, last) for levels, steps, last in numbers))


@dataclass(frozen=True)
class TriedSettings:
    """Settings of the chains, and how their graphs compare with real ones: held-out and training graphs together."""

    settings: LevelSettings
    mmd2: float
    """how far the graphs are from real ones, see `GraphDifference`"""
    p_value: float
    """whether they can be told from them, see `GraphDifference`"""
    energy: float
    """the mean energy of the graphs"""
    connected: float
    """the share of connected graphs"""
    connected_training: float
    """the share of connected graphs among the training graphs"""

    @property
    def passes(self) -> bool:
        """Whether the graphs could be of the law of the real ones, and are as connected as training graphs."""
        return self.p_value >= LEVEL and self.connected >= self.connected_training - BROKEN

    def to_dict(self) -> dict[str, Any]:
        """The trial as values that JSON can hold."""
        return {**asdict(self.settings), **{name: value for name, value in asdict(self).items() if name != "settings"}}


@dataclass(frozen=True)
class ChosenSettings:
    """The settings that were chosen, and what they were chosen from."""

    settings: LevelSettings
    trials: tuple[TriedSettings, ...]
    """those that were tried, in their order; none if there were no held-out graphs"""
    held_out: int
    """the number of held-out graphs"""
    training: int
    """the number of training graphs with which they were compared together with the held-out ones"""
    energy: float | None
    """their mean energy, if settings were tried"""
    given: bool = False
    """whether the user gave the settings"""

    def reason(self) -> str:
        """Why these settings were chosen, in a sentence."""
        if self.given:
            return "These settings were given."
        if not self.trials:
            return (
                "These are the slowest of the settings that are usually tried, since no graphs were held out to choose "
                "by."
            )
        last = self.trials[-1]
        if last.passes:
            return (
                f"These are the quickest settings tried whose graphs could not be told from the {self._real()} "
                f"(p = {last.p_value:.2g}) and are as often connected as training graphs ({last.connected:.1%}, "
                f"training graphs {last.connected_training:.1%})."
            )
        return (
            f"The graphs of all settings could be told from the {self._real()} (p < {LEVEL}) or are less often "
            f"connected than training graphs, by more than {BROKEN:.0%}; these settings have the least MMD² from them."
        )

    def _real(self) -> str:
        return f"{self.held_out} held-out and {self.training} training graphs"

    def to_dict(self) -> dict[str, Any]:
        """The choice as values that JSON can hold."""
        return {
            "settings": asdict(self.settings),
            "reason": self.reason(),
            "held_out_graphs": self.held_out,
            "training_graphs": self.training,
            "held_out_energy": self.energy,
            "trials": [trial.to_dict() for trial in self.trials],
        }


def connected_share(states: Tensor) -> float:
    """The share of connected graphs among bits of graphs, `(G, D)`; a graph without nodes is not connected."""
    graphs = states_to_graphs(states)
    return sum(len(graph) > 0 and nx.is_connected(graph) for graph in graphs) / len(graphs)


def choose_settings(
    energy: NoiseConditionalEnergy,
    training_states: Tensor,
    held_out: Sequence[nx.Graph],
    *,
    tried: Sequence[LevelSettings] | None = None,
    graphs: int = TRIAL_GRAPHS,
    chains: int = 1024,
    seed: int = 0,
    callback: Callable[[int, int], None] | None = None,
) -> ChosenSettings:
    """The quickest settings whose graphs can't be told from real ones.

    The real ones are all held-out graphs, and training graphs chosen at random. Held-out graphs alone are too few to
    notice chains that stop early; training graphs notice it as well, since only the energy can learn them by heart, not
    the settings of its chains. The settings are tried in their order, until the graphs pass the permutation test of
    `compare_states` at the 5% level and are as often connected as the training graphs, see `TriedSettings.passes`. If
    none passes, those with the least MMD² are chosen. Test graphs have no say.

    Args:
        energy: a trained energy, on the device of the states.
        training_states: bits of the training graphs, `(G, D)`, which give the numbers of nodes and the share of
            connected graphs; at most `MOST_COMPARED` of them are compared.
        held_out: graphs that the energy was not trained on; with fewer than two, the last settings are chosen.
        tried: the settings, from the quickest to the slowest; by default `ladder`.
        graphs: the number of graphs that are sampled for each.
        chains: chains that run side by side.
        seed: seed of the graphs and of the permutations.
        callback: called with the number of evaluations of the energy done and their total number, for each of the
            settings.

    Raises:
        InputError: no settings to try.

    >>> from discrete_ed import GraphEnergy
    >>> energy = NoiseConditionalEnergy(GraphEnergy(4, width=8, layers=1, noise_levels=True), count=4)
    >>> paths = [nx.path_graph(3), nx.path_graph(4)]
    >>> chosen = choose_settings(energy, graphs_to_states(paths), paths, graphs=8)
    >>> chosen.settings in ladder(4), 1 <= len(chosen.trials) <= 4
    (True, True)
    """
    tried = ladder(energy.noise.count, learned=energy.denoises) if tried is None else tried
    if not tried:
        raise InputError("tried: expected at least one of the settings, got none")
    if len(held_out) < 2:
        return ChosenSettings(tried[-1], (), len(held_out), 0, None)
    device = training_states.device
    kept = graphs_to_states(held_out, triangle_nodes(energy.bits)).to(device)
    order = torch.randperm(len(training_states), generator=torch.Generator().manual_seed(seed))[:MOST_COMPARED]
    real = torch.cat([kept, training_states[order.to(device)].to(kept.dtype)])
    of_training = connected_share(training_states)
    trials: list[TriedSettings] = []
    for settings in tried:
        generated = denoise_graphs(
            energy,
            training_states,
            graphs,
            **asdict(settings),
            chains=chains,
            generator=torch.Generator(device).manual_seed(rank_seed(seed)),
            callback=callback,
        )
        found = compare_states(energy, real, generated.states, seed=seed)
        mean_energy = energies_of(energy, generated.states).mean().item()
        trials.append(TriedSettings(settings, *found, mean_energy, connected_share(generated.states), of_training))
        if trials[-1].passes:
            break
    best = trials[-1] if trials[-1].passes else min(trials, key=lambda trial: trial.mmd2)
    mean_energy = energies_of(energy, kept).mean().item()
    return ChosenSettings(best.settings, tuple(trials), len(held_out), len(order), mean_energy)
