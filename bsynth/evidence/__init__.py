"""Evidence for a model folder: is its sampler right, are its intervals honest, does it reproduce what is published.

`sbc` (simulation-based calibration), `worlds` (simulated worlds that meet and break the assumptions), `placebos` (every
never-treated unit of five real panels as pseudo-treated), `published` (numbers of other packages). `record` keeps
finished pieces, `card` writes the tables of a model's card, `command` is the command line.
"""
