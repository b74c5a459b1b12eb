"""One execution environment on this machine: its process, its runtime and its log."""
