"""Text in a CSV file, where a spreadsheet takes what begins with = or @ for a formula."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULA and not _is_number(text) else text


def _is_number(text: str) -> bool:
    """Return whether a text is a number, which may begin with a sign."""
    try:
        float(text)
    except ValueError:
        return False
    return True
