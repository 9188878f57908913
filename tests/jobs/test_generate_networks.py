"""The network, the noise and the negatives that the job `generate` builds as its options say."""

from __future__ import annotations

import json

import networkx as nx
import pytest
import torch
from small_runs import TINY, refused

from discrete_ed import (
    GraphEnergy,
    InputError,
    NoiseConditionalEnergy,
    PairGraphEnergy,
    graphs_to_states,
    load_energy,
    load_graph_data,
    write_graphs,
)
from discrete_ed.graphs.level_settings import LevelSettings
from discrete_ed.jobs.generate import chains, training
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig

CYCLES = [nx.cycle_graph(n) for n in range(3, 9)]  # 33 edges of 83


@pytest.mark.parametrize(
    ("options", "kind", "width", "layers"),
    [
        ({"levels": 0}, GraphEnergy, 64, 4),
        ({"levels": 0, "width": 8}, GraphEnergy, 8, 4),
        ({"levels": 0, "network": "pairs"}, PairGraphEnergy, 16, 3),
        ({"levels": 0, "network": "pairs", "width": 4, "layers": 0}, PairGraphEnergy, 4, 0),
    ],
)
def test_the_network_has_its_own_default_sizes(options, kind, width, layers):
    energy = chains.new_energy(GenerateConfig(**options), CYCLES)
    assert isinstance(energy, kind)
    assert (energy.max_nodes, energy.width, len(energy.layers)) == (8, width, layers)


def test_pairs_begin_with_features_of_the_whole_graph_and_of_cliques():
    for levels in (0, 3):
        energy = chains.new_energy(GenerateConfig(levels=levels, network="pairs"), CYCLES)
        network = energy.network if levels else energy
        assert network.resistances
        assert network.cliques


@pytest.mark.parametrize(("noise", "density"), [("half", 0.5), ("density", 33 / 83)])
def test_the_noise_has_the_density_that_is_asked_for(noise, density):
    energy = chains.new_energy(GenerateConfig(levels=3, noise=noise), CYCLES)
    assert isinstance(energy, NoiseConditionalEnergy)
    assert energy.noise.density == pytest.approx(density)


@pytest.mark.parametrize("graph", [nx.empty_graph(3), nx.complete_graph(3), nx.empty_graph(1)])
def test_noise_of_no_density_is_refused(graph):
    with pytest.raises(InputError, match=r"noise: expected graphs with some but not all .* use half"):
        chains.new_energy(GenerateConfig(levels=3, noise="density"), [graph])


def test_learned_proposals_need_a_network_of_pairs_which_then_predicts():
    with pytest.raises(InputError, match="proposals: expected --network pairs with learned ones, got --network messag"):
        GenerateConfig(levels=3, proposals="learned")
    for proposals in ("noise", "gradients", "learned"):
        config = GenerateConfig(levels=3, network="pairs", proposals=proposals)
        assert chains.new_energy(config, CYCLES).denoises == (proposals == "learned")


@pytest.mark.parametrize(
    ("options", "proposals", "negatives"),
    [
        ({}, "gradients", 4),
        ({"proposals": "noise"}, "noise", 8),
        ({"negatives": 3}, "gradients", 3),
        ({"levels": 0}, None, 16),
    ],
)
def test_negatives_are_fewer_where_the_energy_proposes_them(options, proposals, negatives):
    config = training.with_defaults(GenerateConfig(**options), load_graph_data("citation-egos"))
    assert (config.proposals, config.negatives) == (proposals, negatives)


def test_held_out_graphs_are_ranked_among_the_same_negatives_whatever_the_training_ranks_them_among():
    states = graphs_to_states(CYCLES)
    energy = chains.new_energy(GenerateConfig(levels=3, width=8, layers=1), CYCLES)
    of_noise, of_gradients = (
        training._held_out_losses(states, GenerateConfig(levels=3, negatives=negatives, proposals=proposals))(energy)
        for proposals, negatives in (("noise", 8), ("gradients", 4))
    )
    assert torch.equal(of_noise, of_gradients)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_a_run_with_pair_features_learned_proposals_and_sparse_noise(tmp_path):
    write_graphs(tmp_path / "mine.g6", CYCLES)
    settings = {name: value for name, value in TINY.items() if name not in ("sampler_steps", "cold")}
    settings |= {
        "levels": 2,
        "candidates": 2,
        "network": "pairs",
        "noise": "density",
        "proposals": "learned",
        "width": 4,
        "layers": 1,
    }
    generate.run(GenerateConfig(data=str(tmp_path / "mine.g6"), out=tmp_path / "run", **settings))
    energy = load_energy(tmp_path / "run" / "checkpoint")
    assert isinstance(energy, NoiseConditionalEnergy)
    assert isinstance(energy.network, PairGraphEnergy)
    assert energy.denoises
    assert 0 < energy.noise.density < 0.5
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (saved["network"], saved["noise"], saved["proposals"]) == ("pairs", "density", "learned")


@pytest.mark.parametrize("option", [["--noise", "density"], ["--proposals", "gradients"]])
def test_options_of_noise_levels_are_refused_without_them(option, tmp_path, capsys):
    message = refused(capsys, "generate", "--levels", 0, *option, "--out", tmp_path / "run")
    assert f"{option[0][2:]}: expected only with --levels of at least 1" in message


def test_settings_of_chains_that_are_not_given_are_for_all_levels():
    learned = GenerateConfig(levels=6, network="pairs", proposals="learned", candidates=3)
    assert chains.settings_of_options(learned) == LevelSettings(6, 3, 0, 300)
    assert chains.settings_of_options(GenerateConfig(levels=6, level_steps=2)) == LevelSettings(6, 0, 2, 60)
    assert chains.settings_of_options(GenerateConfig(levels=6)) is None
