"""The look of all figures: colours, frames, limits, and how they are written. None needs a display.

Matplotlib is imported where a figure is written, so that a run that plots nothing doesn't need it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from discrete_ed.jobs.page import PageFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REAL, GENERATED, QUIET = "#1b6ca8", "#d1495b", "#8a8f98"
"""colours of real data, of what a model generated or learned, and of yardsticks"""
DPI = 200
"""dots per inch of PNG files, and of the images inside vector graphics"""
LARGEST_SVG = 1_500_000
"""characters of a vector graphic above which a page shows the PNG, since browsers render so many elements slowly"""


def style(axes: Axes, title: str, x: str, y: str) -> None:
    """Give axes a title on the left, labels, and a light frame."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def as_png(figure: Figure) -> bytes:
    """The figure as PNG; characters that matplotlib's font lacks become boxes, without a warning for each."""
    png = io.BytesIO()
    with _missing_glyphs_allowed():
        figure.savefig(png, format="png", dpi=DPI)
    return png.getvalue()


def as_svg(figure: Figure) -> str:
    """The figure as a vector graphic whose text is stored as paths, so that it looks the same in every browser.

    The same figure always gives the same bytes, since the date and random names are left out.
    """
    from matplotlib import rc_context

    svg = io.BytesIO()
    with _missing_glyphs_allowed(), rc_context({"svg.fonttype": "path", "svg.hashsalt": "discrete-ed"}):
        figure.savefig(svg, format="svg", dpi=DPI, metadata={"Date": None})
    return svg.getvalue().decode()


def page_figure(title: str, figure: Figure, caption: str) -> PageFigure:
    """The figure as a report page shows it: as a vector graphic, unless that is larger than `LARGEST_SVG`."""
    svg = as_svg(figure)
    return PageFigure(title, caption, as_png(figure), svg if len(svg) <= LARGEST_SVG else None)


def range_of(values: Sequence[float], include: float | None = None) -> tuple[float, float]:
    """Axis limits, with a margin, that show all but the most extreme values, and the value to include."""
    shown = [*np.percentile(values, [0.5, 98])] if len(values) else []
    shown += [] if include is None else [include]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def plot_loss(axes: Axes, loss: Sequence[float], title: str) -> None:
    """The loss of each training step, and its moving average over a fiftieth of the steps."""
    axes.plot(np.arange(1, len(loss) + 1), loss, color=QUIET, alpha=0.4, linewidth=0.7)
    window = max(1, len(loss) // 50)
    smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
    axes.plot(np.arange(len(smooth)) + window, smooth, color=GENERATED)
    axes.set_ylim(*range_of(loss))
    style(axes, title, "training step", "loss")


@contextmanager
def _missing_glyphs_allowed() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield
