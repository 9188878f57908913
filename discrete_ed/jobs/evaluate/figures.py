"""The figure of scores over training."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from discrete_ed.graphs.evaluation import GraphEvaluation
from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style


def score_curve(places: Sequence[int], evaluations: Sequence[GraphEvaluation]) -> Figure:
    """Mean MMD² beside its yardsticks, and the shares of graphs, over training steps or other numbers.

    Args:
        places: the number of each evaluation, such as the training step.
        evaluations: with the same reference and training graphs.
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    steps, found = [places[k] for k in order], [evaluations[k] for k in order]
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    first = found[0].mean
    left.plot(steps, [evaluation.mean.mmd2 for evaluation in found], color=GENERATED, marker="o", label="generated")
    left.axhline(first.floor, color=REAL, linestyle="--", label="floor: real graphs")
    left.axhline(first.erdos_renyi, color=QUIET, linestyle=":", label="random graphs, same n and m")
    if first.floor > 0 and min(evaluation.mean.mmd2 for evaluation in found) > 0:
        left.set_yscale("log")
    left.legend(frameon=False)
    style(left, "mean MMD² of degree, clustering and orbit", "number in the name", "MMD²")
    for name, color in (("novel", REAL), ("unique", QUIET), ("vun", GENERATED)):
        shares = [getattr(evaluation.shares, name) for evaluation in found]
        if None not in shares:
            right.plot(steps, shares, color=color, marker="o", label={"vun": "V.U.N."}.get(name, name))
    right.set_ylim(-0.02, 1.02)
    right.legend(frameon=False)
    style(right, "shares of graphs", "number in the name", "share")
    return figure
