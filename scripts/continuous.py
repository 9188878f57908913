"""Energy discrepancy on real vectors: mixtures, densities, images: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("continuous")
