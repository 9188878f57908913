"""The tables of the Ising page."""
