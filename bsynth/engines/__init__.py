"""What computes: the PyMC model and its sampler, the simplex solvers. Arrays in, arrays out."""
