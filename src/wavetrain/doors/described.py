"""Described: what does a route take, give and refuse, as the documents of the doors say it?"""

from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import msgspec

from wavetrain.decide.permit import Act
from wavetrain.doors.query import WHOLE_MAX
from wavetrain.wire.messages import MESSAGE_BYTES_MAX

JSON = "application/json"
BYTES = "application/octet-stream"
TEXT = "text/plain"

REFUSALS = {
    401: "The caller is not known: there is no token, or none that is good.",
    403: "The caller's roles do not allow it.",
    404: "What the address names does not exist.",
    408: "The body did not come in time.",
    409: "The status does not allow it, or somebody else changed it first.",
    412: "Somebody else has changed it since the caller read it.",
    413: "The body is larger than its limit.",
    422: "The request breaks a rule. The text names the thing, the rule and the way out.",
    428: "The request does not say by `If-Match` what the caller has read.",
    429: "The caller, or somebody at its address, asks too often. `Retry-After` says in how many seconds to ask again.",
    503: "The control plane cannot do it now. It may be asked again.",
}
"""The answers that carry a `Failure`. A request that was refused changed nothing."""


Use = Callable[..., object]
Whole = Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)]
"""A whole number among the parameters."""


class Param(msgspec.Struct, frozen=True):
    """A parameter of the address, or a header."""

    name: str
    text: str
    kind: Any = str
    required: bool = False
    is_header: bool = False


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: a message of `kind`, or bytes where there is none."""

    kind: Any = None
    media: str = JSON
    also: str = ""
    """Another media type that the same may be sent in, as text."""
    limit: int = MESSAGE_BYTES_MAX
    """The most bytes."""
    example: Any = None


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    `act` decides the roles; without one anybody may ask. `gives` is the type of the answer; None are bytes.
    """

    method: str
    path: str
    name: str
    text: str
    act: Act | None
    gives: Any
    status: int = 200
    media: str = JSON
    params: tuple[Param, ...] = ()
    body: Body | None = None
    refusals: tuple[int, ...] = ()
    """Those beside the ones that follow from the method, the path and the body."""

    @property
    def where(self) -> str:
        """As people say it."""
        return f"{self.method} {self.path}"

    @property
    def fails(self) -> tuple[int, ...]:
        """The statuses of all its refusals."""
        found = {422, 429, 503, *self.refusals}
        if self.act is not None:
            found |= {401, 403}
        if any(f"{{{param.name}}}" in self.path for param in self.params):
            found.add(404)
        if self.method in ("POST", "DELETE"):
            found.add(409)
        if self.body is not None:
            found |= {408, 413}
        return tuple(sorted(found))


def gives(use: Callable[..., object]) -> Any:
    """The type of what a use case returns: the description cannot say another one than the code."""
    return get_type_hints(use)["return"]


def says(use: Callable[..., object]) -> str:
    """The first sentence of a use case's docstring."""
    return (use.__doc__ or "").strip().split("\n\n")[0].strip()


def reading(
    path: str, name: str, use: Use, *params: Param, act: Act = Act.READ, refusals: tuple[int, ...] = ()
) -> Described:
    """A route that only reads, as its use case says."""
    return Described(
        method="GET",
        path=path,
        name=name,
        text=says(use),
        act=act,
        gives=gives(use),
        params=params,
        refusals=refusals,
    )


def deed(
    path: str, name: str, act: Act, use: Use, body: Body | None, *params: Param, **more: Any
) -> Described:
    """A route that changes something, as its use case says."""
    values = {"method": "POST", "gives": gives(use), "text": says(use), **more}
    return Described(path=path, name=name, act=act, body=body, params=params, **values)
