"""Whether chains over noise levels arrived: two sets of graphs compared in their statistics and their energies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies import NoiseConditionalEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import states_to_graphs
from discrete_ed.graphs.descriptors import AVERAGED
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.metrics.two_sample import joint_p_value, two_sample_test

APART = 0.01  # p-values below it say that chains from two starts ended in different laws
ROUNDING = 1e-6  # energies of equal graphs differ by that much, relatively, which must not decide
DECIMALS = 3  # to which energies are compared, in units of their standard deviation
ABOVE = 3.0  # standard errors by which the energies of generated graphs are clearly above those of real ones
NOTICED = 0.5  # standard deviations of the energies of real graphs, below which a difference does not matter
MOST_COMPARED = 256  # graphs of a set that are compared; more take long, and would notice what does not matter


class GraphDifference(NamedTuple):
    """How two sets of graphs differ.

    >>> GraphDifference(mmd2=0.0, p_value=0.4).p_value
    0.4
    """

    mmd2: float
    """the mean of MMD² in degree, clustering and orbit, by the protocol `psd`: zero on average for equal laws"""
    p_value: float
    """p-value of all four statistics and of the energy together"""


def compare_states(energy: NoiseConditionalEnergy, first: Tensor, second: Tensor, *, seed: int = 0) -> GraphDifference:
    """Compare two sets of graphs in the statistics of the protocol `psd` and in the energy of the data.

    The energy notices chains that have not arrived where few graphs are at hand: unlike the statistics, it weighs every
    edge as the model does.

    Args:
        energy: the energy, on the device of the states.
        first: bits of the first set, `(m, D)`.
        second: bits of the second set, `(n, D)`.
        seed: seed of the permutations.

    Raises:
        InputError: fewer than two graphs in a set.

    >>> from discrete_ed import GraphEnergy
    >>> energy = NoiseConditionalEnergy(GraphEnergy(3, width=8, layers=1, noise_levels=True), count=4)
    >>> states = torch.tensor([[1.0, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    >>> compare_states(energy, states, states).p_value
    1.0
    """
    if min(len(first), len(second)) < 2:
        raise InputError(f"first, second: expected at least two graphs in each, got {len(first)} and {len(second)}")
    kernels = get_protocol("psd").kernels
    described = [describe(states_to_graphs(states), "psd") for states in (first, second)]
    values = [energies_of(energy, states) for states in (first, second)]
    together = torch.cat(values)
    spread, largest = float(together.std()), float(together.abs().max())
    known = spread > ROUNDING * largest  # otherwise all energies are equal but for rounding
    rows = [((part / spread if known else 0 * part).round(decimals=DECIMALS)).numpy()[:, None] for part in values]
    by_energy = FeatureKernel("l2", sigma=1.0, shape="laplacian")
    pairs = [(described[0][name], described[1][name], kernel) for name, kernel in kernels.items()]
    tests = [two_sample_test(*pair, unbiased=True, seed=seed) for pair in [*pairs, (rows[0], rows[1], by_energy)]]
    averaged = [test.observed for name, test in zip(kernels, tests, strict=False) if name in AVERAGED]
    return GraphDifference(float(np.mean(averaged)), joint_p_value(tests))


def energies_of(energy: NoiseConditionalEnergy, states: Tensor) -> Tensor:
    """The energies of the data, `E(x, 0)`, of states `(B, D)`, in double precision on the CPU."""
    with torch.no_grad():
        return energy(states.float()).double().cpu()


@dataclass(frozen=True)
class TwoStarts:
    """Whether chains from noise and chains from blurred training graphs end alike."""

    graphs: tuple[int, int]
    """numbers of graphs: from noise, and from blurred training graphs"""
    energy: tuple[float, float]
    """their mean energies"""
    energy_error: tuple[float, float]
    """standard errors of these means"""
    mmd2: float
    """see `GraphDifference`"""
    p_value: float
    """see `GraphDifference`"""
    real_energy: float | None = None
    """the mean energy of real graphs, which the energy was not trained on if there are such"""
    real_energy_error: float = 0.0
    """its standard error"""
    real_energy_deviation: float = 0.0
    """the standard deviation of the energies of real graphs"""

    @property
    def above(self) -> bool:
        """Whether graphs from noise have clearly higher energies than real ones, by three standard errors and half a
        standard deviation. Both starts may stop short in the same way, which the comparison of them doesn't notice."""
        if self.real_energy is None:
            return False
        gap, error = self.energy[0] - self.real_energy, float(np.hypot(self.energy_error[0], self.real_energy_error))
        return gap > ABOVE * error and gap > NOTICED * self.real_energy_deviation

    @property
    def agree(self) -> bool:
        """Whether the two sets could be samples of one law."""
        return self.p_value >= APART

    def sentence(self) -> str:
        """What the comparison says, in plain words."""
        means = " and ".join(
            f"{mean:.2f} ± {error:.2f}" for mean, error in zip(self.energy, self.energy_error, strict=True)
        )
        found = f"mean energies {means}, p = {self.p_value:.2g} for their statistics and energies together"
        short = (
            f" Real graphs have a lower mean energy, {self.real_energy:.2f} ± {self.real_energy_error:.2f}: either the "
            "chains stop too early, or the energy has not learned the data. Take more steps at the end "
            "(--last-steps): if the energy of the graphs falls, it was the chains."
            if self.above
            else ""
        )
        if self.agree:
            return f"Chains from noise and chains from blurred training graphs end alike: {found}.{short}"
        return (
            f"Chains from noise and chains from blurred training graphs do not end alike: {found}. The chains have not "
            "reached their law, so the graphs are not yet samples of the energy. Pass more noise levels, or take more "
            f"steps at each.{short}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The comparison as values that JSON can hold."""
        lists = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**lists, "agree": self.agree, "above": self.above}


def compare_starts(
    energy: NoiseConditionalEnergy,
    from_noise: Tensor,
    from_data: Tensor,
    *,
    real: Tensor | None = None,
    seed: int = 0,
) -> TwoStarts | None:
    """Compare graphs of chains from noise with graphs of chains from blurred training graphs, `denoise_graphs` with
    `from_data`; at most `MOST_COMPARED` of each, and None for fewer than two of a kind.

    Args:
        energy: the energy, on the device of the states.
        from_noise: bits of the graphs of chains from noise, `(B, D)`.
        from_data: those of chains from blurred training graphs, `(C, D)`.
        real: those of real graphs, `(G, D)`, best of graphs that were held out, whose energies are compared as well.
        seed: seed of the permutations.

    >>> from discrete_ed import GraphEnergy
    >>> energy = NoiseConditionalEnergy(GraphEnergy(3, width=8, layers=1, noise_levels=True), count=4)
    >>> states = torch.tensor([[1.0, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    >>> compare_starts(energy, states, states).agree
    True
    """
    sets = [states[:MOST_COMPARED] for states in (from_noise, from_data)]
    if min(map(len, sets)) < 2:
        return None
    found = compare_states(energy, *sets, seed=seed)
    (mean, error, _), (other_mean, other_error, _) = (_energy_summary(energy, states) for states in sets)
    of_real: tuple[float | None, float, float] = (None, 0.0, 0.0)
    if real is not None and len(real) > 1:
        of_real = _energy_summary(energy, real)
    counts = len(sets[0]), len(sets[1])
    return TwoStarts(counts, (mean, other_mean), (error, other_error), found.mmd2, found.p_value, *of_real)


def _energy_summary(energy: NoiseConditionalEnergy, states: Tensor) -> tuple[float, float, float]:
    """The mean energy of at least two states, its standard error, and the standard deviation of the energies."""
    values = energies_of(energy, states)
    deviation = float(values.std())
    return float(values.mean()), deviation / len(values) ** 0.5, deviation
