"""Score graphs of any generator against reference graphs: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("evaluate")
