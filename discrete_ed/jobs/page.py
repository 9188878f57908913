"""One HTML page that holds everything: no outside request, nothing to lose."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

Figures = Mapping[str, tuple[bytes, str]]
"""PNG and caption of each figure, by title."""


def render_page(
    title: str,
    lead: str,
    tables: Mapping[str, Sequence[Sequence[str]]],
    figures: Figures,
    facts: Mapping[str, Any],
    notes: Sequence[str] = (),
    *,
    warnings: Sequence[str] = (),
    marked: bool = True,
) -> str:
    """A self-contained page: a lead, tables (the first row is the header), notes on them, figures, a list of facts.

    Args:
        warnings: what must be known before the tables are read, and stands above them.
        marked: whether the first row of the first table is what the page is about.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader("discrete_ed", "jobs"), autoescape=True)
    images = {name: (base64.b64encode(png).decode(), caption) for name, (png, caption) in figures.items()}
    template = environment.get_template("page.html.jinja")
    told = {"notes": notes, "warnings": warnings, "marked": marked}
    return template.render(title=title, lead=lead, tables=tables, figures=images, facts=facts, **told)
