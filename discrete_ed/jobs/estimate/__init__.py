"""Estimate densities."""
