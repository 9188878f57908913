"""Draw the pictures of the README anew, from finished runs of the three main jobs.

    python scripts/train_ising.py --out RUNS/recover
    python scripts/generate_ego_graphs.py --seed 0 --out RUNS/generate
    python scripts/estimate_density.py --seed 0 --out RUNS/estimate
    python scripts/maintenance/pictures.py RUNS

The figures are those of the report pages, drawn smaller, so that their text can be read where a README is shown 700
pixels wide. They have a white background, since GitHub has a dark mode, and few colours, which keeps the files small.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from discrete_ed import load_energy, load_graph_data, read_graphs
from discrete_ed.data import TOYS
from discrete_ed.jobs.estimate.figures import heat_maps
from discrete_ed.jobs.evaluate.figures import gallery
from discrete_ed.jobs.recover.figures import recovery

IMAGES = Path(__file__).resolve().parents[2] / ".github" / "images"
WIDTH, PIXELS = 8.0, 1200
"""Inches, which decide how large text is, and pixels."""
LARGEST = 60_000
"""Bytes of a picture."""


def recover(run: Path) -> Figure:
    """Learned couplings of a known model with their 95% intervals, and their errors."""
    arrays = np.load(run / "couplings.npz")
    return recovery(arrays["true_couplings"], arrays["couplings"], (arrays["low_95"], arrays["high_95"]))


def generate(run: Path) -> Figure:
    """Training graphs, in the random order of the report page, beside generated graphs."""
    options = json.loads((run / "config.json").read_text())
    train = load_graph_data(options["data"], split_seed=options["split_seed"]).train
    order = np.random.default_rng(options["seed"]).permutation(len(train))
    return gallery([train[k] for k in order], read_graphs(run / "samples.g6"))


def estimate(run: Path) -> Figure:
    """A learned density in the plane beside the true one."""
    result = json.loads((run / "result.json").read_text())
    log_z = (result["log_z"]["forward"] + result["log_z"]["reverse"]) / 2
    return heat_maps(TOYS[result["data"]], load_energy(run / "checkpoint"), log_z)


PICTURES: dict[str, tuple[Callable[[Path], Figure], float]] = {
    "recover": (recover, 3.4),
    "generate": (generate, 4.1),
    "estimate": (estimate, 3.7),
}
"""For each job the figure of a run, and its height in inches."""


def small_png(figure: Figure, height: float) -> bytes:
    """The figure on white, with as many colours as `LARGEST` allows."""
    figure.set_size_inches(WIDTH, height)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=PIXELS / WIDTH, facecolor="white")
    image = Image.open(drawn).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        png = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(png, format="png", optimize=True)
        if png.tell() <= LARGEST:
            break
    return png.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder with the run folders " + ", ".join(PICTURES))
    runs = parser.parse_args().runs
    for name, (figure_of, height) in PICTURES.items():
        png = small_png(figure_of(runs / name), height)
        (IMAGES / f"{name}.png").write_bytes(png)
        print(f"{name}.png: {len(png)} bytes")


if __name__ == "__main__":
    main()
