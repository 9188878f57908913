"""Recover the couplings of an Ising model from observations or from samples of a known model: see --help.

With `--table`, `--bias` or `--limits` it makes a table of `ising_tables.py`.
"""

import sys

from discrete_ed.jobs.cli import run_job

TABLES = {"--table": "published", "--bias": "bias", "--limits": "limits"}

if __name__ == "__main__":
    asked = [option for option in TABLES if option in sys.argv]
    rest = [argument for argument in sys.argv[1:] if argument not in TABLES]
    if len(asked) > 1:
        print(f"error: table, bias, limits: expected at most one of them, got {' '.join(asked)}", file=sys.stderr)
        raise SystemExit(2)
    if asked:  # a run that is resumed knows its table
        run_job("ising-tables", rest if "--resume" in rest else ["--table", TABLES[asked[0]], *rest])
    else:
        run_job("recover")
