"""The theory of energy discrepancy: identities by enumeration, and energy discrepancy on real vectors."""
