"""Tests of the measuring spans of a site's session."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from wavetrain.lab.site_session import Session, Site


@pytest.fixture
def session() -> Session:
    """The session of a site that is up; what it writes goes nowhere."""
    loop = SimpleNamespace(call_later=lambda *_: None)
    around = SimpleNamespace(loop=loop, stopping=False, moves=[], moves_made=0)
    site = Site(cast(Any, around), "site", "s1", "acme", "127.0.0.2", stubborn=False)
    opened = Session(site)
    opened.stream = cast(Any, SimpleNamespace(write=lambda _: None, finish=lambda _: None))
    opened.node = "lis1-n1"
    site._opening = opened
    site.session_greeted(opened, draining=False)
    return opened


def test_an_answer_to_what_was_sent_before_a_measuring_span_is_not_counted_in_it(session: Session) -> None:
    site = session.site
    site.beat(0.0)
    site.beat(0.1)
    session.stream_lines([b"ok 1"])
    site.reset()
    site.beat(0.2)
    session.stream_lines([b"failed 2", b"ok 3"])

    felt = site.felt()
    assert (felt.sent, felt.acked, felt.failed, felt.lost) == (1, 1, 0, 0)


def test_what_fails_within_the_span_is_counted(session: Session) -> None:
    site = session.site
    site.reset()
    site.beat(0.0)
    session.stream_lines([b"failed 1"])

    felt = site.felt()
    assert (felt.sent, felt.acked, felt.failed) == (1, 1, 1)


def test_a_heartbeat_from_before_the_span_that_is_never_answered_is_lost_in_it(session: Session) -> None:
    site = session.site
    site.beat(0.0)
    site.reset()
    site.session_lost(session)

    felt = site.felt()
    assert (felt.sent, felt.acked, felt.lost, felt.cut) == (0, 0, 1, 1)
