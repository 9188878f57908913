"""Report pages in a real browser: no console message, no outside request, nothing wider than a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from html import escape
from pathlib import Path

import networkx as nx
import pytest

from discrete_ed.jobs import graph_figures as figures
from discrete_ed.jobs import page
from discrete_ed.jobs.style import page_figure

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
# What the browser asks for by itself, whatever the page.
ITS_OWN = re.compile(r"https?://([a-z0-9-]+\.)*(google|googleapis|gstatic)\.com[/:]")


def open_page(html: str, folder: Path, width: int) -> tuple[list[str], set[str], str]:
    """Console messages, outside requests, and the page's own measure of what sticks out, at a width.

    The page is in a frame, since a window can't be as narrow as a phone.
    """
    probe = "let e = document.documentElement; parent.document.title = e.scrollWidth - e.clientWidth"
    inner = escape(html.replace("</body>", f"<script>{probe}</script></body>"))
    outer = f'<!doctype html><title></title><link rel="icon" href="data:,"><iframe width="{width}" srcdoc="{inner}">'
    (folder / "page.html").write_text(outer, encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                str(CHROMIUM),
                *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--dump-dom"),
                "--window-size=1400,900",
                f"--user-data-dir={profile}",
                f"--log-net-log={folder / 'net.json'}",
                (folder / "page.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    asked = set(re.findall(r'"url":"(https?://[^"]+)', (folder / "net.json").read_text(encoding="utf-8")))
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    return console, {url for url in asked if not ITS_OWN.match(url)}, title[1] if title else ""


@pytest.fixture(scope="module")
def report() -> str:
    graphs = [nx.star_graph(k) for k in range(2, 12)]
    name = "a_generator_with_a_very_long_name_that_has_no_blank_anywhere_at_all.g6"
    rows = [["MMD²", *["a column with a name"] * 5], ["generated", *["0.1234 ±0.0012"] * 5], [name, *["0.1234"] * 5]]
    tables = {"Scores": rows, f"The graphs of {name}": [["", "value"], ["novel", f"1% (of those of {name}: 2%)"]]}
    images = [page_figure(f"Gallery of {name}", figures.gallery(graphs, graphs), f"caption of {name}")]
    images.append(replace(images[0], svg=None))
    return page.render_page(
        f"Scores: {name}", f"{name} is good", "a lead", tables, images, {name: name}, [f"{name}: a note"]
    )


@pytest.mark.thorough
@pytest.mark.parametrize("width", [1280, 768, 400, 320])
def test_a_report_opens_cleanly_and_fits_the_window(report, tmp_path, width):
    assert open_page(report, tmp_path, width) == ([], set(), "0")


@pytest.mark.thorough
def test_a_page_that_complains_asks_outside_and_sticks_out_is_noticed(report, tmp_path):
    bad = '<script>console.error("boom")</script><img src="http://example.com/x.png"><div style="width:5000px">x</div>'
    console, outside, sticks_out = open_page(report.replace("</body>", bad + "</body>"), tmp_path, 1280)
    assert any("boom" in line for line in console)
    assert outside == {"http://example.com/x.png"}
    assert int(sticks_out) > 3000
