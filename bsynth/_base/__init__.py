"""What every room may use: array types, plain data, requests, progress, versions."""
