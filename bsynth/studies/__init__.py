"""Many panels of known truth × many methods: how each does, with Monte-Carlo errors, resumable and at any size."""

from bsynth.studies.result import Study
from bsynth.studies.run import study
from bsynth.studies.spec import StudySpec

__all__ = ["Study", "StudySpec", "study"]
