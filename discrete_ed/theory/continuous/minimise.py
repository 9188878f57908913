"""Training on real vectors, and the callback by which experiments report progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from discrete_ed.errors import NumericalError
from discrete_ed.theory.continuous.kernels import MALA, sample

Progress = Callable[[str, int, int], None]
"""called after each step with the name of the phase, the number of steps done, and the total number of steps"""


def minimise(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Tensor],
    steps: int,
    learning_rate: float,
    *,
    phase: str = "train",
    callback: Progress | None = None,
) -> None:
    """Minimise a loss with Adam, whose learning rate falls to zero linearly.

    Raises:
        NumericalError: the loss is not finite.

    >>> x = nn.Parameter(torch.tensor(3.0))
    >>> minimise([x], lambda: x.square(), steps=200, learning_rate=0.1)
    >>> abs(x.item()) < 0.1
    True
    """
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for step in range(1, steps + 1):
        optimizer.zero_grad(set_to_none=True)
        value = loss()
        if not value.isfinite():
            raise NumericalError(f"loss: not finite at step {step}; try a smaller learning rate")
        value.backward()
        optimizer.step()
        schedule.step()
        if callback is not None:
            callback(phase, step, steps)


def sample_with_progress(
    kernel: MALA, energy: nn.Module, x: Tensor, steps: int, generator: torch.Generator, callback: Progress | None
) -> Tensor:
    """`sample` with progress as experiments report it."""

    def report(step: int, _: object) -> None:
        if callback is not None:
            callback("sample", step, steps)

    return sample(kernel, energy, x, steps, generator=generator, callback=report)
