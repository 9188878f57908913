"""Compare the perturbations on an Ising lattice: bias, noise, error, time: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("compare-perturbations")
