"""Score new rows under a fitted density."""
