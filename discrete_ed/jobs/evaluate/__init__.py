"""Score graphs."""
