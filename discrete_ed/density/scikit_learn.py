"""The parts of scikit-learn that the estimator needs, or replacements where it isn't installed."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from discrete_ed.errors import InputError


def seed_of(random_state: Any) -> int:
    """A seed from a seed, a `numpy.random.RandomState` or `Generator`, or None for a random one.

    Raises:
        InputError: anything else.
    """
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    try:
        return int(np.random.SeedSequence(random_state).generate_state(1)[0])
    except (TypeError, ValueError):
        raise InputError(
            f"random_state: expected a whole number, at least 0, a numpy.random.Generator or None, got {random_state!r}"
        ) from None


try:
    from sklearn.base import BaseEstimator, DensityMixin
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:  # replacements for the few parts of scikit-learn that are needed

    def available_if(check: Any) -> Any:
        """Replacement for scikit-learn's decorator: the method exists always, and `check` is made when it is called."""
        return lambda method: lambda self, X: check(self) and method(self, X)

    class BaseEstimator:  # type: ignore[no-redef]
        """Replacement for scikit-learn's class: parameters are the arguments of the constructor."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 part of the interface
            """The constructor's arguments, by name."""
            return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

        def set_params(self, **params: Any) -> BaseEstimator:
            """Set some of the constructor's arguments."""
            for name, value in params.items():
                if name not in self.get_params():
                    raise InputError(f"{name}: expected one of {', '.join(self.get_params())}")
                setattr(self, name, value)
            return self

    class DensityMixin:  # type: ignore[no-redef]
        """Replacement for scikit-learn's class, without content."""

    def check_is_fitted(estimator: Any) -> None:
        if not hasattr(estimator, "energy_"):
            raise InputError("estimator: expected a fitted one; call fit first")

    def validate_data(estimator: Any, X: Any, *, reset: bool, ensure_min_samples: int = 1, **_: Any) -> Any:
        values = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=float)
        if values.ndim != 2 or len(values) < ensure_min_samples or np.isinf(values).any():
            raise InputError(f"X: expected finite numbers (N, D), N >= {ensure_min_samples}, got shape {values.shape}")
        if not reset and values.shape[1] != estimator.n_features_in_:
            raise InputError(f"X: expected {estimator.n_features_in_} features, got {values.shape[1]}")
        if reset:
            estimator.n_features_in_ = values.shape[1]
        return values


__all__ = ["BaseEstimator", "DensityMixin", "available_if", "check_is_fitted", "validate_data"]
