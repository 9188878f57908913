"""Sample a saved energy, and say whether the chains have mixed: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("sample")
