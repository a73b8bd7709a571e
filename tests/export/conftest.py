"""The encoder's fixtures, here too."""

from tests.encoder.conftest import digits

__all__ = ["digits"]
