"""Two versions measured side by side: the terms of a duet, the values of its pairs, their findings, and the loop."""
