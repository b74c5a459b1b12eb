"""Foreign text that is too long to be shown: its beginning, and how much was left out."""

MOST_CHARACTERS = 2_000
"""How much of a text from outside is shown. What is longer says how much was left out."""


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text of at most `most` characters as it is; of a longer one the beginning, and how many more there are."""
    return text if len(text) <= most else f"{text[:most].rstrip()}… ({len(text) - most:,} more characters)"
