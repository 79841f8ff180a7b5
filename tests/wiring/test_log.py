"""The control plane's log: known events, libraries' words inside it, and no line that stops the work."""

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wavetrain
from wavetrain.wiring.log import EVENTS, Log

SOURCE = Path(wavetrain.__file__).parent


@pytest.fixture
def as_found() -> Iterator[None]:
    """What `take_over` changes for the process is set back."""
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = root.handlers, root.level
    yield
    root.handlers, threading.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_has_its_level_and_its_time_in_utc() -> None:
    out = io.StringIO()
    Log("json", out).say("tick failed", error="the disk is full", rollout="gateway-2.0.0")
    (line,) = lines(out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "error",
        "event": "tick failed",
        "error": "the disk is full",
        "rollout": "gateway-2.0.0",
    }


def test_an_event_that_nobody_declared_is_written_all_the_same() -> None:
    out = io.StringIO()
    Log("json", out).say("something")
    assert lines(out)[0]["event"] == "something"


def test_a_field_may_have_any_name() -> None:
    out = io.StringIO()
    Log("json", out).write("info", "ready", {"event": "forged", "self": 1, "level": "x", "time": "y", "": 2})
    (line,) = lines(out)
    assert (line["event"], line["level"], line["self"]) == ("ready", "info", 1)


def test_what_libraries_say_is_a_field_of_our_line(as_found: None) -> None:
    out = io.StringIO()
    for name in ("uvicorn", "uvicorn.error"):  # a server of another test may have set them up its own way
        library = logging.getLogger(name)
        library.propagate, library.disabled = True, False
        library.setLevel(logging.NOTSET)
    Log("json", out).take_over()
    logging.getLogger("uvicorn.error").warning("Invalid %s\n{}", "request")
    logging.getLogger("uvicorn.error").info("not said")
    logging.getLogger("strange").warning("%d and %d", 1)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("wavetrain.adapters").exception("a listener failed")
    first, strange, last = lines(out)
    assert (first["event"], first["logger"], first["text"]) == (
        "library",
        "uvicorn.error",
        "Invalid request\n{}",
    )
    assert strange["text"] == "%d and %d"
    assert last["level"] == "error"
    assert "ValueError: no" in last["trace"]


def test_a_thread_that_ends_by_a_fault_is_heard(as_found: None) -> None:
    out = io.StringIO()
    Log("json", out).take_over()
    thread = threading.Thread(target=lambda: 1 // 0, name="scrape")
    thread.start()
    thread.join()
    (line,) = lines(out)
    assert (line["event"], line["thread"]) == ("thread fault", "scrape")
    assert "ZeroDivisionError" in line["trace"]


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_takes_no_lines_does_not_stop_the_work() -> None:
    closed = io.StringIO()
    closed.close()
    for out in (Full(), closed):
        Log("json", out).say("ends")


def test_every_event_that_the_program_says_is_declared_and_the_other_way_round() -> None:
    texts = [path.read_text() for path in (SOURCE / "wiring").rglob("*.py") if path.stem != "notify"]
    said = {name for text in texts for name in re.findall(r"\b_?say\(\s*\"([^\"]+)\"", text)}
    assert said | {"library"} == set(EVENTS)
