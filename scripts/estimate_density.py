"""Learn an energy over binary states, and report the log-likelihood of held-out data: see --help."""

from discrete_ed.jobs.cli import run_job

if __name__ == "__main__":
    run_job("estimate")
