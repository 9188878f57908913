"""The jobs of the command line, one folder each: options, `run(config)`, report and figures."""
