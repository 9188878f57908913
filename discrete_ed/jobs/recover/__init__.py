"""Recover couplings."""
