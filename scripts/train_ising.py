"""Recover the couplings of an Ising model from observations or from draws of a known model: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("recover")
