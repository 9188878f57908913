"""Draw from a saved energy."""
