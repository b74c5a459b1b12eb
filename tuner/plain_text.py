"""Foreign text that is too long to be shown: its beginning, and how much was left out."""


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters as it is; of a longer one the beginning, and how many more there are."""
    return text if len(text) <= most else f"{text[:most].rstrip()}… ({len(text) - most:,} more characters)"
