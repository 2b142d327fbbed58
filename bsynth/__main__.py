"""``python -m bsynth``."""

from bsynth.cli import main

main()
