"""Samplers of other packages for the benchmark; each package is imported only when it is used."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

Run = Callable[[int], int | None]
"""repeats its work for a number of times; returns the actual number if that differs"""
Bonds = tuple[np.ndarray, np.ndarray]
"""the pairs of spins that are coupled"""

MODULES = {
    "thrml": "thrml",
    "dwave-samplers": "dwave.samplers",
    "ebmkit": "ebm",
    "mcising": "mcising",
    "peapods": "peapods",
}


def has(name: str) -> bool:
    """Whether a peer is installed."""
    try:
        return importlib.util.find_spec(MODULES[name]) is not None
    except ModuleNotFoundError:
        return False


def thrml_sweeps(spins: int, bonds: Bonds, classes: Sequence[Sequence[int]], coupling: float, chains: int) -> Run:
    """Block Gibbs sweeps by thrml, compiled by JAX."""
    import jax
    import jax.numpy as jnp
    from thrml import Block, SamplingSchedule, SpinNode, sample_states
    from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

    nodes = [SpinNode() for _ in range(spins)]
    edges = [(nodes[i], nodes[j]) for i, j in zip(*bonds, strict=True)]
    model = IsingEBM(nodes, edges, jnp.zeros(len(nodes)), jnp.full(len(edges), coupling), jnp.array(1.0))
    blocks = [Block([nodes[i] for i in members]) for members in classes]
    program = IsingSamplingProgram(model, blocks, clamped_blocks=[])
    start = hinton_init(jax.random.key(0), model, blocks, (chains,))

    many = 256 if spins * chains < 2**16 else 16 if spins * chains < 2**21 else 2
    keys = jax.random.split(jax.random.key(1), chains)
    schedule = SamplingSchedule(n_warmup=many, n_samples=1, steps_per_sample=1)  # their length is compiled in
    advance = jax.jit(jax.vmap(lambda key, state: sample_states(key, program, schedule, state, [], blocks)))

    def run(repetitions: int) -> int:
        calls = -(-repetitions // many)
        for _ in range(calls):
            jax.block_until_ready(advance(keys, start))
        return calls * many

    return run


def dwave_sweeps(bonds: Bonds, coupling: float, chains: int) -> Run:
    """Gibbs sweeps by the simulated annealer of dwave-samplers, at one temperature."""
    import dimod
    from dwave.samplers import SimulatedAnnealingSampler

    pairs = {(int(a), int(b)): -coupling for a, b in zip(*bonds, strict=True)}
    model = dimod.BinaryQuadraticModel({}, pairs, dimod.SPIN)
    sampler = SimulatedAnnealingSampler()

    def run(repetitions: int) -> None:
        sampler.sample(
            model,
            num_reads=chains,
            beta_schedule_type="custom",
            beta_schedule=[1.0],
            num_sweeps_per_beta=repetitions,
            proposal_acceptance_criteria="Gibbs",
            seed=0,
        )

    return run


def mcising_sweeps(side: int, dimension: int, temperature: float, algorithm: str = "metropolis") -> Run:
    """Sweeps of one chain by mcising, without measurements."""
    from mcising import IsingSimulation

    kind = {2: "square", 3: "cubic"}[dimension]
    simulation = IsingSimulation(side, 1.0, 0.0, 0.0, 0.0, 1, algorithm, kind)

    def run(repetitions: int) -> None:
        simulation.sweep(repetitions, temperature=temperature)

    return run


def peapods_sweeps(side: int, dimension: int, temperature: float, *, clusters: bool = False) -> Run:
    """Sweeps of one chain by peapods, which measures; with clusters, one of them after each sweep."""
    from peapods import Ising

    model = Ising((side,) * dimension, temperatures=np.array([temperature]))
    more = {"cluster_update_interval": 1, "cluster_mode": "sw"} if clusters else {}

    def run(repetitions: int) -> int:
        sweeps = max(4, repetitions)
        model.sample(sweeps, sequential=True, **more)
        return sweeps

    return run


def ebmkit_lattice(coupling: float) -> Any:
    """The Ising model of ebmkit on a square lattice with open ends, states `(B, L, L)`."""
    from ebm.nets.lattice import IsingEnergy as Lattice

    return Lattice(coupling)


def ebmkit_flips(energy: Any, x: torch.Tensor) -> Run:
    """Gibbs-with-gradients of ebmkit; `energy` is any function."""
    from ebm.samplers.discrete import GibbsWithGradients as Theirs

    sampler = Theirs()

    def run(repetitions: int) -> None:
        sampler.sample(energy, x, steps=repetitions)

    return run


def ebmkit_potts(coupling: float) -> Any:
    """The Potts model of ebmkit on a square lattice with open ends, states `(B, L, L, K)`."""
    from ebm.nets.lattice import PottsEnergy as Lattice

    return Lattice(coupling)


def ebmkit_changes(energy: Any, x: torch.Tensor) -> Run:
    """Categorical Gibbs-with-gradients of ebmkit on states `(B, …, K)`; `energy` is any function of these."""
    from ebm.samplers.discrete import CategoricalGibbsWithGradients as Theirs

    sampler = Theirs()

    def run(repetitions: int) -> None:
        sampler.sample(energy, x, steps=repetitions)

    return run
