"""What the tests and the examples of docstrings share, wherever they are."""

import sys


def pytest_runtest_teardown() -> None:
    """Close what a test or an example has drawn: pyplot keeps every figure, and warns of the 21st."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
