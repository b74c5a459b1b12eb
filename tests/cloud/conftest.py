"""Makes the stand-in's fixtures known to the tests of this folder."""

from tests.cloud.fixtures import cloud

__all__ = ["cloud"]
