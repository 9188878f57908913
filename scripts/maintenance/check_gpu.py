"""Show that everything works on a GPU: one command, at most ten minutes, one table.

    python scripts/maintenance/check_gpu.py                      on the GPU
    python scripts/maintenance/check_gpu.py --device cpu         the same in small, to try this script without a GPU

It runs the tests of tensors on the device in single precision, the main job (graphs are learned, generated and scored),
and two races against the processor, then the benchmark of the samplers on the processor. The exit code is 0 where all
went well, 1 where something didn't, and 2 where there is no GPU. Needs the tests' requirements.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Row(NamedTuple):
    """A line of the table."""

    part: str
    seconds: float
    good: bool
    result: str


def finished(command: list[str], limit: float) -> tuple[bool, str]:
    """Run a command of the repository; whether it ended well in time, and what it printed."""
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TQDM_DISABLE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"not finished after {limit:.0f} s"
    return done.returncode == 0, done.stdout + ("" if done.returncode == 0 else done.stderr[-2000:])


def tests(device: str, folder: Path, *, small: bool) -> tuple[bool, str]:
    """The tests of tensors on the device, in single precision."""
    workers = str(min(8, os.cpu_count() or 1))
    where = ["tests/test_states.py", "tests/perturbations"] if small else []
    options = ["-m", "pytest", "--device", device, "--dtype", "float32", "-n", workers, f"--basetemp={folder}/tests"]
    good, printed = finished([*options, "-p", "no:cacheprovider", *where], 270)
    summary = re.findall(r"\d+ (?:passed|failed|error).*", printed)
    return good, summary[-1] if summary else printed.strip().splitlines()[-1]


def main_job(device: str, folder: Path, *, small: bool) -> tuple[bool, str]:
    """The main job; its graphs must be nearer to the test graphs than random graphs of the same size are."""
    sizes = ["--steps", "60", "--samples", "64", "--level-steps", "1", "--width", "16"] if small else []
    out = folder / "job"
    script = str(ROOT / "scripts" / "generate_ego_graphs.py")
    good, printed = finished([script, "--device", device, "--out", str(out), *sizes], 200)
    if not good:
        return False, printed.strip().splitlines()[-1]
    scores = json.loads((out / "result.json").read_text(encoding="utf-8"))["statistics"]["degree"]
    generated, random = scores["mmd2"], scores["erdos_renyi"]
    return small or generated < random, f"MMD² of the degrees {generated:.4f}, of random graphs {random:.4f}"


def races(device: str, folder: Path, *, small: bool) -> tuple[bool, str]:  # noqa: ARG001
    """Training steps of the main job's model and steps of many chains, on the device and on the processor."""
    import torch

    from discrete_ed import (
        Bernoulli,
        GibbsWithGradients,
        GraphEnergy,
        MLPEnergy,
        Taylor,
        energy_discrepancy,
        sample,
    )

    def training(place: str) -> Callable[[], None]:
        energy, x = GraphEnergy(18).to(place), torch.ones(64, 171, device=place)
        optimizer = torch.optim.AdamW(energy.parameters())

        def step() -> None:
            optimizer.zero_grad()
            energy_discrepancy(energy, x, Bernoulli(epsilon=0.02), m=16).backward()
            optimizer.step()

        return step

    def sampling(place: str) -> Callable[[], None]:
        energy, x = MLPEnergy(784, hidden=(512, 512)).to(place), torch.zeros(100 if small else 4096, 784, device=place)
        return lambda: (sample(GibbsWithGradients(), Taylor(energy), x, 10), None)[1]

    def rate(step: Callable[[], None], place: str) -> float:
        step()
        steps, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < (0.5 if small else 5):
            step()
            if place.startswith("cuda"):
                torch.cuda.synchronize()
            steps += 1
        return steps / took

    torch.manual_seed(0)
    words = []
    for name, build in (("training", training), ("sampling", sampling)):
        there, here = rate(build(device), device), rate(build("cpu"), "cpu")
        words.append(f"{name} {there:,.1f} steps/s, {there / here:.1f} × the processor")
    return True, "; ".join(words)


def benchmark(device: str, folder: Path, *, small: bool) -> tuple[bool, str]:  # noqa: ARG001
    """The benchmark of the samplers, in short rounds, on one core of the processor."""
    options = ["--rounds", "1", "--seconds", "0.05", *(["--only", "gradients, MLP"] if small else [])]
    good, printed = finished([str(ROOT / "scripts" / "maintenance" / "benchmark.py"), *options], 90)
    ratios = [line for line in printed.splitlines() if "×" in line]
    return good, f"{len(ratios)} contestants measured" if good else printed.strip().splitlines()[-1]


PARTS = {"tests": tests, "main job": main_job, "races": races, "benchmark": benchmark}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1; cpu or simulated try this script in small")
    device = parser.parse_args().device
    small = not device.startswith("cuda")
    sys.path.insert(0, str(ROOT))
    import torch

    if not small and not torch.cuda.is_available():
        print("no GPU: torch.cuda.is_available() is false; --device cpu tries this script without one")
        raise SystemExit(2)
    place = "cpu" if device == "simulated" else device  # only the tests have a simulated device
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for part, run in PARTS.items():
            started = time.monotonic()
            good, result = run(device if run is tests else place, Path(name), small=small)
            rows.append(Row(part, time.monotonic() - started, good, result))
            print(f"{part}: {'ok' if good else 'BAD'} after {rows[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    names = device if small else f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    print(f"| on {names} | seconds | went well | result |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.part} | {row.seconds:.0f} | {'yes' if row.good else 'NO'} | {row.result} |")
    raise SystemExit(0 if all(row.good for row in rows) else 1)


if __name__ == "__main__":
    main()
