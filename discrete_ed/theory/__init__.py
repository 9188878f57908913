"""The theory of energy discrepancy: identities by enumeration, and real vectors."""
