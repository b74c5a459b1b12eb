"""What the watching state machine asks, finds and tells."""
