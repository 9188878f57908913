"""Try to lose runs, to let strangers in, and to tell several processes from one; prints a table of what happened.

    python scripts/trust.py                          everything, about an hour on two cores
    python scripts/trust.py kills --kills 6          one part of it
    python scripts/trust.py fuzz guided --cases 500 --seconds 60

Parts: kills (kill -9 while training or judging), damage (flipped bits, cut files), storage (full disk, read-only
folder, missing or foreign manifest), strangers (malicious files through the command line), ranks (one process against
two, a killed and a slow one), fuzz (mutated files for every parser), guided (the same, guided by coverage: needs `pip
install atheris`). Needs the tests' requirements.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
os.environ.setdefault("OMP_NUM_THREADS", "1")
HANG = 20  # seconds that one case may take
PART = 40  # seconds of a guided run between two looks


class Job(NamedTuple):
    """A job that is small enough to be killed often, and the files that tell whether it came out the same."""

    script: str
    arguments: list[str]
    compared: list[str]
    steps: int = 0
    """Training steps that are logged; 0 where none are, and the job is killed after random times."""

    @property
    def often(self) -> list[str]:
        """The arguments that make it save after every step, where it has steps."""
        return [*self.arguments, *(["--checkpoint-seconds", "0"] if self.steps else [])]


SMALL = ["--width", "8", "--layers", "1", "--batch", "16"]
JOBS = {
    "graphs": Job(
        "generate_ego_graphs.py",
        [*SMALL, "--steps", "300", "--negatives", "2", "--samples", "60", "--sampler-steps", "150", "--chains", "40"],
        ["checkpoint/weights.safetensors", "metrics.jsonl", "samples.g6"],
        300,
    ),
    "densities": Job(
        "estimate_density.py",
        [*SMALL, "--data", "moons", "--loss", "pcd", "--steps", "300", "--samples", "50", "--sampler-steps", "20"],
        ["checkpoint/weights.safetensors", "metrics.jsonl", "samples.npy"],
        300,
    ),
    "couplings": Job(
        "train_ising.py",
        ["--side", "6", "--samples", "500", "--estimator", "block", "--penalty", "auto"],
        ["model/weights.safetensors", "couplings.npz"],
    ),
    "scores": Job(
        "evaluate_graphs.py",
        ["--reference", "test.g6", "--generated", "generated.g6", "--train", "train.g6"],
        ["result.json", "report.html"],
    ),
}


class Row(NamedTuple):
    what: str
    cases: int
    outcome: str
    good: bool


def command(job: Job, *more: object, ranks: int = 1) -> list[str]:
    """The command line of a job, under torchrun where it has several ranks."""
    start = [sys.executable] if ranks == 1 else [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    start += [] if ranks == 1 else ["--nproc-per-node", str(ranks)]
    return [*start, str(ROOT / "scripts" / job.script), *map(str, more)]


def finish(job: Job, *more: object, ranks: int = 1, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a job to its end."""
    return subprocess.run(command(job, *more, ranks=ranks), capture_output=True, text=True, check=False, **options)


def begin(job: Job, *more: object, ranks: int = 1) -> subprocess.Popen[bytes]:
    """Start a job, silently."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(job, *more, ranks=ranks), **quiet)  # type: ignore[call-overload]


def steps_logged(folder: Path) -> int:
    """The last step that a run has logged."""
    try:
        lines = (folder / "metrics.jsonl").read_bytes().split(b"\n")
    except OSError:
        return 0
    return max((int(found[1]) for line in lines[-3:] if (found := re.search(rb'"step": (\d+)', line))), default=0)


def wait_for_step(process: subprocess.Popen[bytes], folder: Path, step: int) -> bool:
    """Whether the process is still there when it has logged the step."""
    while process.poll() is None and (steps_logged(folder) < step or not (folder / "config.json").exists()):
        time.sleep(0.002)
    return process.poll() is None


def differing(job: Job, folder: Path, other: Path) -> list[str]:
    """The files in which two runs differ."""
    return [name for name in job.compared if not _same(folder / name, other / name)]


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


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
    """What a user without rights is told who saves a checkpoint in the folder (to root nothing is read-only)."""
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
    from discrete_ed.cli import run_job
    from tests.strangers import malicious

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
            arguments = ["generate-ego-graphs", "--data", "ego-small", "--root", str(folder)]
        elif name.endswith((".gz", ".idx")):
            arguments = ["continuous", "--part", "latent", "--images", str(folder / name), "--out", str(folder / "run")]
        elif not graphs:
            arguments = ["estimate-density", "--data", str(folder / name), "--out", str(folder / "run")]
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


def fuzz(home: Path, options: argparse.Namespace) -> list[Row]:
    """Mutated files for every parser, each parser in a process of its own."""
    from tests.strangers import parsers

    rows = []
    for name in parsers(_made(home / "fuzz")):
        done = subprocess.run(
            [sys.executable, __file__, "--fuzz-one", name, "--cases", str(options.cases), "--seed", str(options.seed)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = (
            json.loads(done.stdout)
            if done.returncode == 0
            else {"bad": [f"exit {done.returncode} {done.stderr[-500:]}"], "peak": 0, "read": 0}
        )
        print(*found["bad"], sep="\n", file=sys.stderr)
        outcome = f"{found['read']} read, no foreign exception, no hang, peak memory {found['peak']} MB"
        good = not found["bad"] and found["peak"] < 500
        rows.append(Row(f"fuzzed: {name}", options.cases, outcome if good else f"{found!s:.200}", good))
    return rows


def fuzz_one(home: Path, options: argparse.Namespace) -> None:
    """Fuzz one parser and print what came out."""
    from discrete_ed.errors import DiscreteEDError
    from tests.strangers import mutated, parsers

    warnings.simplefilter("ignore")
    parser = parsers(home)[options.fuzz_one]
    path = _made(home / "files") / parser.name
    rng = random.Random(f"{options.seed} {parser.name}")

    def hang(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, hang)
    bad: list[str] = []
    read = 0
    for _ in range(options.cases):
        content = mutated(parser.seeds, rng) if rng.random() < 0.95 else rng.randbytes(rng.randrange(300))
        path.write_bytes(content)
        signal.alarm(HANG)
        try:
            parser.read(path)
            read += 1
        except DiscreteEDError:
            pass
        except BaseException as error:
            bad.append(f"{type(error).__name__}: {error!s:.100} on {content[:300]!r}")
        signal.alarm(0)
        if len(bad) == 5:
            break
    print(json.dumps({"bad": bad, "read": read, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def guided(home: Path, options: argparse.Namespace) -> list[Row]:
    """The same parsers with inputs that are guided towards new lines of them, for some minutes in all."""
    from tests.strangers import parsers

    try:
        import atheris  # noqa: F401
    except ImportError:
        return [Row("coverage-guided fuzzing", 0, "not done: needs pip install atheris", True)]
    found = parsers(_made(home / "guided"))
    rows = []
    for name, parser in found.items():
        corpus = _made(home / "corpus" / name)
        for k, seed in enumerate(parser.seeds):
            (corpus / str(k)).write_bytes(seed)
        limits = [f"-max_total_time={options.seconds // len(found)}", "-rss_limit_mb=500", f"-timeout={HANG}"]
        arguments = [sys.executable, __file__, "--guide-one", name, "--home", str(home / "one" / name)]
        done = subprocess.run(
            [*arguments, "--", *limits, str(corpus)], capture_output=True, text=True, check=False, cwd=corpus
        )
        counts = re.findall(r"^#(\d+)\s.*cov: (\d+)", done.stderr, re.MULTILINE) or [("0", "0")]
        (cases, _), covered = counts[-1], {int(count) for _, count in counts}
        outcome = f"no foreign exception; coverage {min(covered)} → {max(covered)}"
        good = done.returncode == 0
        rows.append(Row(f"coverage-guided: {name}", int(cases), outcome if good else done.stderr[-900:], good))
    return rows


def guide_one(home: Path, options: argparse.Namespace) -> None:
    """Fuzz one parser with atheris; libFuzzer's own options follow `--`."""
    import atheris

    with atheris.instrument_imports(include=["discrete_ed.graphs", "discrete_ed.data", "discrete_ed.checkpoint"]):
        from discrete_ed.errors import DiscreteEDError
        from tests.strangers import parsers
    warnings.simplefilter("ignore")
    parser = parsers(_made(home))[options.guide_one]
    path = _made(home / "files") / parser.name

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        with contextlib.suppress(DiscreteEDError):
            parser.read(path)

    atheris.Setup([sys.argv[0], *options.rest], attempt)
    atheris.Fuzz()


def _write_graphs() -> None:
    """The files that the job `scores` reads."""
    from discrete_ed.graphs import load_graph_data, write_graphs

    data = load_graph_data("citation-egos")
    for name, graphs in {"test": data.test, "generated": data.train[:300], "train": data.train}.items():
        write_graphs(f"{name}.g6", graphs)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


PARTS = {part.__name__: part for part in (kills, damage, storage, strangers, ranks, fuzz, guided)}


def main() -> None:
    arguments = sys.argv[1:]
    rest = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all where none is named")
    parser.add_argument("--kills", type=int, default=50, help="over all jobs")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="of kills and ranks")
    parser.add_argument("--cases", type=int, default=10_000, help="mutated files for each parser")
    parser.add_argument("--seconds", type=int, default=600, help="of coverage-guided fuzzing in all")
    parser.add_argument("--seed", type=int, default=0)
    for hidden in ("--fuzz-one", "--guide-one", "--home"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments[: len(arguments) - len(rest) - bool(rest)])
    options.rest = rest
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"parts: expected {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    if options.guide_one:
        guide_one(Path(options.home), options)
        return
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if options.fuzz_one and os.path.isdir("/dev/shm") else None
    ) as name:
        if options.fuzz_one:
            fuzz_one(Path(name), options)
            return
        os.chdir(name)
        _write_graphs()
        rows = []
        for part in options.parts or PARTS:
            started = time.monotonic()
            for row in PARTS[part](Path(name), options):
                rows.append(row)
                print(f"{'ok ' if row.good else 'BAD'} {row}", file=sys.stderr, flush=True)
            print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print("| tried | cases | what happened |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.cases} | {row.outcome} |")
    raise SystemExit(0 if all(row.good for row in rows) else 1)


if __name__ == "__main__":
    main()
