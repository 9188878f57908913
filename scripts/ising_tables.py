"""Make the tables of Ising estimators: published models, bias, limits: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("ising-tables")
