"""Learn an energy over ego graphs, generate new ones, and score them: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("generate")
