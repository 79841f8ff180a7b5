"""Agents' door, described: what does each of its routes take and give?"""

from typing import Annotated

import msgspec

from wavetrain.decide.permit import Act
from wavetrain.doors.described import BYTES, Body, Described, Param
from wavetrain.wire.agent_messages import (
    JOIN_BYTES_MAX,
    POLL_BYTES_MAX,
    JoinAsked,
    Joined,
    Poll,
    RenewAsked,
    Told,
)

_CSR = "-----BEGIN CERTIFICATE REQUEST-----\n..."
AGENTS = (
    Described(
        method="POST",
        path="/v1/agent/poll",
        name="poll",
        text="Report, and be told what to run: at once when there is a newer generation, else on a change or "
        "when `wait_s` is up.",
        act=Act.POLL,
        gives=Told,
        body=Body(
            kind=Poll,
            limit=POLL_BYTES_MAX,
            example={
                "say": {
                    "node": "lis1-n1",
                    "generation": {"era": 0, "counter": 0},
                    "release": "1.9.0",
                    "phase": "steady",
                },
                "known": {"era": 0, "counter": 0},
            },
        ),
    ),
    Described(
        method="GET",
        path="/v1/agent/artifacts/{digest}",
        name="artifact",
        text="The bytes of the release that the node is told to run. A `Range` of bytes may be asked for.",
        act=Act.POLL,
        gives=None,
        media=BYTES,
        params=(
            Param(
                "digest",
                "The SHA-256 of the bytes, in lower-case hex.",
                Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")],
                required=True,
            ),
        ),
    ),
    Described(
        method="POST",
        path="/v1/agent/join",
        name="join",
        text="A node's first certificate, for a join token that counts once. Nobody needs to be known for it.",
        act=None,
        gives=Joined,
        status=201,
        body=Body(kind=JoinAsked, limit=JOIN_BYTES_MAX, example={"secret": "wj_...", "csr": _CSR}),
        refusals=(403, 404),
    ),
    Described(
        method="POST",
        path="/v1/agent/renew",
        name="renew",
        text="A node's next certificate, over a connection with the one that it follows.",
        act=Act.POLL,
        gives=Joined,
        status=201,
        body=Body(kind=RenewAsked, limit=JOIN_BYTES_MAX, example={"csr": _CSR}),
        refusals=(404,),
    ),
)
"""All of them; `doors/agents.py` opens no other."""
