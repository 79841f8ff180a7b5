"""Subscriptions' door, described: what does each of its routes take and give?"""

from wavetrain.control import subscriptions
from wavetrain.decide.permit import Act
from wavetrain.doors.described import Body, Described, Param, deed, reading
from wavetrain.model.notice import Delivery
from wavetrain.wire.messages import Because
from wavetrain.wire.subscription_messages import AddWay

OWN, OF_ACCOUNT = "/v1/subscriptions", "/v1/accounts/{account}/subscriptions"
"""The operator's own ways, by which every account's notices are told, and those of one account."""

_ACCOUNT = Param("account", "The account.", required=True)
_WAY = Param("name", "The way, as it was named.", required=True)
_NOTICE = Param("name", "The notice's id.", required=True)
_STATE = Param("state", "Messages in this state.", Delivery)
_ADD = {"name": "noc", "way": "webhook", "to": "https://hooks.example.net/maintenance"}


def _routes(start: str, prefix: str, *whose: Param) -> tuple[Described, ...]:
    messages = start.replace("subscriptions", "notices")
    see, say, one = Act.SEE_ACCOUNT, Act.SUBSCRIBE, f"{start}/{{name}}"
    add, why = Body(kind=AddWay, example=_ADD), Body(kind=Because, example={"reason": "the receiver moves"})
    return (
        reading(start, f"{prefix}.list", subscriptions.listed, *whose, act=see),
        deed(start, f"{prefix}.add", say, subscriptions.add, add, *whose, status=201),
        deed(one, f"{prefix}.remove", say, subscriptions.remove, None, *whose, _WAY, method="DELETE"),
        deed(f"{one}/pause", f"{prefix}.pause", say, subscriptions.pause, why, *whose, _WAY),
        deed(f"{one}/resume", f"{prefix}.resume", say, subscriptions.resume, None, *whose, _WAY),
        deed(f"{one}/secret", f"{prefix}.secret", say, subscriptions.rotate, None, *whose, _WAY),
        deed(f"{one}/test", f"{prefix}.test", say, subscriptions.test, None, *whose, _WAY, status=201),
        reading(messages, f"{prefix}.sent", subscriptions.messages, *whose, _STATE, act=see),
        deed(f"{messages}/retry", f"{prefix}.retry", say, subscriptions.retry, None, *whose),
        reading(f"{messages}/{{name}}", f"{prefix}.message", subscriptions.message, *whose, _NOTICE, act=see),
    )


SUBSCRIPTIONS = (
    *_routes(OWN, "subscription"),
    *_routes(OF_ACCOUNT, "account_subscription", _ACCOUNT),
)
