"""How figures look: colours, frames, limits, and PNG. Nothing here touches a display."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

REAL, MADE, QUIET = "#1b6ca8", "#d1495b", "#8a8f98"


def style(axes: Axes, title: str, x: str, y: str) -> None:
    """A title on the left, labels, and no more frame than needed."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def as_png(figure: Figure) -> bytes:
    """The figure as PNG; characters that matplotlib's font lacks become boxes without a warning each."""
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(png, dpi=130)
    return png.getvalue()


def range_of(values: Sequence[float], include: float | None = None) -> tuple[float, float]:
    """Limits that show all but the most extreme values, and the one to include, with a margin."""
    shown = [*np.percentile(values, [0.5, 98])] if len(values) else []
    shown += [] if include is None else [include]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin
