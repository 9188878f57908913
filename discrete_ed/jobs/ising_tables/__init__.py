"""The job `ising-tables`: tables that compare the estimators of Ising couplings with each other and with the limits."""
