"""Energy discrepancy on real vectors."""
