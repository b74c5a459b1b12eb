"""Makes the stand-in's fixtures known to the tests of this folder."""

from tests.cloud.fixtures import cloud, cloud_server

__all__ = ["cloud", "cloud_server"]
