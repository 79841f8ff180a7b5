"""Plain line: what of a foreign text may stand in one line for people?"""


def plain_line(text: str, most: int) -> str:
    """Only printable characters, single spaces, at most so many characters.

    A node's or a receiver's own words may be in it; they must not move a terminal or write a head line of a mail.
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:most]
