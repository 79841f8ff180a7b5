"""A process of its own on a store: `python -m tests.adapters.store_process WHAT FILE`."""

import resource
import signal
import sys

from tests.adapters.store_cases import Note, entry

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import LockedError, UnreachableError

LIMIT_BYTES = 1_600_000


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def hold(file: str) -> None:
    """Own the file until stdin ends."""
    try:
        store = SqlStore(file, exclusive=True, holder="the first")
    except LockedError as error:
        say(f"locked: {error}")
        return
    say("open")
    sys.stdin.read()
    store.close()


def count(file: str) -> None:
    """Commit without end; say after each commit which number it had."""
    store = SqlStore(file, exclusive=True, holder="the counter", extra=(Note,))
    store.take("the counter")
    number = 0
    while True:
        number += 1
        with store.write() as transaction:
            for page in range(5):
                held = transaction.get(Note, "a", str(page)) or Note(book="a", page=page)
                transaction.put(held.changed(lines=number))
            transaction.note([entry(str(number))])
            old = transaction.get(Note, "last", str(number - 1))
            if old is not None:
                transaction.remove(old)
            transaction.put(Note(book="last", page=number))
        say(number)


def fill(file: str) -> None:
    """Commit until the file may not grow, then say what is left; commit again when it may."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqlStore(file, extra=(Note,))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))
    done = 0
    try:
        while done < 1000:
            with store.write() as transaction:
                for page in range(3):
                    transaction.put(Note(book=str(done), page=page, words={"x" * 3000: page}))
            done += 1
    except UnreachableError as error:
        say(f"refused: {error}")
    with store.read() as view:
        say(f"{done} {len(view.find(Note))} {len(view.changes(0))}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with store.write() as transaction:
        transaction.put(Note(book="after", page=0))
    with store.read() as view:
        say(f"{len(view.find(Note))} {len(view.changes(0))}")
    store.close()


def write_long(file: str) -> None:
    """Hold a write transaction open until stdin ends."""
    store = SqlStore(file, extra=(Note,))
    with store.write() as transaction:
        transaction.put(Note(book="slow", page=0))
        say("writing")
        sys.stdin.read()
    store.close()


if __name__ == "__main__":
    {"hold": hold, "count": count, "fill": fill, "write_long": write_long}[sys.argv[1]](sys.argv[2])
