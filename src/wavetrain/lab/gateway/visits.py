"""Visits: which account used this node on which day?

Each program keeps its own file in the node's shared folder, so that the answer survives an update and an
old and a new program never write to the same one.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path

DAYS_KEPT = 35
FILES_READ = 256
SAVE_EVERY_S = 1.0


class Visits:
    """Sessions per account and day (UTC) at this node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"visits-{time.time_ns()}-{os.getpid()}.json"
        self._days: dict[str, Counter[str]] = {}
        self._changed = False

    def count(self, account: str) -> None:
        """One more session of an account today."""
        today = time.strftime("%Y-%m-%d", time.gmtime())
        self._days.setdefault(today, Counter())[account] += 1
        self._changed = True

    def save(self) -> None:
        """Write the counts where they changed since the last call; readers never see half a file."""
        if not self._changed:
            return
        self._changed = False
        half = self._file.with_suffix(".half")
        half.write_text(json.dumps(self._days))
        half.replace(self._file)

    def all(self) -> dict[str, dict[str, int]]:
        """Day -> account -> sessions, over all programs of this node that wrote within the days kept."""
        merged = {day: Counter(counts) for day, counts in self._days.items()}
        oldest = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAYS_KEPT * 86_400))
        files = sorted(self._folder.glob("visits-*.json"), reverse=True)
        for file in files[:FILES_READ]:
            if file == self._file:
                continue
            for day, counts in json.loads(file.read_bytes()).items():
                merged.setdefault(day, Counter()).update(counts)
        for file in files[FILES_READ:]:
            file.unlink(missing_ok=True)
        return {day: dict(counts) for day, counts in sorted(merged.items()) if day >= oldest}
