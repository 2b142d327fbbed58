"""The posterior's log density and gradient as machine code, written once for every panel and model."""
