"""Subscriptions' door, described: what does each of its routes take and give?"""

from wavetrain.control import subscriptions
from wavetrain.decide.permit import Act
from wavetrain.doors.described import Body, Described, Param, gives, says
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
    lost = (404,) if whose else ()

    def told(
        method: str, path: str, name: str, act: Act, use: object, *params: Param, **more: object
    ) -> Described:
        values = {"text": says(use), "gives": gives(use), "refusals": lost, **more}  # type: ignore[arg-type]
        return Described(
            method=method, path=path, name=f"{prefix}.{name}", act=act, params=(*whose, *params), **values
        )

    see, say = Act.SEE_ACCOUNT, Act.SUBSCRIBE
    one = f"{start}/{{name}}"
    return (
        told("GET", start, "list", see, subscriptions.listed),
        told(
            "POST",
            start,
            "add",
            say,
            subscriptions.add,
            body=Body(kind=AddWay, example=_ADD),
            status=201,
        ),
        told("DELETE", one, "remove", say, subscriptions.remove, _WAY),
        told(
            "POST",
            f"{one}/pause",
            "pause",
            say,
            subscriptions.pause,
            _WAY,
            body=Body(kind=Because, example={"reason": "the receiver moves"}),
        ),
        told("POST", f"{one}/resume", "resume", say, subscriptions.resume, _WAY),
        told("POST", f"{one}/secret", "secret", say, subscriptions.rotate, _WAY),
        told("POST", f"{one}/test", "test", say, subscriptions.test, _WAY, status=201),
        told("GET", messages, "sent", see, subscriptions.messages, _STATE),
        told("POST", f"{messages}/retry", "retry", say, subscriptions.retry),
        told("GET", f"{messages}/{{name}}", "message", see, subscriptions.message, _NOTICE, refusals=(404,)),
    )


SUBSCRIPTIONS = (
    *_routes(OWN, "subscription"),
    *_routes(OF_ACCOUNT, "account_subscription", _ACCOUNT),
)
