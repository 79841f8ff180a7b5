"""Plain line: what of a foreign text may stand in one line for people?"""


def printable(text: str) -> str:
    """Each character that is none to print, such as a control or a mark that turns a line, becomes a space."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def plain_line(text: str, most: int) -> str:
    """Only printable characters, single spaces, at most so many characters.

    A node's or a receiver's own words may be in it; they must not move a terminal or write a head line of a mail.
    """
    return " ".join(printable(text).split())[:most]
