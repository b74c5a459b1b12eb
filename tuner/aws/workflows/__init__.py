"""State machines in AWS: what they say and did, sizes confirmed on copies, sizes applied as one change."""
