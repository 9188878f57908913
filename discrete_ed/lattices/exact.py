"""Exact results for lattices, which simulations are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from discrete_ed.errors import InputError

CRITICAL_TEMPERATURES: Final[dict[str, float]] = {
    "square": 2 / math.log(1 + math.sqrt(2)),
    "triangular": 4 / math.log(3),
    "honeycomb": 2 / math.log(2 + math.sqrt(3)),
    "kagome": 4 / math.log(3 + 2 * math.sqrt(3)),
    "cubic": 4.511528,
    "bcc": 6.354349,
    "fcc": 9.797128,
}
"""`T_c` of the ferromagnet, in units of the coupling. Exact in the plane; cubic: 1/K_c of Ferrenberg, Xu and Landau
2018, Physical Review E 97, 043301; bcc and fcc: of Lundow, Markström and Rosengren 2009, Philosophical Magazine 89,
2009–2042."""
CRITICAL_ENERGIES: Final[dict[str, float]] = {
    "square": -math.sqrt(2),
    "triangular": -2.0,
    "honeycomb": -2 / math.sqrt(3),
}
"""energy of a site at `T_c` on the infinite lattice, in units of the coupling (Houtappel 1950, Physica 16, 425–455)"""
CRITICAL_BINDER: Final[dict[str, float]] = {"square": 0.61069, "cubic": 0.46548}
"""`U_4` at `T_c` on tori of equal sides, as these grow (Kamieniarz and Blöte 1993; Ferrenberg, Xu and Landau 2018)"""


@dataclass(frozen=True)
class TorusExact:
    """Exact values of the ferromagnet on a finite torus, without fields, for each site."""

    log_z: float
    """`log Z / N`"""
    energy: float
    """`⟨E⟩ / N` in units of the coupling"""
    specific_heat: float
    """`(⟨E²⟩ − ⟨E⟩²) / (N T²)`"""


def kaufman(rows: int, columns: int, temperature: float) -> TorusExact:
    """Log partition function, energy and specific heat of the square lattice on a finite torus, at `T` with `J = 1`.

    The energy and the specific heat are derivatives of Kaufman's `log Z` by `K = 1/T` (see `kaufman_log_z`):
    `⟨E⟩ = −∂ log Z/∂K` and `C = K² ∂² log Z/∂K²`, made by automatic differentiation in float64.

    Raises:
        InputError: a side below 3 (there a pair of sites would have two bonds); a temperature that isn't positive, or
            one below 0.05, where float64 can't tell the energy from that of the ground state.

    Source: Kaufman 1949, Physical Review 76, 1232–1243; Ferdinand and Fisher 1969, Physical Review 185, 832–846.

    >>> exact = kaufman(64, 64, CRITICAL_TEMPERATURES["square"])
    >>> round(exact.energy, 4), round(exact.specific_heat, 3)
    (-1.4239, 2.192)
    """
    if rows < 3 or columns < 3:
        raise InputError(f"rows, columns: expected sides of at least 3, got {rows} and {columns}")
    if not 0.05 <= temperature < math.inf:
        raise InputError(f"temperature: expected a number of at least 0.05, got {temperature}")
    k = torch.tensor(1 / temperature, dtype=torch.float64, requires_grad=True)
    log_z = _log_z(rows, columns, k)
    (first,) = torch.autograd.grad(log_z, k, create_graph=True)
    (second,) = torch.autograd.grad(first, k)
    sites = rows * columns
    return TorusExact(log_z.item() / sites, -first.item() / sites, second.item() / temperature**2 / sites)


def _log_z(rows: int, columns: int, k: Tensor) -> Tensor:
    """Kaufman's formula, differentiable also where `γ_0` changes its sign."""
    base = torch.cosh(2 * k) / torch.tanh(2 * k)
    angle = torch.pi * torch.arange(1, 2 * columns, dtype=torch.float64) / columns
    half = rows / 2 * torch.acosh(base - angle.cos())  # m γ/2 of γ_1, …, γ_{2n−1}
    first = rows / 2 * (2 * k + torch.tanh(k).log())
    odd, even = half[0::2], half[1::2]
    size = first.detach().abs()
    up, down = torch.exp(first - size), torch.exp(-first - size)
    logs = torch.stack([_log_cosh(odd), _log_sinh(odd), _log_cosh(even) + size, _log_sinh(even) + size])
    factors = torch.stack([torch.ones_like(up), torch.ones_like(up), up + down, up - down])
    top = logs.detach().max()
    brackets = top + (factors * (logs - top).exp()).sum().log()
    return -math.log(2) + rows * columns / 2 * (math.log(2) + torch.sinh(2 * k).log()) + brackets


def _log_cosh(a: Tensor) -> Tensor:
    """`Σ log(2 cosh a)`."""
    return (a + torch.log1p(torch.exp(-2 * a))).sum()


def _log_sinh(a: Tensor) -> Tensor:
    """`Σ log(2 sinh a)` of positive numbers."""
    return (a + torch.log(-torch.expm1(-2 * a))).sum()


def onsager_magnetisation(temperature: float) -> float:
    """The spontaneous magnetisation of the infinite square lattice, `(1 − sinh⁻⁴(2/T))^{1/8}`, 0 above `T_c`.

    Raises:
        InputError: a temperature that isn't positive.

    Source: announced by Onsager in 1949; Yang 1952, Physical Review 85, 808–816.

    >>> round(onsager_magnetisation(2.0), 4), onsager_magnetisation(2.5)
    (0.9113, 0.0)
    """
    if not 0 < temperature < math.inf:
        raise InputError(f"temperature: expected a positive number, got {temperature}")
    if temperature >= CRITICAL_TEMPERATURES["square"]:
        return 0.0
    k = 2 / temperature
    return float((1 - math.sinh(k) ** -4) ** 0.125) if k < 300 else 1.0
