"""Demo urls: where may a browser, a feed reader or a calendar look, while the demonstration runs?"""

import json
from collections.abc import Callable
from pathlib import Path

from wavetrain.cli.client import Client
from wavetrain.errors import WavetrainError

Say = Callable[[str], None]


class Urls:
    """Addresses that wait to answer. Each is told, and written down, as soon as it does."""

    def __init__(
        self, client: Client, base: str, feed: str, file: Path | None, say: Say, token: Path | None = None
    ) -> None:
        """`client` needs no token; `feed` is the secret of an account's calendar; `file` gets what is known so far.

        The console asks who one is: `token` is the file with what to log in by.
        """
        self._client, self._base, self._file, self._say = client, base, file, say
        self._waiting = {
            "status": "/status",
            "summary": "/api/v2/summary.json",
            "atom": "/history.atom",
            "calendar": f"/feeds/{feed}/calendar.ics",
            "maintnote": f"/feeds/{feed}/maintnote.ics",
            "console": "/console",
        }
        self._notes = {"console": f" (log in by the token in {token})"} if token is not None else {}
        self.known: dict[str, str] = {}

    def look(self) -> None:
        """Try those that have not answered yet."""
        news = [name for name, path in self._waiting.items() if self._answers(path)]
        for name in news:
            self.known[name] = self._base + self._waiting.pop(name)
            self._say(f"{name}: {self.known[name]}{self._notes.get(name, '')}")
        if news and self._file is not None:
            self._file.write_text(json.dumps({"urls": self.known}, indent=2) + "\n")

    def _answers(self, path: str) -> bool:
        try:
            # Who is not logged in is led to the login page.
            self._client.text("/login" if path == "/console" else path)
        except WavetrainError:
            return False
        return True
