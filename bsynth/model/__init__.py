"""The vocabulary of models, the catalogue, and the arrays that a panel becomes for one."""
