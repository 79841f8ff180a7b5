"""Draws docs/api.md from the documents of the doors."""

from collections.abc import Iterator
from pathlib import Path

from wavetrain.doors import openapi
from wavetrain.doors.described import BYTES, REFUSALS, Body, Described

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
HEAD = """\
# The doors

Drawn from the program by `.venv/bin/python -m tests.docs.draw_api`; a test compares. The program itself gives the
whole of it as OpenAPI 3.1, with every field of every message: at `/v1/openapi.json` (operators) and
`/v1/agent/openapi.json` (agents), to anybody, and with `wavetrain api --json`.

- Messages are JSON. A message with a field that is not known, or with a value of another type, is refused.
- Persons and pipelines show a token: `Authorization: Bearer TOKEN`. Nodes show their certificate.
- A body that is longer than its limit is refused before it is read.
- Every refusal has the body `{"error": "...", "kind": "..."}`: the text is for people and says the way out, the kind
  is for programs. What was refused has changed nothing.

| Status | What it means |
| --- | --- |
"""


def drawn() -> str:
    """The whole page."""
    return "".join([HEAD, *(f"| {status} | {text} |\n" for status, text in REFUSALS.items()), *_doors()])


def _doors() -> Iterator[str]:
    for door, routes in openapi.DOORS.items():
        yield f"\n## The {door}' door\n\n{openapi.TEXTS[door]}\n"
        for route in routes:
            yield "".join(_route(route))


def _route(route: Described) -> Iterator[str]:
    text = " ".join(route.text.split())
    yield f"\n### {route.method} {route.path}\n\n{text if text.endswith('.') else text + '.'}\n\n"
    roles = ", ".join(f"`{role.value}`" for role in openapi.roles_of(route.act)) or "anybody"
    yield f"- For: {roles}.\n"
    for param in route.params:
        yield f"- `{param.name}`: {param.text}\n"
    if route.body is not None:
        yield f"- Takes {_taken(route.body)}, {route.body.limit} bytes at most.\n"
    given = "the bytes" if route.gives is None else f"`{_called(route.gives)}`"
    yield f"- Gives {route.status} with {given}; refuses with {', '.join(map(str, route.fails))}.\n"


def _taken(body: Body) -> str:
    also = f", or the same as `{body.also}`" if body.also else ""
    return "bytes" if body.media == BYTES else f"`{body.kind.__name__}`{also}"


def _called(kind: object) -> str:
    if kind is type(None):
        return "null"
    return kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else _plain(str(kind))


def _plain(text: str) -> str:
    """A generic type, without the modules of what is in it."""
    head, _, rest = text.partition("[")
    inner = ", ".join(part.strip(" ]").rsplit(".", 1)[-1] for part in rest.split(","))
    return f"{head}[{inner}]"


if __name__ == "__main__":
    PAGE.write_text(drawn())
