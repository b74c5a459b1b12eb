"""What a report says: the verdict, its numbers, one row for each configuration, and what to paste."""
