"""Rules of the workflow package."""
