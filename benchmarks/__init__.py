"""What the project measures of itself: search, local runs, invocations, comparisons, start-up and reports."""
