"""The certificate: how a model's intervals do on the user's own panel, on units whose truth is known."""

from bsynth.certificate.certificate import Certificate
from bsynth.certificate.certify import certify

__all__ = ["Certificate", "certify"]
