"""The certificate: how a model's intervals do on the user's own panel, on units whose truth is known."""

from bsynth.calibration.certificate.certificate import Certificate
from bsynth.calibration.certificate.certify import certify

__all__ = ["Certificate", "certify"]
