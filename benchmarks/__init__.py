"""What the project measures of itself: search quality, accuracy of local runs, invocation throughput, start-up, render."""
