"""Kernels by name, and the kernel and the local evaluation that suit an energy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from discrete_ed.energies import IsingEnergy, PottsEnergy
from discrete_ed.energies.base import Energy, of_kind
from discrete_ed.energies.local import Exact, LocalEvaluation, Taylor
from discrete_ed.errors import InputError
from discrete_ed.samplers.kernels import Kernel, check_kernel

KERNELS: dict[str, Callable[[Energy], Kernel]] = {}
"""For each name the function that makes the kernel for an energy. The front file of `discrete_ed.samplers` has the
entries of the package; the job `sample` offers every entry, also one that your program adds."""

Purpose = Literal["sampling", "learned", "annealing"]
UNSUITABLE: dict[Purpose, tuple[str, ...]] = {
    "sampling": (),
    # If all couplings are learned, few are zero: there are then as many colour classes as bits, and a sweep evaluates
    # each of them.
    "learned": ("gibbs-sweep",),
    # An RBM at another inverse temperature is not an RBM, so block Gibbs would sample another law.
    "annealing": ("gibbs-sweep", "block-gibbs"),
}


def kernel_by_name(name: str, energy: Energy) -> Kernel:
    """The kernel of that name for an energy; `auto` means the kernel that suits the energy.

    Raises:
        InputError: an unknown name.

    >>> from discrete_ed import RBMEnergy
    >>> kernel_by_name("auto", RBMEnergy(4, 2))
    BlockGibbs()
    """
    if name == "auto":
        return suitable_kernel(energy)
    if name not in KERNELS:
        raise InputError(f"kernel: expected auto or one of {', '.join(KERNELS)}, got {name!r}")
    return KERNELS[name](energy)


def suitable_kernel(energy: Energy, *, purpose: Purpose = "sampling") -> Kernel:
    """The kernel that suits an energy, by the name that the energy gives (`Energy.kernel_name`).

    For `sampling` that is block Gibbs for an `RBMEnergy`, a sweep over colour classes for an `IsingEnergy`, and
    Gibbs-with-gradients for any other energy. Gibbs-with-gradients replaces kernels that don't suit the other purposes:
    `learned`, an energy that is being trained or was trained without a known structure, and `annealing`, which uses
    other inverse temperatures.

    >>> from discrete_ed import IsingEnergy
    >>> suitable_kernel(IsingEnergy(3), purpose="learned")
    GibbsWithGradients(balance='sqrt')
    """
    name = energy.unclamped.kernel_name
    return kernel_by_name("gibbs-with-gradients" if name in UNSUITABLE[purpose] else name, energy)


def local_for(kernel: Kernel, energy: Energy) -> LocalEvaluation:
    """The local evaluation that suits a kernel and an energy.

    It is `Exact` if the kernel needs it, and for an `IsingEnergy` or `PottsEnergy`, whose exact differences cost no
    more than a gradient; otherwise `Taylor`.

    Raises:
        InputError: the kernel is a class, or it lacks a member of `Kernel`.

    >>> from discrete_ed import Gibbs, GibbsWithGradients, MLPEnergy
    >>> type(local_for(Gibbs(), MLPEnergy(4))).__name__, type(local_for(GibbsWithGradients(), MLPEnergy(4))).__name__
    ('Exact', 'Taylor')
    """
    check_kernel(kernel)
    cheap = of_kind(energy, IsingEnergy) or of_kind(energy, PottsEnergy)
    exact = kernel.needs_exact or cheap is not None
    return Exact(energy) if exact else Taylor(energy)
