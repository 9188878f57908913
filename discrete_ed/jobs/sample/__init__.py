"""Sample from a saved energy."""
