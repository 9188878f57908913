"""Tables that compare the estimators of Ising couplings with each other and with the limits."""
