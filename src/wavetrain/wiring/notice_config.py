"""Notice config: what does `wavetrain.toml` say of how customers are told?"""

from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import msgspec

from wavetrain.adapters.mail import Post, Tls
from wavetrain.adapters.outside import Outside
from wavetrain.decide.reachable import Network
from wavetrain.decide.redelivery import FIRST_S, LONGEST_S, Pauses
from wavetrain.doors import maintnote
from wavetrain.doors.statuspage import Page
from wavetrain.errors import RefusedError
from wavetrain.wiring.channels import MailTable, check_mail, opened_post
from wavetrain.wiring.given_files import trust_of
from wavetrain.wiring.ways import Carriers, Postbox

NETWORKS_MAX = 100
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=60.0)]
Pause = Annotated[float, msgspec.Meta(ge=0.05, le=86_400.0)]


class NoticeMailConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[notices.mail]`: the server that takes mail to customers; without it none is sent."""

    host: str
    sender: str = msgspec.field(name="from")
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    tls: Tls = "starttls"
    user: str = ""
    password_file: str = ""
    ca_file: str = ""

    def table(self) -> MailTable:
        """The same as a channel to operators, whose rules hold here too."""
        return MailTable(
            name="notices",
            host=self.host,
            sender=self.sender,
            to=(self.sender,),
            port=self.port,
            tls=self.tls,
            user=self.user,
            password_file=self.password_file,
            ca_file=self.ca_file,
        )


class NoticesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[notices]`: how customers are told."""

    allow: Annotated[tuple[str, ...], msgspec.Meta(max_length=NETWORKS_MAX)] = ()
    """Networks like `10.8.0.0/16` that customers' webhooks may be in, though they are not public."""
    timeout_s: Seconds = 10.0
    first_pause_s: Pause = FIRST_S
    """Between the first try of a message and the second; then pauses double."""
    longest_pause_s: Pause = LONGEST_S
    mail: NoticeMailConfig | None = None


def networks(allow: Sequence[str], place: str) -> tuple[Network, ...]:
    """The networks that are allowed. `RefusedError`."""
    try:
        return tuple(ip_network(one) for one in allow)
    except ValueError as error:
        raise RefusedError(f'{place}: [notices] allow: {error}; give networks like "10.8.0.0/16"') from None


def carriers(config: NoticesConfig, page: Page) -> Carriers:
    """What writes and carries messages, with the secrets read. `RefusedError`."""
    postbox = None
    if config.mail is not None:
        post: Post = opened_post(config.mail.table(), "[notices.mail]")
        trust = trust_of(config.mail.ca_file, "[notices.mail]") if config.mail.tls != "none" else None
        postbox = Postbox(post=post, timeout_s=config.timeout_s, trust=trust)
    outside = Outside(networks(config.allow, "wavetrain.toml"))
    return Carriers(outside, page, maintnote.contact_of(page), config.timeout_s, postbox)


def pauses(config: NoticesConfig) -> Pauses:
    """Between tries."""
    return Pauses(config.first_pause_s, max(config.first_pause_s, config.longest_pause_s))


def beside(config: NoticesConfig, file: Path) -> NoticesConfig:
    """With its files beside this one. `RefusedError` with the place, the rule and the way out."""
    networks(config.allow, str(file))
    if config.mail is None:
        return config
    check_mail(config.mail.table(), f"{file}: [notices.mail]")
    given = {name: getattr(config.mail, name) for name in ("password_file", "ca_file")}
    mail = msgspec.structs.replace(
        config.mail, **{name: str(file.parent / path) for name, path in given.items() if path}
    )
    return msgspec.structs.replace(config, mail=mail)
