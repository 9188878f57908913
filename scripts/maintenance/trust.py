"""Try to lose runs, to attack with files, and to find differences between processes; prints a table of the outcomes.

    python scripts/maintenance/trust.py                          everything, most of an hour on two cores
    python scripts/maintenance/trust.py kills --kills 6          one part of it
    python scripts/maintenance/trust.py ranks --jobs graphs      one job under torchrun

Parts: kills (kill -9 while training or judging), damage (flipped bits, cut files), storage (full disk, read-only
folder, missing or foreign manifest), strangers (malicious files through the command line), ranks (one process against
two, a killed and a slow one). Needs the tests' requirements. scripts/maintenance/fuzz.py tries the parsers of files.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attempts import Row, parsed, parser_of, try_parts
from small_jobs import JOBS, begin, differing, finish, wait_for_step, write_graph_files


def kills(home: Path, options: argparse.Namespace) -> list[Row]:
    """Kill runs at random steps, resume each, and compare the end with that of a run that was left alone."""
    rng = random.Random(options.seed)
    rows = []
    jobs = {name: JOBS[name] for name in options.jobs}
    for number, (name, job) in enumerate(jobs.items()):
        whole = home / f"{name}-whole"
        started = time.monotonic()
        done = finish(job, *job.arguments, "--out", whole)
        assert done.returncode == 0, done.stderr
        seconds = time.monotonic() - started
        wanted = options.kills * (number + 1) // len(jobs) - options.kills * number // len(jobs)
        counts: Counter[str] = Counter()
        run = 0
        while counts["kills"] < wanted:
            run += 1
            folder = home / f"{name}-{run}"
            times = min(10, wanted - counts["kills"])
            places = sorted(rng.sample(range(2, max(job.steps, 100) - 10), times))
            arguments: list[object] = [*job.often, "--out", folder]
            for place in places:
                process = begin(job, *arguments)
                alive = wait_for_step(process, folder, place if job.steps else 0)
                time.sleep(
                    rng.random() * (0.03 if job.steps else seconds / 2)
                )  # into a step, or the writing of a checkpoint
                process.send_signal(signal.SIGKILL)
                process.wait()
                counts["kills"] += alive and process.returncode == -signal.SIGKILL
                counts["stray"] += len(list(folder.rglob("*.tmp")))
                arguments = ["--resume", folder]
                if (folder / "result.json").exists():
                    break
            else:
                done = finish(job, *arguments)
            different = differing(job, folder, whole)
            counts["lost"] += len(places) * bool(done.returncode)
            counts["different"] += len(places) * bool(different)
            if done.returncode or different:
                print(name, places, done.returncode, different, done.stderr[-500:], file=sys.stderr)
            else:
                counts["stray at the end"] += len(list(folder.rglob("*.tmp")))
        outcome = f"{counts['lost']} lost, {counts['different']} different from the uninterrupted run"
        outcome += (
            f"; half-written files seen after a kill {counts['stray']}, left at the end {counts['stray at the end']}"
        )
        good = not (counts["lost"] or counts["different"] or counts["stray at the end"])
        rows.append(Row(f"kill -9, then --resume: {name}", counts["kills"], outcome, good))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def damage(home: Path, options: argparse.Namespace) -> list[Row]:
    """Flip bits of a real run's checkpoints, and cut them."""
    from discrete_ed import Checkpoints

    rng = random.Random(options.seed)
    job = JOBS["graphs"]
    folder = home / "damage"
    process = begin(job, *job.often, "--out", folder)
    wait_for_step(process, folder, 30)
    process.terminate()
    process.wait()
    checkpoints = Checkpoints(folder / "progress" / "train")
    newest = max(path for path in checkpoints.folder.iterdir() if path.name.startswith("step-"))
    files = sorted(newest.iterdir())
    rows = []
    for what, cases in (("a flipped bit", 200), ("a cut file", 100)):
        silent = refused = 0
        for case in range(cases):
            path = files[case % len(files)]
            content = path.read_bytes()
            place = rng.randrange(len(content))
            bit = bytes([content[place] ^ 1 << rng.randrange(8)])
            path.write_bytes(content[:place] + (bit + content[place + 1 :] if what == "a flipped bit" else b""))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                saved = checkpoints.restore()
            silent += saved is None or f"step-{saved.step:06d}" == newest.name or not caught
            refused += bool(caught)
            path.write_bytes(content)
        outcome = f"{refused} detected (the checkpoint before was used, with a warning), {silent} silent"
        rows.append(Row(f"{what} in a checkpoint", cases, outcome, silent == 0))
    return rows


def storage(home: Path, options: argparse.Namespace) -> list[Row]:  # noqa: ARG001
    """A full disk, a folder that can't be written, manifests that are missing or of another schema."""
    job = JOBS["graphs"]
    folder = home / "storage"
    process = begin(job, *job.often, "--out", folder)
    wait_for_step(process, folder, 20)
    process.kill()
    process.wait()
    progress = folder / "progress" / "train"

    def state() -> list[tuple[str, bytes]]:
        found = sorted(path for path in progress.rglob("*") if path.is_file() and not path.parent.name.endswith(".tmp"))
        return [(str(path.relative_to(folder)), path.read_bytes()) for path in found]

    def one_line(done: subprocess.CompletedProcess[str], words: str) -> bool:
        lines = [line for line in re.split(r"[\r\n]+", done.stderr) if line.startswith("error:")]
        return done.returncode == 2 and len(lines) == 1 and words in lines[0] and "Traceback" not in done.stderr

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    rows = []
    before = state()
    done = finish(job, "--resume", folder, preexec_fn=full)
    stray = [str(path) for path in progress.rglob(".*.tmp")]
    good = one_line(done, "File too large") and state() == before and not stray
    rows.append(Row("full disk (RLIMIT_FSIZE) while saving", 1, _outcome(good, done, stray), good))
    said = _saved_by_nobody(home, progress)
    good = "Permission denied" in said and state() == before
    rows.append(Row("a folder that is read-only", 1, "one line; the checkpoints as before" if good else said, good))
    for what, change, words in (
        ("a missing manifest", lambda path: path.unlink(), "manifest.json: No such file"),
        ("a manifest of another schema", lambda path: path.write_text('{"schema": 9}'), "expected schema 1, got 9"),
    ):
        copy = home / what.replace(" ", "-")
        shutil.copytree(folder, copy)
        for path in (copy / "progress" / "train").glob("step-*/manifest.json"):
            change(path)
        done = finish(job, "--resume", copy)
        good = one_line(done, words)
        rows.append(Row(f"{what}, in all checkpoints", 1, _outcome(good, done), good))
    return rows


def _saved_by_nobody(home: Path, folder: Path) -> str:
    """The error of a user without rights who saves a checkpoint in the folder (for root no folder is read-only)."""
    from discrete_ed import Checkpoints, InputError

    Checkpoints(home / "first").save(1, {"a": 1})  # imports what it needs while it may
    home.chmod(0o755)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "another error"
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            else:
                folder.chmod(0o555)
            Checkpoints(folder).save(9999, {"a": 1})
            said = "saved"
        except InputError as error:
            said = str(error)
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.waitpid(child, 0)
    folder.chmod(0o755)
    return os.read(read, 2000).decode()


def _outcome(good: bool, done: subprocess.CompletedProcess[str], stray: list[str] | None = None) -> str:
    if good:
        return "one line, exit 2; the checkpoints as before, nothing stray"
    return f"exit {done.returncode}, stray {stray}: {done.stderr[-300:]!r}"


def strangers(home: Path, options: argparse.Namespace) -> list[Row]:  # noqa: ARG001
    """Malicious files through the command line: one line, exit 2, nothing executed."""
    from hostile_files import malicious

    from discrete_ed.jobs.cli import run_job

    (home / "good.g6").write_bytes(b"DQc\nDQc\n")
    marker = home / "executed"
    files = malicious(marker)
    bad = []
    for name, content in files.items():
        folder = home / "strangers" / name
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        graphs = name.startswith(("graphs", "ind")) or Path(name).suffix in (".g6", ".jsonl", ".graphml")
        arguments = ["evaluate", str(home / "good.g6"), str(folder / name)]
        if name.startswith("ind"):
            arguments = ["generate", "--data", "ego-small", "--root", str(folder)]
        elif name.endswith((".gz", ".idx")):
            arguments = ["continuous", "--part", "latent", "--images", str(folder / name), "--out", str(folder / "run")]
        elif not graphs:
            arguments = ["estimate", "--data", str(folder / name), "--out", str(folder / "run")]
        errors = io.StringIO()
        code: object = None
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            try:
                run_job(arguments[0], arguments[1:])
            except SystemExit as stop:
                code = stop.code
        lines = errors.getvalue().strip().splitlines()
        if code != 2 or len(lines) != 1 or marker.exists():
            bad.append((name, code, lines))
    outcome = f"{len(files) - len(bad)} refused with one line and exit 2, nothing executed"
    return [Row("malicious or malformed files", len(files), outcome + (f"; but {bad}" if bad else ""), not bad)]


def ranks(home: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Two processes under torchrun: to the end, with one killed, with one slow."""
    for name in options.jobs:
        job = JOBS[name]
        folder = home / f"{name}-two"
        done = finish(job, *job.arguments, "--out", folder, ranks=2)
        good = done.returncode == 0 and (folder / "result.json").exists()
        yield Row(f"two ranks, to the end: {name}", 1, "finished" if good else done.stderr[-500:], good)
        folder = home / f"{name}-killed"
        process = begin(job, *job.often, "--out", folder, ranks=2)
        wait_for_step(process, folder, job.steps // 4)
        time.sleep(0.5)
        os.kill(_workers(process.pid)[-1], signal.SIGKILL)
        started = time.monotonic()
        code = process.wait(timeout=120)
        waited = time.monotonic() - started
        done = finish(job, "--resume", folder, ranks=2)
        different = differing(job, folder, home / f"{name}-two")
        good = code != 0 and done.returncode == 0 and not different
        outcome = f"exit {code} after {waited:.0f} s; resumed with two ranks: {'same bits' if good else different}"
        yield Row(f"one of two ranks killed: {name}", 1, outcome, good)
        folder = home / f"{name}-slow"
        process = begin(job, *job.arguments, "--out", folder, ranks=2)
        wait_for_step(process, folder, 5)
        for _ in range(5):
            if process.poll() is not None:
                break
            worker = _workers(process.pid)[-1]
            os.kill(worker, signal.SIGSTOP)
            time.sleep(1)
            os.kill(worker, signal.SIGCONT)
            time.sleep(0.2)
        code = process.wait(timeout=600)
        different = differing(job, folder, home / f"{name}-two")
        outcome = f"exit {code}, {'same bits' if not different else f'differs in {different}'}"
        yield Row(f"one of two ranks slow: {name}", 1, outcome, code == 0 and not different)


def _workers(parent: int) -> list[int]:
    """The processes that torchrun started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children]


PARTS = {part.__name__: part for part in (kills, damage, storage, strangers, ranks)}


def main() -> None:
    parser = parser_of(__doc__, PARTS)
    parser.add_argument("--kills", type=int, default=50, help="number of kills, over all jobs")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="jobs of the parts kills and ranks")
    try_parts(PARTS, parsed(parser, PARTS, sys.argv[1:]), write_graph_files)


if __name__ == "__main__":
    main()
