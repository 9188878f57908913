"""Score synthetic tables."""
