# ruff: noqa: ARG002, ARG005 (every kernel takes the same arguments)
"""What the first step of a kernel of one's own returns is looked at once."""

from __future__ import annotations

import pytest
import torch

from discrete_ed import Exact, InputError, IsingEnergy, Kernel, Metropolis, chain, sample

X = (torch.rand(5, 4, generator=torch.Generator().manual_seed(0), device="cpu") < 0.5).float()


class Own(Kernel):
    def __init__(self, change):
        self.change = change

    def init(self, local, x):
        return Metropolis().init(local, x)

    def step(self, local, state, *, generator=None):
        return self.change(state)


def in_place(state):
    state.x[0] = 1 - state.x[0]
    return state


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: None, r"expected Own\.step to return a State, got NoneType"),
        (lambda state: state.x, r"expected Own\.step to return a State, got Tensor"),
        (
            lambda state: state._replace(x=2 * state.x - 1),
            "x after a step of Own: expected only zeros and ones, got -1",
        ),
        (lambda state: state._replace(x=state.x / 2), "x after a step of Own: expected only zeros and ones, got 0.5"),
        (lambda state: state._replace(x=state.x.bool()), "x after a step of Own: expected a float tensor"),
        (lambda state: state._replace(x=state.x[:, :3]), r"expected Own\.step to keep x \(5, 4\).*got \(5, 3\)"),
        (lambda state: state._replace(x=state.x[:1]), r"expected Own\.step to keep x \(5, 4\).*got \(1, 4\)"),
        (lambda state: state._replace(x=state.x.double()), r"expected Own\.step to keep x .*float32, got .*float64"),
        (in_place, r"expected Own\.step to leave the given x as it is, got x changed in place; use a copy"),
    ],
    ids=["none", "bits only", "spins", "halves", "bool", "columns", "rows", "double", "in place"],
)
@pytest.mark.parametrize("thin", [1, 3])
def test_a_step_that_returns_no_state_of_as_many_bits_is_refused(change, reason, thin):
    with pytest.raises(InputError, match=reason):
        next(chain(Own(change), Exact(IsingEnergy(4)), X.clone(), thin=thin))
    with pytest.raises(InputError, match=reason):
        sample(Own(change), Exact(IsingEnergy(4)), X.clone(), thin)


def test_a_step_is_looked_at_once():
    calls = []

    def change(state):
        calls.append(state)
        return state._replace(x=1 - state.x) if len(calls) == 1 else in_place(state)

    assert sample(Own(change), Exact(IsingEnergy(4)), X, 3).shape == X.shape
    assert len(calls) == 3
