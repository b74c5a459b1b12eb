"""Makes what the trials of a round run on, and runs them within the time of one handler."""
