"""Mail: how is an alert, or a notice to a customer, told by SMTP?"""

import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Literal

import msgspec

from wavetrain.adapters.time_limit import TimeLimit
from wavetrain.model.notice import Alert, Letter, Outcome
from wavetrain.wire.alert_body import letter_of

Tls = Literal["starttls", "implicit", "none"]
REFUSED_SHOWN = 3
_HOPELESS = 500
"""Replies from here on are for good (RFC 5321, 4.2.1)."""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """Through which server, as whom, from whom, to whom."""

    host: str
    port: int
    tls: Tls
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = ""


class Mail:
    """Sends alerts through one server. Never in plain, unless `tls` is `none`."""

    def __init__(self, post: Post, *, timeout_s: float, trust: ssl.SSLContext | None = None) -> None:
        """`trust` verifies the server's certificate; only `none` does without."""
        self._post = post
        self._timeout_s = timeout_s
        self._trust = trust

    def deliver(self, alert: Alert, at: float) -> Outcome:
        """Try once to tell an alert."""
        return self.carry(letter_of(alert), at)

    def carry(self, letter: Letter, at: float) -> Outcome:
        """Try once. It counts as taken when the server has taken it for one of the receivers at least."""
        server = self._server()
        with TimeLimit(self._timeout_s, lambda: server.sock) as limit:
            outcome = self._tried(server, letter, at)
        if limit.passed and not outcome.taken:
            return self._too_slow()
        return outcome

    def _tried(self, server: smtplib.SMTP, letter: Letter, at: float) -> Outcome:
        try:
            return self._sent(server, message_of(letter, self._post.sender, self._post.to, at))
        except smtplib.SMTPRecipientsRefused as error:
            return Outcome(taken=False, text=_refused(error.recipients), gone=_is_final(error.recipients))
        except smtplib.SMTPDataError as error:
            return Outcome(taken=False, text=_said(error), gone=error.smtp_code >= _HOPELESS)
        except smtplib.SMTPResponseException as error:
            return Outcome(taken=False, text=_said(error))
        except TimeoutError:
            return self._too_slow()
        except smtplib.SMTPServerDisconnected as error:
            # A read that takes too long is told as a line that broke, where it is not the limit that ends it first.
            return self._too_slow() if isinstance(error.__context__, TimeoutError) else _broken(error)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return _broken(error)
        finally:
            server.close()

    def _too_slow(self) -> Outcome:
        return Outcome(taken=False, text=f"no answer within {self._timeout_s:g} s")

    def _server(self) -> smtplib.SMTP:
        if self._post.tls == "implicit":
            return _Sealed(self._post.host, self._timeout_s, self._trust)
        return _Open(self._post.host, self._timeout_s)

    def _sent(self, server: smtplib.SMTP, message: EmailMessage) -> Outcome:
        post = self._post
        code, said = server.connect(post.host, post.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if post.tls == "starttls":
            server.starttls(context=self._trust)
        if post.user:
            server.login(post.user, post.password)
        left_out = server.send_message(message, post.sender, post.to)
        return Outcome(taken=True, text=f"taken; {_refused(left_out)}" if left_out else "taken")


class _Open(smtplib.SMTP):
    """Not connected yet, and knowing whose certificate it will be shown."""

    def __init__(self, host: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s, local_hostname=socket.gethostname())
        self._host = host


class _Sealed(smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def __init__(self, host: str, timeout_s: float, trust: ssl.SSLContext | None) -> None:
        super().__init__(timeout=timeout_s, local_hostname=socket.gethostname(), context=trust)
        self._host = host


def message_of(letter: Letter, sender: str, to: Sequence[str], at: float) -> EmailMessage:
    """A plain text for people. The same letter has the same Message-ID, so that doubles can be dropped."""
    made = EmailMessage()
    made["From"] = Address(addr_spec=sender)
    made["To"] = [Address(addr_spec=one) for one in to]
    made["Subject"] = letter.title
    made["Date"] = datetime.fromtimestamp(int(at), UTC)
    made["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made[letter.mark] = letter.id
    made.set_content(letter.text)
    for part in letter.parts:
        kind, _, more = part.media.partition("/")
        made.add_attachment(
            part.body, maintype=kind, subtype=more, filename=part.name, params={"charset": "utf-8"}
        )
    return made


def _broken(error: Exception) -> Outcome:
    return Outcome(taken=False, text=f"{type(error).__name__}: {error}")


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"


def _refused(recipients: Mapping[str, tuple[int, bytes]]) -> str:
    shown = [
        f"{name}: {code} {said.decode(errors='replace')}"
        for name, (code, said) in sorted(recipients.items())[:REFUSED_SHOWN]
    ]
    return f"refused for {'; '.join(shown)}"


def _is_final(recipients: Mapping[str, tuple[int, bytes]]) -> bool:
    return all(code >= _HOPELESS for code, _ in recipients.values())
