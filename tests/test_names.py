"""Every list of names that the command line offers is that of the registry which gives the names a meaning."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection
from typing import get_args

import networkx as nx
import pytest
import torch

from discrete_ed import (
    Block,
    GraphEnergy,
    InputError,
    IsingEnergy,
    density_energy,
    density_loss,
    graphs_to_states,
    names,
    noise_level_loss,
)
from discrete_ed.density.losses import LOSSES
from discrete_ed.energies import GRAPH_NETWORKS, Energy, NetworkEnergy
from discrete_ed.energies.saving import loadable
from discrete_ed.graphs import graph_perturbation
from discrete_ed.graphs.denoising import noise_density
from discrete_ed.graphs.files.formats import FORMATS
from discrete_ed.graphs.generation import initial_graphs
from discrete_ed.graphs.measures import MEASURES
from discrete_ed.graphs.named_data import DATASETS
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.validity import PROPERTIES
from discrete_ed.ising import ESTIMATORS, EstimatorSettings
from discrete_ed.ising.selection import PENALTIES
from discrete_ed.jobs.cli import run_job
from discrete_ed.lattices import DISORDER, lattice
from discrete_ed.lattices.kinds import KINDS
from discrete_ed.lattices.measuring import Measured, what_to_measure
from discrete_ed.perturbations import PERTURBATIONS
from discrete_ed.samplers import KERNELS
from discrete_ed.tables import parse_types


def accepted(make, offered: Collection[str]) -> list[str]:
    """The names of those offered for which a function has an answer."""
    for name in offered:
        make(name)
    with pytest.raises(InputError, match=", ".join(offered)):
        make("nothing of this name")
    return [*offered]


def start(name: str) -> None:
    """Starts are known to `initial_graphs`."""
    states = graphs_to_states([nx.path_graph(3)])
    initial_graphs(GraphEnergy(3, width=2, layers=1), states, 2, start=name)


REGISTRIES = {  # what the command line offers, and the names that the library knows
    "KernelName": lambda _: ["auto", *KERNELS],
    "EstimatorName": lambda _: ["auto", *ESTIMATORS],
    "PenaltyName": lambda _: [*PENALTIES],
    "MeasureName": lambda _: [*MEASURES],
    "GraphFormatName": lambda _: [*FORMATS],
    "PropertyName": lambda _: [*PROPERTIES],
    "ProtocolName": lambda _: [*PROTOCOLS],
    "EnergyName": lambda offered: accepted(lambda name: density_energy(name, 4, width=2, shape=(2, 2)), offered),
    "NetworkName": lambda offered: accepted(lambda name: NetworkEnergy(4, name, width=2, shape=(2, 2)), offered),
    "LossName": lambda offered: [*LOSSES, *accepted(density_loss, offered)],
    "PerturbationName": lambda _: [*PERTURBATIONS],
    "StartName": lambda offered: accepted(start, offered),
    "NoiseName": lambda offered: accepted(lambda name: noise_density(name, [nx.path_graph(3)]), offered),
    "ProposalName": lambda offered: accepted(noise_level_loss, offered),
    "GraphNetworkName": lambda _: [*GRAPH_NETWORKS],
    "ColumnKindName": lambda offered: accepted(lambda name: parse_types([f"a={name}"]), offered),
    "DisorderName": lambda _: [*DISORDER],
    "LatticeName": lambda _: [*KINDS],
    "UpdateName": lambda offered: accepted(
        lambda name: Measured(IsingEnergy.from_edges([(0, 1)]), 1.0, update=name), offered
    ),
    "ObservableName": lambda offered: accepted(
        lambda name: what_to_measure(IsingEnergy.from_graph(lattice(4)), lattice(4), [name], 2), offered
    ),
}


@pytest.mark.parametrize("kind", [name for name in vars(names) if name.endswith("Name")])
def test_the_command_line_offers_what_the_registry_knows(kind):
    offered = get_args(getattr(names, kind))
    assert len(set(offered)) == len(offered)
    assert set(REGISTRIES[kind](offered)) == set(offered)


def test_every_energy_names_a_kernel_of_the_registry():
    for kind in (Energy, *loadable().values()):
        assert kind.kernel_name in KERNELS


def test_perturbations_are_described_and_those_that_enumerate_are_known():
    assert tuple(names.PERTURBATIONS_IN_WORDS) == get_args(names.PerturbationName)
    sampled = [name for name in PERTURBATIONS if not isinstance(graph_perturbation(name), Block)]
    assert tuple(sampled) == names.SAMPLED_PERTURBATIONS


EXPLAINED = [  # options whose help text says what each name means
    ("estimate", "energy", "EnergyName"),
    ("estimate", "loss", "LossName"),
    ("evaluate", "measures", "MeasureName"),
    ("evaluate", "protocol", "ProtocolName"),
    ("generate", "network", "GraphNetworkName"),
    ("generate", "noise", "NoiseName"),
    ("generate", "perturbation", "PerturbationName"),
    ("generate", "proposals", "ProposalName"),
    ("generate", "protocol", "ProtocolName"),
    ("generate", "start", "StartName"),
    ("recover", "estimator", "EstimatorName"),
    ("recover", "penalty", "PenaltyName"),
    ("sample", "kernel", "KernelName"),
    ("simulate", "disorder", "DisorderName"),
    ("simulate", "measure", "ObservableName"),
    ("simulate", "update", "UpdateName"),
]
LISTED = [  # options that only list their choices: the names are plain words, or explained by another job
    ("evaluate", "format", "GraphFormatName"),
    ("evaluate-tables", "types", "ColumnKindName"),
    ("evaluate", "valid", "PropertyName"),
    ("generate", "valid", "PropertyName"),
    ("ising-tables", "estimator", "EstimatorName"),
    ("ising-tables", "penalty", "PenaltyName"),
    ("simulate", "lattice", "LatticeName"),
]


@pytest.mark.parametrize(("job", "option", "kind"), [*EXPLAINED, *LISTED])
def test_the_help_of_an_option_has_every_name_that_it_offers(job, option, kind, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        run_job(job, ["--help"])
    lines = [line.strip("│╭╰╮╯─ ") for line in capsys.readouterr().out.splitlines()]
    text = re.split(r"(?m)^--", "\n".join(lines))
    (words,) = [part for part in text if part.startswith(f"{option} ")]
    if (job, option, kind) in EXPLAINED:
        words = re.sub(r"\{.*?\}|\(default: .*?\)", "", words)
    for name in get_args(getattr(names, kind)):
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", words), f"--{option} of {job} doesn't mention {name}"


def test_every_list_of_names_is_offered_by_an_option_that_is_tested():
    kinds = {name for name in vars(names) if name.endswith("Name")}
    assert {kind for _, _, kind in (*EXPLAINED, *LISTED)} == kinds - {"NetworkName"}  # its names are among EnergyName
    assert set(get_args(names.NetworkName)) < set(get_args(names.EnergyName))


@pytest.mark.parametrize(("loss", "epsilon"), names.EPSILON.items())
def test_default_noise_is_that_of_a_loss(loss, epsilon):
    energy, x = density_energy("mlp", 4, width=2), torch.ones(3, 4)
    density_loss(loss, epsilon=epsilon)(energy, x)
    assert loss in get_args(names.LossName)


def test_default_noise_of_ising_estimators_is_that_of_an_estimator():
    used = {name: EstimatorSettings().noise(name) for name in get_args(names.EstimatorName)}
    assert {name: epsilon for name, epsilon in used.items() if epsilon is not None} == names.ISING_EPSILON
    assert EstimatorSettings(epsilon=0.3).noise("block") == 0.3
    assert EstimatorSettings(epsilon=0.3).noise("single-site") is None
    assert all(0 < epsilon <= 0.5 for epsilon in (*names.EPSILON.values(), *names.ISING_EPSILON.values()))


def test_small_spaces_can_be_enumerated():
    assert names.SMALL_BITS <= names.ENUMERABLE_BITS


def test_data_sets_that_are_read_from_files_are_data_sets():
    assert set(names.GRAPH_DATA_FROM_FILES) < set(DATASETS)


def test_names_import_nothing_heavy():
    code = "import sys, discrete_ed.names; raise SystemExit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
