"""The jobs: a configuration and a `run(config)` for each."""
