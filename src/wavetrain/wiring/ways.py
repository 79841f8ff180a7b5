"""Ways: how is a message to a customer written out, and by which adapter does it go?"""

import ssl
from urllib.parse import urlsplit

import msgspec

from wavetrain.adapters.mail import Mail, Post
from wavetrain.adapters.outside import Outside
from wavetrain.adapters.webhook import Webhook, checked_url, secrets_of
from wavetrain.control.customer_notice import Notice, notice_of
from wavetrain.control.dispatches import Lot
from wavetrain.control.subscriptions import Ways
from wavetrain.doors import maintnote
from wavetrain.doors.statuspage import Page
from wavetrain.model.notice import Letter, Outcome, Part
from wavetrain.model.subscription import Subscription, Way
from wavetrain.wire.cdevents import event_of
from wavetrain.wire.notice_body import CLOUD_EVENT, cloud_event_of, webhook_of
from wavetrain.wire.notice_text import text_of, title_of

MAIL_LANE = "mail"


class Postbox(msgspec.Struct, frozen=True, kw_only=True):
    """Through which mail server, and who it trusts."""

    post: Post
    timeout_s: float
    trust: ssl.SSLContext | None


class Carriers:
    """Writes messages and hands them over."""

    def __init__(
        self, outside: Outside, page: Page, contact: str, timeout_s: float, postbox: Postbox | None
    ) -> None:
        self._outside, self._page, self._contact = outside, page, contact
        self._timeout_s, self._postbox = timeout_s, postbox
        self._source = page.address or "urn:wavetrain"
        self._trust = ssl.create_default_context()

    @property
    def ways(self) -> Ways:
        """What may be subscribed to."""
        return Ways(self._outside, checked_url, self._postbox is not None)

    def carry(self, lot: Lot) -> Outcome:
        """Try one message once; never raises for what a receiver does."""
        way = lot.way
        try:
            notice = notice_of(lot.dispatch)
        except msgspec.ValidationError as error:
            return Outcome(taken=False, text=f"it cannot be read any more: {error}", gone=False)
        letter = self.letter(notice, way.way)
        if way.way is Way.MAIL:
            return self._mailed(letter, way.to, lot.at)
        secrets = secrets_of("\n".join(filter(None, (way.secret, way.secret_before))), f"way {way.name}")
        trust = self._trust if way.to.startswith("https:") else None
        webhook = Webhook(
            way.to, secrets, timeout_s=self._timeout_s, trust=trust, addresses=self._outside.addresses
        )
        return webhook.carry(letter, lot.at)

    def letter(self, notice: Notice, way: Way) -> Letter:
        """A notice as this way carries it."""
        body, media = webhook_of(notice), "application/json"
        if way is Way.CLOUDEVENTS:
            body, media = cloud_event_of(notice, self._source), CLOUD_EVENT
        elif way is Way.CDEVENTS:
            body, media = event_of(notice, self._source), CLOUD_EVENT
        return Letter(
            id=notice.id,
            title=title_of(notice, self._page.name),
            text=text_of(notice, self._page.name),
            body=body,
            media=media,
            parts=self._parts(notice) if way is Way.MAIL else (),
        )

    def _parts(self, notice: Notice) -> tuple[Part, ...]:
        """One calendar object with an event for each stretch of work (MAINTNOTE); programs read but one of a mail."""
        if not notice.items:
            return ()
        works = [item.work for item in notice.items]
        body = maintnote.notices(notice.account or "everybody", works, self._page, self._contact)
        return (Part(name=f"{notice.id}.ics", media="text/calendar", body=body),)

    def _mailed(self, letter: Letter, to: str, at: float) -> Outcome:
        box = self._postbox
        if box is None:
            return Outcome(taken=False, text="no mail server is configured any more")
        post = msgspec.structs.replace(box.post, to=(to,))
        return Mail(post, timeout_s=box.timeout_s, trust=box.trust).carry(letter, at)


def lane_of(way: Subscription) -> str:
    """Which messages share a lane: those to one host."""
    return MAIL_LANE if way.way is Way.MAIL else urlsplit(way.to).netloc
