"""A classifier two-sample score: how well a classifier tells generated from reference graphs that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.statistics import Floats
from discrete_ed.metrics.two_sample import PERMUTATIONS, TIES

FOLDS = 4  # of the cross-validation that chooses the descriptor
LEAST_GRAPHS = 2 * FOLDS  # in each set: half of them, split into the folds
FLOOR_OF_LOG = 1e-10  # added to probabilities before their logarithm is taken
C = 0.1  # inverse strength of the penalty of the logistic regression


class Classifier(Protocol):
    """A classifier with the interface of scikit-learn."""

    def fit(self, x: Floats, y: Floats) -> Any:
        """Learn from rows `(N, K)` with labels 0 and 1, `(N,)`."""

    def predict_proba(self, x: Floats) -> Floats:
        """The probabilities of the labels 0 and 1, `(N, 2)`."""


@dataclass(frozen=True)
class ClassifierScore:
    """The result of `classifier_score`."""

    value: float
    """the bound on the Jensen–Shannon distance, between 0 and 1, from the descriptor that was chosen"""
    descriptor: str
    """the descriptor that tells the sets apart best in cross-validation on the first halves"""
    by_descriptor: Mapping[str, float]
    """the bound from each descriptor, on the second halves"""
    p_value: float
    """p-value of the chosen descriptor's bound, by permutation of the labels of the second halves"""


def logistic_regression() -> Classifier:
    """scikit-learn's logistic regression with a quadratic penalty, in which both sets count the same.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise InputError(
            "measures: expected scikit-learn for the classifier score to be installed (pip install scikit-learn)"
        ) from None
    return LogisticRegression(C=C, class_weight="balanced", max_iter=1000)


def tabpfn() -> Classifier:
    """TabPFN with its own defaults; on first use, that package fetches its weights from the network.

    Raises:
        InputError: TabPFN is not installed, or (when it is fitted) it can't get its weights.
    """
    try:
        from tabpfn import TabPFNClassifier
    except ImportError:
        raise InputError(
            "measures: expected TabPFN for classifier-tabpfn to be installed (pip install tabpfn); the measure "
            "classifier needs scikit-learn only"
        ) from None
    return _TabPFN(TabPFNClassifier())


@dataclass(frozen=True)
class _TabPFN:
    """The same classifier, whose failures name the measure."""

    model: Any

    def fit(self, x: Floats, y: Floats) -> None:
        try:
            self.model.fit(x, y)
        except Exception as error:  # without a network or a licence, loading the weights raises several kinds
            reason = " ".join(str(error).split())[:240] or type(error).__name__
            raise InputError(
                f"measures: expected TabPFN to load its weights for classifier-tabpfn, but {reason}; the measure "
                "classifier needs scikit-learn only"
            ) from error

    def predict_proba(self, x: Floats) -> Floats:
        return np.asarray(self.model.predict_proba(x), dtype=float)


def classifier_score(
    reference: Mapping[str, Floats],
    generated: Mapping[str, Floats],
    classifier: Callable[[], Classifier] = logistic_regression,
    *,
    seed: int = 0,
) -> ClassifierScore:
    """A lower bound on the Jensen–Shannon distance between the laws of two sets, from a classifier on held-out graphs.

        √ max(0, 1 + ½ mean log₂ p(reference graph) + ½ mean log₂ (1 − p(generated graph)))

    Here p is the probability that the classifier gives to "reference". For each descriptor it is fitted to one half of
    each set, with every feature standardised, and evaluated on the other. Of all descriptors the one counts that is
    best in cross-validation within the first halves, so that the choice does not bias the bound. It is 0 if the
    classifier does no better than a fair coin, and 1 if it separates the sets.

    The p-value permutes the labels of the second halves, while descriptor and classifier stay: it is exact.

    Args:
        reference: features of the reference graphs by descriptor, `(m, K)` each.
        generated: the same of the generated graphs, `(n, K)`; shorter rows are padded with zeros on the right.
        classifier: called without arguments, it makes a new classifier, see `Classifier`.
        seed: seed of the halves, the folds and the permutations.

    Raises:
        InputError: fewer than eight graphs in a set, or scikit-learn is not installed.

    Source: Krimmel et al. 2025, PolyGraph Discrepancy, arXiv 2510.06122.
    """
    m, n = (len(next(iter(features.values()))) for features in (reference, generated))
    if min(m, n) < LEAST_GRAPHS:
        raise InputError(
            f"measures: expected at least {LEAST_GRAPHS} graphs in each set for a classifier, got {m} and {n}"
        )
    in_training, scores = {}, {}
    for name in reference:
        x, y = same_width(reference[name], generated[name])
        rng = np.random.default_rng(seed)  # the same halves for each descriptor
        learned = [rng.choice(k, size=k // 2, replace=False) for k in (m, n)]
        first = np.concatenate([x[learned[0]], y[learned[1]]])
        second = np.concatenate([np.delete(x, learned[0], axis=0), np.delete(y, learned[1], axis=0)])
        labels = np.repeat([1, 0], [m // 2, n // 2])
        spread = first.std(axis=0)
        shift, scale = first.mean(axis=0), np.where(spread > 1e-12 * np.abs(first).max(axis=0), spread, 1)
        first, second = (first - shift) / scale, (second - shift) / scale
        in_training[name] = _cross_validated(classifier, first, labels)
        scores[name] = _probabilities(classifier, first, labels, second)
    chosen = max(in_training, key=in_training.__getitem__)
    held_out = np.repeat([1, 0], [m - m // 2, n - n // 2])
    return ClassifierScore(
        _distance(scores[chosen], held_out),
        chosen,
        {name: _distance(p, held_out) for name, p in scores.items()},
        _p_value(scores[chosen], held_out, seed),
    )


def same_width(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Both sets of rows, the shorter padded with zeros on the right."""
    width = max(x.shape[1], y.shape[1])
    return np.pad(x, ((0, 0), (0, width - x.shape[1]))), np.pad(y, ((0, 0), (0, width - y.shape[1])))


def _cross_validated(make: Callable[[], Classifier], rows: Floats, labels: Floats) -> float:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(rows, labels)
    found = [_distance(_probabilities(make, rows[a], labels[a], rows[b]), labels[b]) for a, b in folds]
    return float(np.mean(found))


def _probabilities(make: Callable[[], Classifier], rows: Floats, labels: Floats, others: Floats) -> Floats:
    """The probability of "reference" for each of the other rows, `(N,)`."""
    if (rows == rows[0]).all():
        return np.full(len(others), 0.5)
    model = make()
    model.fit(rows, labels)
    return np.asarray(model.predict_proba(others), dtype=float)[:, 1]


def _bound(p: Floats, labels: Floats) -> Floats:
    """The bound on the divergence, in bits, for labels `(N,)`, or for many at once, `(P, N)`."""
    real = np.log2(p + FLOOR_OF_LOG) @ labels.T / labels.sum(axis=-1)
    made = np.log2(1 - p + FLOOR_OF_LOG) @ (1 - labels).T / (1 - labels).sum(axis=-1)
    return 1 + (real + made) / 2


def _distance(p: Floats, labels: Floats) -> float:
    return float(np.sqrt(np.clip(_bound(p, labels), 0, 1)))


def _p_value(p: Floats, labels: Floats, seed: int) -> float:
    rng = np.random.default_rng(seed)
    permuted = _bound(p, np.stack([rng.permutation(labels) for _ in range(PERMUTATIONS)]))
    return float((1 + np.sum(permuted >= _bound(p, labels) - TIES)) / (1 + PERMUTATIONS))
