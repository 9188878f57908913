"""Sample from a saved energy, and report whether the chains have mixed: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("sample")
