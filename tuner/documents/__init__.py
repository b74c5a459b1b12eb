"""What is written and read: input, result and samples, with their schemas."""
