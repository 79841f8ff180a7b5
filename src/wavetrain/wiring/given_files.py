"""Given files: what is in the files that the configuration names?"""

import ssl
from pathlib import Path

from wavetrain.errors import RefusedError

BYTES_MAX = 4_096


def text_of(path: str, what: str) -> str:
    """The text of a small file; a refusal never holds a word of it. Raises `RefusedError`."""
    try:
        with Path(path).open("rb") as source:
            content = source.read(BYTES_MAX + 1)
        if len(content) > BYTES_MAX:
            raise RefusedError(f"{what} {path} has more than {BYTES_MAX} bytes; is it the right file?")
        return content.decode()
    except OSError as error:
        raise RefusedError(f"{what} {path} cannot be read: {error.strerror}; name one that can") from None
    except UnicodeDecodeError:
        raise RefusedError(f"{what} {path} is not UTF-8 text; name the right file") from None


def trust_of(ca_file: str, place: str) -> ssl.SSLContext:
    """Verifies certificates and their names, always; by the system's authorities, or by those of a file alone."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise RefusedError(
            f"{place}: ca_file {ca_file} cannot be used ({error}); name a file of PEM certificates"
        ) from None
