"""The report page: one HTML file that contains all its figures and loads nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PageFigure:
    """A figure as a page shows it: the vector graphic if there is one, otherwise the PNG.

    `style.page_figure` makes one from a matplotlib figure.
    """

    title: str
    caption: str
    png: bytes
    svg: str | None = None

    @property
    def source(self) -> str:
        """The image as a data URI, in which a browser runs no script that the image may contain."""
        kind, content = ("png", self.png) if self.svg is None else ("svg+xml", self.svg.encode())
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def render_page(
    title: str,
    verdict: str,
    lead: str,
    tables: Mapping[str, Sequence[Sequence[str]]],
    figures: Sequence[PageFigure],
    facts: Mapping[str, Any],
    notes: Sequence[str] = (),
    *,
    warnings: Sequence[str] = (),
    marked: bool = True,
) -> str:
    """A self-contained page: verdict, warnings, lead, tables, notes on them, figures, and a list of facts.

    Args:
        title: what the page is about.
        verdict: the result in one sentence, next to a number to judge it by; it stands right under the title.
        lead: what was done, and how to read it, in a sentence or two.
        tables: rows of text by the title of the table; the first row is the header.
        figures: in the order in which they are shown.
        facts: the options in effect, and other facts on the run, by name.
        notes: explanations of the tables, shown below them.
        warnings: what the reader must know before reading the tables; they stand above them.
        marked: whether the first row of the first table, the main result, is highlighted.
    """
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("discrete_ed", "jobs"), autoescape=True)
    return environment.get_template("page.html.jinja").render(
        title=title,
        verdict=verdict,
        lead=lead,
        tables=tables,
        figures=figures,
        facts=facts,
        notes=notes,
        warnings=warnings,
        marked=marked,
    )
