"""Alert body: what does the receiver of a webhook read?"""

from datetime import datetime

import msgspec

from wavetrain.model.notice import Alert, Letter


class AlertData(msgspec.Struct, frozen=True, kw_only=True):
    """The alert itself; `id` is also in the header `webhook-id`."""

    id: str
    kind: str
    title: str
    subject: str
    rollout: str
    since: datetime
    why: str
    command: str


class AlertBody(msgspec.Struct, frozen=True, kw_only=True):
    """The three fields that Standard Webhooks asks for."""

    type: str
    timestamp: datetime
    """When the fact began, so that a second try has the same body."""
    data: AlertData


def body_of(alert: Alert) -> bytes:
    """JSON; the same alert always has the same bytes."""
    data = AlertData(
        id=alert.id,
        kind=alert.kind.value,
        title=alert.title,
        subject=alert.subject,
        rollout=alert.rollout,
        since=alert.since,
        why=alert.why,
        command=alert.command,
    )
    made = AlertBody(type=f"wavetrain.alert.{alert.kind.value}", timestamp=alert.since, data=data)
    return msgspec.json.encode(made)


def letter_of(alert: Alert) -> Letter:
    """The alert as any way to operators carries it."""
    lines = [
        alert.title,
        "",
        f"What:   {alert.kind.value}",
        f"Where:  {alert.subject}",
        f"Since:  {alert.since:%a %Y-%m-%d %H:%M} UTC",
        f"Why:    {alert.why}",
        f"Type:   {alert.command}",
        "",
        f"Alert {alert.id}. The same id again is the same fact.",
        "",
    ]
    return Letter(
        id=alert.id,
        title=f"[wavetrain] {alert.title}",
        text="\n".join(lines),
        body=body_of(alert),
        mark="X-Wavetrain-Alert",
    )
