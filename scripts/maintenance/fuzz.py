"""Feed broken files to every parser of untrusted files; prints a table of the outcomes.

    python scripts/maintenance/fuzz.py                                       everything, about a quarter of an hour
    python scripts/maintenance/fuzz.py fuzz --cases 500                      one part of it
    python scripts/maintenance/fuzz.py guided --seconds 60

Parts: written (400 random trees in the files of every writer of networkx, which must come back equal), fuzz (files with
bits, bytes, numbers and pieces changed, each parser in a process of its own), guided (files that are guided by coverage
towards new lines of the parsers: needs `pip install atheris`). Only the package's own errors may come out, in time and
in little memory. The parsers and the files that they accept are those of
.ci/hostile_files.py; needs the tests' requirements. scripts/maintenance/trust.py tries malicious files on the
command line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from attempts import Row, parsed, parser_of, try_parts

HANG = 20  # seconds that one case may take
TREES = 400  # written by each writer


def fuzz(home: Path, options: argparse.Namespace) -> list[Row]:
    """Mutated files for every parser, each parser in a process of its own."""
    from hostile_files import parsers

    rows = []
    for name in parsers(_prepared(home / "fuzz")):
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
    from hostile_files import mutated, parsers

    from discrete_ed.errors import DiscreteEDError

    warnings.simplefilter("ignore")
    parser = parsers(home)[options.fuzz_one]
    path = _prepared(home / "files") / parser.name
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


def written(home: Path, options: argparse.Namespace) -> list[Row]:
    """Random trees in the files of every writer of networkx, read back and compared; the names of nodes vary."""
    import networkx as nx
    from written_graphs import STYLES, WRITERS, random_tree

    from discrete_ed import InputError, read_graphs

    warnings.simplefilter("ignore")
    rows = []
    styles = [*STYLES]
    for name, write in WRITERS.items():
        path = _prepared(home / "written") / name
        unlike: list[str] = []
        for k in range(TREES):
            style = styles[k % len(styles)] if name != "tree.json" else "numbers"
            tree = random_tree(options.seed + k, style, weight=1.0 if k % 2 else None)
            write(tree, path)
            try:
                (graph,) = read_graphs(path)
            except InputError as error:
                unlike.append(f"{k} {style}: {error}")
                continue
            if not nx.is_isomorphic(graph, tree):
                unlike.append(f"{k} {style}: another graph")
        outcome = "all come back equal" if not unlike else f"{len(unlike)} don't: {unlike[0]:.200}"
        rows.append(Row(f"written: {name}", TREES, outcome, not unlike))
    return rows


def guided(home: Path, options: argparse.Namespace) -> list[Row]:
    """The same parsers with inputs that are guided towards new lines of them, for some minutes in all."""
    from hostile_files import parsers

    try:
        import atheris  # noqa: F401
    except ImportError:
        return [Row("coverage-guided fuzzing", 0, "not done: needs pip install atheris", True)]
    found = parsers(_prepared(home / "guided"))
    rows = []
    for name, parser in found.items():
        corpus = _prepared(home / "corpus" / name)
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
        from hostile_files import parsers

        from discrete_ed.errors import DiscreteEDError
    warnings.simplefilter("ignore")
    parser = parsers(_prepared(home))[options.guide_one]
    path = _prepared(home / "files") / parser.name

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        with contextlib.suppress(DiscreteEDError):
            parser.read(path)

    atheris.Setup([sys.argv[0], *options.rest], attempt)
    atheris.Fuzz()


def _prepared(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


PARTS = {part.__name__: part for part in (written, fuzz, guided)}


def main() -> None:
    arguments = sys.argv[1:]
    rest = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    parser = parser_of(__doc__, PARTS)
    parser.add_argument("--cases", type=int, default=10_000, help="mutated files for each parser")
    parser.add_argument("--seconds", type=int, default=600, help="seconds of coverage-guided fuzzing in total")
    for hidden in ("--fuzz-one", "--guide-one", "--home"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parsed(parser, PARTS, arguments[: len(arguments) - len(rest) - bool(rest)])
    options.rest = rest
    if options.guide_one:
        guide_one(Path(options.home), options)
    elif options.fuzz_one:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
            fuzz_one(Path(name), options)
    else:
        try_parts(PARTS, options)


if __name__ == "__main__":
    main()
