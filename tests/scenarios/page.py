"""Page: an operator session in Markdown, played again line by line."""

import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.scenarios.session import CUSTOMERS, PERSONS, Session

BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")
PROMPT = re.compile(r"^(?P<person>[a-z]+)\$ (?P<line>.+)$")
EMPTY = "<!-- begins: an empty control plane -->"
FLEET = "<!-- begins: fleet and policy are applied -->"


class UnplayableError(AssertionError):
    """A line of a page that is neither a command, nor a change of the scene, nor printed by a command."""


def replayed(page: Path, folder: Path) -> str:
    """The text of the page as it would be if every console block were what was really printed."""
    text = page.read_text()
    with Session(folder, page.parent / "files") as session:
        if FLEET in text:
            session.furnish()
        elif EMPTY not in text:
            raise UnplayableError(
                f"{page.name} does not say how it begins; put `{EMPTY}` or `{FLEET}` into it"
            )
        return BLOCK.sub(lambda block: f"```console\n{_played(session, block.group(1))}```", text)


def _played(session: Session, block: str) -> str:
    """A block's prompts and scene changes, each followed by what it prints now."""
    return "".join(f"{line}\n{_answer(session, line)}" for line in _asked(block))


def _asked(block: str) -> Iterator[str]:
    """The lines that somebody typed; a command may go on after a backslash."""
    lines = iter(block.splitlines())
    for line in lines:
        if PROMPT.match(line) or line.startswith("# "):
            while line.endswith("\\"):
                line += "\n" + next(lines)
            yield line


def _answer(session: Session, line: str) -> str:
    if line.startswith("# "):
        _change(session, line[2:])
        return ""
    found = PROMPT.match(line.replace("\\\n", " "))
    assert found is not None
    person, words = found["person"], shlex.split(found["line"])
    if person not in {**PERSONS, **CUSTOMERS}:
        names = ", ".join([*PERSONS, *CUSTOMERS])
        raise UnplayableError(f"`{line}`: nobody is called {person}; take one of {names}")
    match words:
        case ["cat", name]:
            return (session.folder / name).read_text()
        case ["wavetrain", *words]:
            said, code = session.type(person, words)
            said = "".join(f"{printed.rstrip()}\n" for printed in said.splitlines())
            return said + (f"exit code {code}\n" if code else "")
    raise UnplayableError(f"`{line}`: a page knows the commands wavetrain and cat")


def _change(session: Session, words: str) -> None:
    """Time passes, or something becomes so of which nobody in the page knows yet."""
    for pattern, change in _SCENES:
        found = re.fullmatch(pattern, words)
        if found is not None:
            change(session, *found.groups())
            return
    raise UnplayableError(
        f"`# {words}` changes nothing; a page knows: {'; '.join(known for known, _ in _SCENES)}"
    )


def _later(session: Session, number: str, unit: str) -> None:
    session.until(session.now + timedelta(**{unit.removesuffix("s") + "s": int(number)}))


def _until(session: Session, moment: str) -> None:
    session.until(datetime.strptime(moment, "%a %Y-%m-%d %H:%M").replace(tzinfo=UTC))


_SCENES: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"(\d+) (minutes?|hours?|days?) later", _later),
    (r"it is (\w{3} \d{4}-\d\d-\d\d \d\d:\d\d) UTC", _until),
    (r"(\S+) has site (\S+) at (\S+) (alone|and \S+), an? (\S+) of (\d+) users", Session.settle),
    (r"in truth (\S+) fails (\d) % of operations", Session.degrade),
    (r"in truth whoever is started in (\S+) fails more often for 15 minutes", Session.chill),
    (r"in truth (\S+) cannot start (\S+)", Session.sicken),
    (r"in truth the bytes of (\S+) never arrive whole on (\S+)", Session.garble),
    (r"in truth (\S+) is dead", Session.kill),
    (r"in truth (\S+) cannot be measured for (\d+) minutes", Session.darken),
    (r"somebody has set (\S+) up anew", Session.rebuild),
    (r"somebody has set up (\S+) in (\S+) with (\S+)", Session.set_up),
    (r"operators are told by (\S+)", Session.tell_by),
    (r"in truth nobody answers for (\S+) any more", Session.deafen),
    (r"somebody answers for (\S+) again", Session.hear),
    (r"in truth no server takes mail to customers", Session.refuse_mail),
    (r"a server takes mail to customers again", Session.take_mail),
    (r"a program that evaluates features is connected, and slow", Session.connect),
)
