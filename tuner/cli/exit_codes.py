"""The exit codes of every command."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_THRESHOLD = 3
"""A threshold was crossed."""
EXIT_NOT_DECIDED = 4
"""Under `--strict`: whether it was crossed is not decided."""
EXIT_INTERRUPTED = 130
