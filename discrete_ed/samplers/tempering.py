"""Annealing and parallel tempering over any kernel: the local evaluation carries the inverse temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.samplers.kernels import Kernel, State, check_numbers, possible, start, uniforms
from discrete_ed.samplers.schedules import annealed


def rescale(state: State, ratio: float | Tensor) -> State:
    """The same bits at an inverse temperature `ratio` times the old one; `ratio` is a number or `(B,)`."""
    per_bit = ratio.unsqueeze(-1) if isinstance(ratio, Tensor) else ratio
    return state._replace(energy=state.energy * ratio, delta=state.delta * per_bit)


def anneal(
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    betas: Sequence[float],
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Run chains through a schedule of inverse temperatures, one step at each: bits `(B, D)` in, bits `(B, D)` out.

    At step `t` the kernel sees `β_t E`, on top of the inverse temperature that `local` has. The differences are
    rescaled, not evaluated again. Ising models run in compiled loops, as in `chain`. Repeat a value for several steps
    at it. The result follows no exact law; use it to find states of low energy, or good starts for a chain.

    Args:
        betas: the schedule, positive numbers.

    Raises:
        InputError: an empty schedule, or a value that isn't positive; `x` isn't a `(B, D)` float tensor of bits that
            the energy takes, or one of the states has probability zero.
        NumericalError: as `chain`; energies are checked at the start and at the end.

    Source: Kirkpatrick, Gelatt and Vecchi 1983, Science 220, 671–680.

    >>> from discrete_ed import Exact, GibbsSweep, IsingEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> magnet = IsingEnergy(0.5 * (1 - torch.eye(6)), fields=torch.full((6,), 0.5))
    >>> anneal(GibbsSweep(), Exact(magnet), torch.zeros(1, 6), [0.1, 0.2, 0.5, 1, 2, 5, 5], generator=g)
    tensor([[1., 1., 1., 1., 1., 1.]])
    """
    betas = as_numbers(betas)
    check_positive(betas)
    now = betas[0]
    state = possible(start(kernel, local.at_beta(now), x))
    found = annealed(kernel, local, x, betas, generator)
    if found is not None:
        return found
    for beta in betas:
        state = kernel.step(local.at_beta(beta), rescale(state, beta / now), generator=generator)
        now = beta
    check_numbers(state, len(betas))
    return state.x


def as_numbers(betas: Sequence[float]) -> list[float]:
    """Inverse temperatures as a list; raise `InputError` where they are one number, or no numbers."""
    try:
        return [float(beta) for beta in betas]
    except (TypeError, ValueError):
        raise InputError(f"betas: expected several numbers, such as [0.1, 0.5, 1], got {betas!r}") from None


def check_positive(betas: Sequence[float]) -> None:
    """Raise `InputError` unless there are inverse temperatures and all are positive."""
    if not betas or not all(0 < beta < float("inf") for beta in betas):
        raise InputError(f"betas: expected at least one positive inverse temperature and no others, got {list(betas)}")


@dataclass(frozen=True)
class ParallelTempering(Kernel):
    """A ladder of `R` inverse temperatures: each rung makes a step of a kernel, then adjacent rungs may swap bits.

    The rungs are stored one after the other in the batch: of the state `(R·B, D)`, rows `r·B … (r+1)·B − 1` are the `B`
    chains at `betas[r]`, times the inverse temperature of the local evaluation. So with `betas[0] = 1` the first `B`
    rows sample the law of the energy. For each chain either all pairs of rungs `(r, r + 1)` with even `r` or all with
    odd `r`, chosen with probability ½, swap with probability `min(1, exp((β_r − β_{r+1})(E_r − E_{r+1})))`. This leaves
    the product of the tempered laws invariant if the kernel does. `accepted` is that of the kernel's step.

    Args:
        kernel: any kernel that takes inverse temperatures other than 1 (`BlockGibbs` doesn't).
        betas: the ladder, at least two positive numbers, such as (1.0, 0.7, 0.4).

    Raises:
        InputError: a ladder with fewer than two rungs or a value that isn't positive; from `init`, a batch whose size
            is no multiple of the number of rungs, and whatever the kernel refuses.

    Source: Geyer 1991, "Markov chain Monte Carlo maximum likelihood", Computing Science and Statistics 23, 156–163.

    >>> from discrete_ed import Exact, Gibbs, IsingEnergy, sample
    >>> kernel = ParallelTempering(Gibbs(), betas=(1.0, 0.5))
    >>> x = torch.zeros(2 * 3, 8)  # two rungs, three chains
    >>> sample(kernel, Exact(IsingEnergy(8)), x, steps=10)[:3].shape
    torch.Size([3, 8])
    """

    kernel: Kernel
    betas: tuple[float, ...]

    def __post_init__(self) -> None:
        check_positive(as_numbers(self.betas))
        if len(self.betas) < 2:
            raise InputError(f"betas: expected at least two rungs, got {list(self.betas)}")

    @property
    def needs_exact(self) -> bool:
        return self.kernel.needs_exact

    @property
    def keeps_law(self) -> bool:
        return self.kernel.keeps_law

    def evaluations(self, bits: int) -> int:
        """Those of the kernel, since a swap needs no evaluation."""
        return self.kernel.evaluations(bits)

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        if isinstance(local.beta, Tensor):  # swaps would not take it into account
            raise InputError("local: expected one inverse temperature for the whole ladder, got one for each state")
        if len(x) % len(self.betas):
            raise InputError(f"x: expected a multiple of {len(self.betas)} rows, one block a rung, got {len(x)}")
        return self.kernel.init(local.at_beta(self.ladder(x)), x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        betas = self.ladder(state.x)
        state = self.kernel.step(local.at_beta(betas), state, generator=generator)
        chains = len(state.x) // len(self.betas)
        u_coin = uniforms(state, chains, generator=generator)
        u_swap = uniforms(state, len(self.betas) - 1, chains, generator=generator)
        return self.swap(state, u_coin < 0.5, u_swap.log())

    def ladder(self, x: Tensor) -> Tensor:
        """The inverse temperature of every row of `x`, `(R·B,)`."""
        betas = torch.tensor(self.betas, dtype=x.dtype, device=x.device)
        return betas.repeat_interleave(len(x) // len(self.betas))

    def swap(self, state: State, even: Tensor, log_u: Tensor) -> State:
        """Swap pairs of rungs, the even ones where `even`, `(B,)`, and else the odd ones, by the uniforms `log_u`, `(R
        − 1, B)`."""
        rungs, chains = len(self.betas), len(even)
        betas = self.ladder(state.x)
        energy = (state.energy / betas).view(rungs, chains)
        rung_betas = betas.view(rungs, chains)
        log_ratio = (rung_betas[:-1] - rung_betas[1:]) * (energy[:-1] - energy[1:])
        pairs = torch.arange(rungs - 1, device=betas.device).unsqueeze(-1)
        swaps = ((log_u < log_ratio) & ((pairs % 2 == 0) == even)).long()
        still = torch.zeros_like(swaps[:1])
        source = torch.arange(rungs, device=betas.device).unsqueeze(-1) + torch.cat([swaps, still])
        source = source - torch.cat([still, swaps])
        rows = (source * chains + torch.arange(chains, device=betas.device)).flatten()
        moved = State(state.x[rows], state.energy[rows], state.delta[rows], state.accepted)
        return rescale(moved, betas / betas[rows])
