"""The end of a log in one line."""

import re


def last_words(text: str) -> str:
    """The line that says most: a mistake of the user's, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    mistake = next((line for line in lines if re.search(r"\S=.*: expected ", line)), None)
    return mistake or (lines[-1] if lines else "")
