"""Ising models on lattices and graphs: builders, samples that are exact where possible, simulation, scaling."""

from discrete_ed.lattices.builders import Lattice, lattice
from discrete_ed.lattices.correlations import Correlations, correlations_of
from discrete_ed.lattices.disorder import DISORDER, diluted, gaussian_couplings, plus_minus_couplings, random_fields
from discrete_ed.lattices.distributions import OverlapDistribution, overlap_distribution
from discrete_ed.lattices.exact import (
    CRITICAL_BINDER,
    CRITICAL_ENERGIES,
    CRITICAL_TEMPERATURES,
    TorusExact,
    kaufman,
    onsager_magnetisation,
)
from discrete_ed.lattices.export import series_to_arviz, series_to_pandas
from discrete_ed.lattices.ground_states import GroundState, ground_state
from discrete_ed.lattices.known_models import KnownModel, known_graph, known_lattice, known_random_graph
from discrete_ed.lattices.observables import QUANTITIES, Estimate, Overlaps, Series, estimates
from discrete_ed.lattices.results import AtTemperature
from discrete_ed.lattices.reweighting import reweight
from discrete_ed.lattices.sampling import SampledStates, sample_ising
from discrete_ed.lattices.scaling import Scaling, scale
from discrete_ed.lattices.simulation import simulate
from discrete_ed.lattices.state_observables import correlation_function, magnetisation, overlap
from discrete_ed.lattices.sublattices import sublattices
from discrete_ed.lattices.tempering import Tempered, temper

__all__ = [
    "CRITICAL_BINDER",
    "CRITICAL_ENERGIES",
    "CRITICAL_TEMPERATURES",
    "DISORDER",
    "QUANTITIES",
    "AtTemperature",
    "Correlations",
    "Estimate",
    "GroundState",
    "KnownModel",
    "Lattice",
    "OverlapDistribution",
    "Overlaps",
    "SampledStates",
    "Scaling",
    "Series",
    "Tempered",
    "TorusExact",
    "correlation_function",
    "correlations_of",
    "diluted",
    "estimates",
    "gaussian_couplings",
    "ground_state",
    "kaufman",
    "known_graph",
    "known_lattice",
    "known_random_graph",
    "lattice",
    "magnetisation",
    "onsager_magnetisation",
    "overlap",
    "overlap_distribution",
    "plus_minus_couplings",
    "random_fields",
    "reweight",
    "sample_ising",
    "scale",
    "series_to_arviz",
    "series_to_pandas",
    "simulate",
    "sublattices",
    "temper",
]
