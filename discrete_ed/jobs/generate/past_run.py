"""A run of `generate` after it ended: its graphs, its energies, and more graphs from them without training again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import torch

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.saving import WEIGHTS, load_energy
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import graphs_to_states
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.io import read_graphs
from discrete_ed.graphs.level_settings import LevelSettings
from discrete_ed.jobs.generate.chains import sample_as_configured, settings_of_options
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.resume import read_config
from discrete_ed.jobs.run_folder import CONFIG
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.files import MANIFEST
from discrete_ed.states import triangle_nodes

CHECKPOINT, SNAPSHOTS = "checkpoint", "snapshots"
"""where a run keeps its energy, and those in the course of training"""
HELD_OUT, CHAIN_SETTINGS = "held-out.g6", "chain_settings.json"
"""the files with the held-out graphs, and with the settings of the chains, of a run with noise levels"""


@dataclass(frozen=True)
class PastRun:
    """A run of `generate`, finished or stopped after it had saved an energy."""

    path: Path
    config: GenerateConfig
    """the options in effect"""

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether the path is a run folder, of whatever job, rather than a saved energy or a graph file."""
        return (path / CONFIG).is_file() and not (path / MANIFEST).exists()

    @classmethod
    def open(cls, path: Path, option: str) -> PastRun:
        """The run in a folder.

        Raises:
            InputError: it is not the folder of a run of `generate`; the message names the option that named it.
        """
        try:
            return cls(path, read_config(GenerateConfig, path, "generate", option))
        except InputError as error:
            energies = [path / name for name in (CHECKPOINT, "model") if (path / name / MANIFEST).exists()]
            hint = f"; its energy is in {energies[0]}" if energies else ""
            raise InputError(f"{error}{hint}") from None

    def graphs(self, part: str) -> list[nx.Graph]:
        """The graphs of one part of the split, `train` or `test`."""
        if not self.file(part).is_file():
            raise InputError(
                f"{self.path}: expected the graphs of the run's split in {part}.g6, got no such file, as in runs of "
                "earlier versions"
            )
        return read_graphs(self.file(part))

    def file(self, part: str) -> Path:
        """The file of one part of the split, `train` or `test`, or of the generated graphs, `samples`."""
        return self.path / f"{part}.g6"

    def snapshots(self) -> dict[int, Path]:
        """The folders of the energies that were kept in the course of training, by training step."""
        found = (self.path / SNAPSHOTS).glob("step-*")
        steps = {int(path.name[5:]): path for path in found if re.fullmatch(r"step-\d+", path.name)}
        return dict(sorted(steps.items()))

    def settings(self) -> LevelSettings | None:
        """How the chains of the run went down the noise levels; None if that is not recorded.

        Raises:
            InputError: a file that does not hold such settings.
        """
        file = self.path / CHAIN_SETTINGS
        if not file.is_file():
            return settings_of_options(self.config)
        try:
            return LevelSettings(
                **{name: int(value) for name, value in json.loads(file.read_bytes())["settings"].items()}
            )
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise InputError(f"{file}: expected the settings of chains, got something else") from None

    def inputs(self, *energies: Path) -> list[Path]:
        """The files that sampling from the energies in these folders reads."""
        settings = [file for file in [self.path / CHAIN_SETTINGS] if file.is_file()]
        weights = [energy / name for energy in energies for name in (MANIFEST, WEIGHTS)]
        return [self.path / CONFIG, self.file("train"), *settings, *weights]

    def sample(
        self,
        energy: Path,
        count: int | None,
        *,
        nodes: Sequence[int] | None = None,
        device: torch.device,
        checkpoints: Checkpoints | None = None,
        generator: torch.Generator,
    ) -> tuple[GeneratedGraphs, float]:
        """Graphs from an energy of the run, by chains with the settings of the run; shows a progress bar.

        Args:
            energy: folder of the energy.
            count: number of graphs; by default as many as the run generated.
            nodes: their numbers of nodes; by default those of the training graphs.
            device: where the chains run.
            checkpoints: see `sample_graphs`.
            generator: source of randomness, on the device.

        Returns:
            The graphs, and the mean energy of the training graphs.
        """
        loaded = load_energy(energy).to(device)
        if not isinstance(loaded, DenseGraphEnergy | NoiseConditionalEnergy):
            raise InputError(f"{energy}: expected an energy of graphs, got {type(loaded).__name__}")
        states = graphs_to_states(self.graphs("train"), triangle_nodes(loaded.bits)).to(device)
        with torch.no_grad():
            training = loaded(states.float()).mean().item()
        generated = sample_as_configured(
            loaded,
            states,
            self.config.samples if count is None else count,
            self.config,
            self.settings(),
            nodes=nodes,
            generator=generator,
            checkpoints=checkpoints,
        )
        return generated, training


def refuse_run(path: Path | None, option: str) -> None:
    """Refuse a run folder where graphs are expected: all its files together would be read as one set of graphs."""
    if path is not None and PastRun.is_at(path):
        raise InputError(
            f"{option}: expected a file or folder of graphs, got the run folder {path}; name one of its files, such as "
            f"{path / 'train.g6'}"
        )
