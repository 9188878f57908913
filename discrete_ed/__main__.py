"""`python -m discrete_ed JOB` is `discrete-ed JOB`."""

from discrete_ed.jobs.cli import main

if __name__ == "__main__":
    main()
