"""A network added to a simple law: the default model of density estimation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from discrete_ed.energies.base import Energy
from discrete_ed.energies.mixture import BernoulliMixtureEnergy
from discrete_ed.energies.neural import ConvEnergy, MLPEnergy, ResidualMLPEnergy
from discrete_ed.energies.sums import BernoulliEnergy, SumEnergy
from discrete_ed.errors import InputError, check_count
from discrete_ed.names import NetworkName


class NetworkEnergy(SumEnergy):
    """`E(x) = E_0(x) + f(x)`: a simple law `E_0` holds the marginals, and a network `f` learns the dependence.

    The base is `E_0 = −bᵀx`, independent bits, which are trained with the network, or a constant
    `BernoulliMixtureEnergy`.

    Args:
        bits: number of bits `D`.
        network: `mlp`, `residual` or `conv`.
        width: units of each hidden layer; channels of `conv`.
        layers: number of hidden layers of `mlp`, of residual blocks of `residual`, or of blocks in a stage of `conv`.
        shape: rows and columns of pixels, for `conv`.
        components: number of components of the mixture; 1 for independent bits. A new mixture has fair coins for bits:
            `density_energy` fits it to data.
        parents: the tree of the mixture, if its bits aren't independent (see `BernoulliMixtureEnergy`).

    Raises:
        InputError: an unknown network, `conv` without a shape of `D` pixels, or fewer than one component.

    >>> import torch
    >>> NetworkEnergy(16, width=32)(torch.zeros(5, 16)).shape
    torch.Size([5])
    """

    def __init__(
        self,
        bits: int,
        network: NetworkName = "mlp",
        *,
        width: int = 128,
        layers: int = 2,
        shape: tuple[int, int] | None = None,
        components: int = 1,
        parents: Sequence[int] | None = None,
    ) -> None:
        components = check_count(components, "components")
        if components == 1 and parents is not None:
            raise InputError("parents: expected None with one component, whose bits are independent, got a tree")
        learned: Energy
        if network == "mlp":
            learned = MLPEnergy(bits, hidden=[width] * layers)
        elif network == "residual":
            learned = ResidualMLPEnergy(bits, width, layers)
        elif network == "conv":
            if shape is None or shape[0] * shape[1] != bits:
                raise InputError(f"shape: expected rows and columns of {bits} pixels for conv, got {shape}")
            learned = ConvEnergy((shape[0], shape[1]), width, stages=3 if min(shape) >= 8 else 1, blocks=layers)
        else:
            raise InputError(f"network: expected one of {', '.join(get_args(NetworkName))}, got {network!r}")
        super().__init__(
            BernoulliEnergy(bits) if components == 1 else BernoulliMixtureEnergy(components, bits, parents), learned
        )
        self.bits = bits

    @property
    def base(self) -> BernoulliEnergy | BernoulliMixtureEnergy:
        """The energy of the independent bits, or of the mixture."""
        return self.terms[0]  # type: ignore[return-value]
