"""The job `evaluate`: score generated graphs."""
