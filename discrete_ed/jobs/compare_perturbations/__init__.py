"""Compare perturbations."""
