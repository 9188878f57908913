"""Whether an energy is a function of the state alone: a few evaluations before chains, likelihoods and fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from discrete_ed.energies.base import Energy, check_type
from discrete_ed.energies.evaluated import check_shape, raise_explained, way_to_shape
from discrete_ed.errors import InputError, NumericalError

ROUNDING = {torch.float32: 1e-3, torch.float64: 1e-6}
"""differences that rounding may explain, relative to the size of the energies: matrix products of another number of
rows are summed in another order"""
REPEATS = 16
"""evaluations that must agree until values count as not random: dropout of few values often repeats them"""
HALF = "in half precision differences of energies are rounding errors"


def check_model(energy: Energy, x: Tensor, *, trainable: bool = False) -> None:
    """Raise unless `check_energy` and `check_function` accept the energy at the states `(B, D)`.

    Args:
        trainable: whether it is to be trained. Its values must then be finite and reached by gradients, and they may
            be random.

    Raises:
        InputError, NumericalError: as the two functions.
    """
    check_type(energy)
    _refuse_batch_statistics(energy)
    if energy.groups is not None:
        energy.groups.check(x)
    check_energy(energy, x, trainable=trainable)
    check_function(energy, x, random=trainable)


def check_energy(energy: nn.Module, x: Tensor, *, trainable: bool = False) -> None:
    """Raise unless a module is an energy: evaluated at two of the states `(B, D)`, it gives two numbers or +∞.

    It must also take states of shape `(2, 1, D)`, since losses evaluate negatives together with their data.

    Args:
        trainable: whether the values must also be finite and depend on parameters that gradients reach.

    Raises:
        InputError: the module isn't an `Energy`, returns another shape or an integer type, or has nothing to train.
        NumericalError: an energy is NaN or −∞; or +∞, if it is to be trained.
    """
    check_type(energy)
    rows = x[:2].expand(2, -1)
    try:
        with torch.set_grad_enabled(trainable):
            value = energy(rows)
    except RuntimeError as error:
        raise_explained(energy, rows, error)
        raise
    if not isinstance(value, Tensor) or value.shape != (2,) or not value.is_floating_point():
        got = type(value).__name__
        if isinstance(value, Tensor):
            got = f"shape {tuple(value.shape)}, {value.dtype}{way_to_shape(value, (2,))}"
        raise InputError(f"energy: expected {type(energy).__name__} to map states (B, D) to floats (B,), got {got}")
    try:
        with torch.no_grad():
            more = energy(rows.unsqueeze(1))
    except RuntimeError as error:
        raise InputError(
            f"energy: expected {type(energy).__name__} to take states of any shape (..., D), got an error with "
            f"(2, 1, D): {str(error).splitlines()[0]}; x.reshape(-1, D) and .reshape(x.shape[:-1]) help"
        ) from error
    check_shape(energy, more, (2, 1))
    if trainable and not value.requires_grad:
        raise InputError(
            f"energy: expected {type(energy).__name__} to give values that gradients reach, got a detached tensor or "
            "one without parameters that require gradients"
        )
    impossible = value.isposinf() & (not trainable)  # a state of probability zero is allowed, but not for training
    if not (value.isfinite() | impossible).all():
        raise NumericalError(f"energy: expected finite numbers at data, got {value.tolist()}")


def check_function(energy: Energy, x: Tensor, *, random: bool = False) -> None:
    """Raise unless the energy of a state depends on nothing but that state, as far as a probe can tell.

    Three states, two of the given ones and a changed one, are evaluated together, in reverse order, and one alone. So
    the probe notices dropout and batch normalisation in training mode, sums over the batch, values of other rows,
    states that are changed in place, and energies that autocast rounds. It consumes no random numbers, changes no
    buffer, and is made once for each energy and mode, as soon as its values are not all equal.

    Args:
        x: states `(B, D)` that the energy takes.
        random: whether the values may be random, as in a fit with dropout.

    Raises:
        InputError: the value depends on something else, it is in half precision, or the states have another number of
            bits than the energy.
        NumericalError: a value is NaN or −∞, where the values may be random.
    """
    check_type(energy)
    autocast = torch.is_autocast_enabled(x.device.type)
    inner = energy.unclamped  # a clamped energy may be made for each batch
    key = (inner.training, autocast, x.dtype, random)
    probed: set[tuple[object, ...]] = inner.__dict__.setdefault("_probed", set())
    if key not in probed and x.numel():
        _refuse_batch_statistics(energy)
        with _leaving_no_trace(energy, x.device):
            if _probe(energy, x, autocast=autocast, random=random):
                probed.add(key)
    check_bits(energy, x)


def check_bits(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` if the energy knows its number of bits and the states have another one, or if they aren't
    states of its groups."""
    if energy.groups is not None:
        energy.groups.check(x)
    energy = energy.unclamped  # what is known of other bits is the concern of `Clamped`
    try:
        bits = energy.bits
    except InputError:
        return
    if x.shape[-1] != bits:
        raise InputError(f"x: expected states of {bits} bits, which {type(energy).__name__} has, got {x.shape[-1]}")


@contextmanager
def evaluating(energy: nn.Module, device: torch.device) -> Iterator[None]:
    """A block in which the energy is a function of the state alone: dropout and autocast are off."""
    training = [part for part in energy.modules() if part.training]
    try:
        for part in training:
            part.training = False
        rounded = torch.is_autocast_enabled(device.type)
        with torch.autocast(device.type, enabled=False) if rounded else nullcontext():
            yield
    finally:
        for part in training:
            part.training = True


def _probe(energy: Energy, x: Tensor, *, autocast: bool, random: bool) -> bool:
    """Whether the values say something: an energy that is constant so far may still mix up its rows."""
    name = type(energy).__name__
    states = _three_states(energy, x)
    # a compiled energy would be compiled anew for three states and for one
    evaluate: Callable[[Tensor], Tensor] = energy.forward if energy._compiled_call_impl is not None else energy
    given = states.clone()
    together = evaluate(given)
    check_shape(energy, together, (3,))
    if random and not (together > -torch.inf).all():  # nor is NaN; chains and likelihoods say more than losses
        raise NumericalError(f"energy: expected {name} to give numbers or +∞, got {together.tolist()}")
    if not torch.equal(given, states):
        raise InputError(f"energy: expected {name} to leave the states as they are, got x changed in place; use a copy")
    if together.element_size() < 4:
        raise InputError(
            f"energy: expected {name} to give single or double precision, got {together.dtype}: {HALF}; call "
            ".float() on the energy, or in forward before its last layer"
        )
    if autocast:
        _refuse_rounding(together, evaluate, states, name)
    reverse, alone = evaluate(states.flip(0)).flip(0), evaluate(states[:1])
    if not (_agree(together, reverse) and _agree(together[:1], alone)):
        repeats = (evaluate(states) for _ in range(REPEATS if random else 1))
        again = next((value for value in repeats if not _agree(together, value)), None)
        if again is not None:
            if random:
                return True
            way = "use no randomness in forward"
            if energy.training:
                way = f"call energy.eval() if it has dropout; otherwise {way}"
            raise InputError(
                f"energy: expected {name} to give a state one value, got {together[0].item():.6g} and "
                f"{again[0].item():.6g}: {way}"
            )
        raise InputError(
            f"energy: expected {name} to give each state its own value, got {together[0].item():.6g} for a state "
            f"among others and {alone[0].item():.6g} alone: forward mixes the rows of a batch"
        )
    return bool((together - together[0]).abs().max() > 10 * _tolerance(together))  # NaN for +∞ in all: not informative


def _three_states(energy: Energy, x: Tensor) -> Tensor:
    """The first state, the last one, and the first with half of its free bits flipped, or half of its variables
    moved."""
    free = torch.ones_like(x[0], dtype=torch.bool)
    if getattr(energy.free, "__func__", None) is not Energy.free:
        free = energy.free(x)[0]  # of the whole batch, since `Clamped` may know other bits in each state
    groups = energy.groups
    if groups is not None:
        moves = groups.movable(x[:1], free[None])
        half = torch.arange(len(groups.variables), device=x.device) % 2
        moves = groups.choose(torch.where(moves, 0.0, -torch.inf), 0.999 * half.to(x.dtype)[None])
        return torch.cat([x[:1], x[-1:], groups.apply(x[:1], moves)[0]])
    half = free & (2 * free.cumsum(-1) <= free.sum() + 1)
    return torch.stack([x[0], x[-1], (x[0] - half.to(x.dtype)).abs()])


def _tolerance(value: Tensor) -> float:
    finite = value[value.isfinite()]
    return ROUNDING.get(value.dtype, 1e-3) * (1 + (finite.abs().max().item() if len(finite) else 0.0))


def _agree(value: Tensor, other: Tensor) -> bool:
    """Whether values agree up to rounding; infinite ones must be equal, and NaN is reported elsewhere."""
    return torch.allclose(value, other, rtol=0.0, atol=_tolerance(value), equal_nan=True)


def _refuse_rounding(value: Tensor, evaluate: Callable[[Tensor], Tensor], states: Tensor, name: str) -> None:
    device = states.device.type
    with torch.autocast(device, enabled=False):
        exact = evaluate(states)
    if not torch.equal(value, exact):
        error = (value - exact).abs().nan_to_num(0.0).max().item()
        raise InputError(
            f"autocast: expected none here, got one that changes {name} by up to {error:.2g} nats: {HALF}; leave it by "
            f"`with torch.autocast({device!r}, enabled=False):`, and use autocast inside forward"
        )


def _refuse_batch_statistics(energy: Energy) -> None:
    """Refuse modules whose output depends on the other rows of the batch."""
    for name, part in energy.named_modules():
        if isinstance(part, _BatchNorm) and (part.training or part.running_mean is None):
            way = (
                "or call energy.eval() after training" if part.running_mean is not None else "which has no such effect"
            )
            raise InputError(
                f"energy: expected each value to depend on its own state, got {type(part).__name__} ({name}), which "
                f"normalises by the other rows of the batch; use LayerNorm, {way}"
            )


@contextmanager
def _leaving_no_trace(energy: nn.Module, device: torch.device) -> Iterator[None]:
    """A block without gradients, after which random generators and buffers are as they were."""
    changing = [(buffer, buffer.clone()) for buffer in energy.buffers()] if energy.training else []
    devices = [] if device.type == "cpu" else [device]
    with torch.no_grad(), torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        yield
        for buffer, before in changing:
            if not torch.equal(buffer, before):  # a copy, even of equal values, would spoil a gradient that needs it
                buffer.copy_(before)
