"""Learn an energy over graphs and generate new ones."""
