"""The job `generate`: learn an energy over graphs and sample new ones."""
