"""Simulate an Ising model on a lattice at many temperatures."""
