"""Simulate an Ising model on a lattice at many temperatures: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("simulate")
