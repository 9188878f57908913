"""The options of the simulation job."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from discrete_ed.errors import InputError, check_seed, check_temperature
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect, expect_positive
from discrete_ed.names import DisorderName, LatticeName, ObservableName, UpdateName


@dataclass(frozen=True)
class SimulateConfig(ResumableConfig):
    """Simulate an Ising model on a lattice at many temperatures.

    Chains start from order and from disorder, are thermalised by a rule, and are measured after every sweep, without
    keeping states. The run folder has a table of energy, magnetisation, specific heat, susceptibility, Binder cumulant
    and correlation length, each with its error, with autocorrelation times and effective sample sizes; curves, beside
    the exact solution where there is one; pictures of the lattice; and the last states. With several sizes, it also has
    the crossings of the Binder cumulant, the critical temperature and exponents.

    Examples:
      discrete-ed simulate
      discrete-ed simulate --lattice triangular --size 48 --temperatures 3 4.5 11
      discrete-ed simulate --size 16 32 64 --temperatures 2.22 2.32 9 --sweeps 20000
      discrete-ed simulate --lattice cubic --size 8 --disorder plus-minus --temperatures 0.8 2 14 --tempering
      python scripts/simulate_lattice.py --lattice cubic --size 16
    """

    lattice: LatticeName = "square"
    """kind of the lattice; hypercubic has any --dimension"""
    size: tuple[int, ...] = (64,)
    """cells along each direction; several numbers: several lattices, from which the critical point is found"""
    dimension: Annotated[int | None, When(lattice="hypercubic")] = None
    """number of directions of a hypercubic lattice, 2 if left out; other lattices have their own"""
    open: bool = False
    """open boundaries instead of periodic ones"""
    temperatures: tuple[float, float, int] | None = None
    """lowest and highest temperature, in the units of --coupling and --field (k_B = 1), so that the square lattice is
    critical at 2.269 times the coupling, and how many, equally spaced; by default 13 around the known critical
    temperature, with several sizes 7 close to it, or from 0.5 to 5 times the coupling"""
    coupling: float = 1.0
    """coupling of every pair of neighbours (positive: ferromagnet), or the strength of random couplings"""
    field: float = 0.0
    """field on every spin"""
    disorder: DisorderName = "none"
    """none; or random couplings: plus-minus the coupling, or gaussian with mean 0 and this standard deviation"""
    tempering: bool = False
    """swap replicas between the temperatures (parallel tempering), with sweeps of single spins: for spin glasses, and
    whatever chains at one temperature can't mix"""
    place_temperatures: Annotated[bool, When(tempering=True)] = False
    """keep the lowest and the highest temperature, and place the others so that all neighbours swap equally often"""
    exchange_clusters: Annotated[bool, When(tempering=True)] = False
    """exchange clusters between pairs of replicas (Houdayer), which helps glasses in two dimensions"""
    measure: tuple[ObservableName, ...] = ()
    """what else is measured: sublattices (of antiferromagnets always), correlations along the directions of the
    lattice, overlaps of pairs of replicas (in tempering always)"""
    update: Annotated[UpdateName, When(tempering=False)] = "auto"
    """how spins change: sweeps of single spins, swendsen-wang clusters of all spins, or wolff, one cluster after the
    other; auto: swendsen-wang where no coupling is frustrated, else sweeps"""
    chains: int | None = None
    """number of chains at each temperature, by default 4, or 8 with tempering; half start with all spins up, half at
    random"""
    sweeps: int = 2000
    """number of measurements of each chain at each temperature, at most"""
    error: float | None = None
    """stop at a temperature where the standard error of the energy of a site is below this"""
    seed: int = 0
    """seed of couplings, starts and chains"""
    threads: Annotated[int | None, HOUSEKEEPING] = None
    """number of threads; by default one for each processor; the results do not depend on it"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/simulate/LATTICE-TIME"""

    def __post_init__(self) -> None:
        if not self.size:
            raise InputError("size: expected at least one, got none")
        if len(set(self.size)) != len(self.size):
            raise InputError(f"size: expected different sizes, got {' '.join(map(str, self.size))}")
        if self.temperatures is not None:
            low, high, count = self.temperatures
            for each in (low, high):
                check_temperature(each, "temperatures")
            if low > high or count < 1 or (count == 1) != (low == high):
                raise InputError(
                    "temperatures: expected the lowest, the highest, and their number (1 if they are equal, else at "
                    f"least 2), got {low:g} {high:g} {count}"
                )
            if self.tempering and count < 2:
                raise InputError(f"temperatures: expected at least two with --tempering, got {low:g} {high:g} {count}")
        if not math.isfinite(self.coupling) or self.coupling == 0:
            raise InputError(f"coupling: expected a number other than 0, got {self.coupling}")
        if not math.isfinite(self.field):
            raise InputError(f"field: expected a number, got {self.field}")
        if self.tempering and self.chains is not None and self.chains % 2:
            raise InputError(f"chains: expected an even number with --tempering, got {self.chains}")
        if len(set(self.measure)) != len(self.measure):
            raise InputError(f"measure: expected each name once, got {' '.join(self.measure)}")
        expect(self, "at least 2", "chains", low=2)
        expect(self, "at least 20", "sweeps", low=20)
        expect(self, "at least 1", "dimension", low=1)
        expect_positive(self, "error", "threads")
        check_seed(self.seed)
