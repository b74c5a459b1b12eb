"""The functions that a project's own files define, and where each setting is written."""
