"""OpenAPI: which document describes a door to programs?"""

import functools
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from wavetrain.decide.permit import PERMITS, Act
from wavetrain.doors.agents_described import AGENTS
from wavetrain.doors.described import BYTES, JSON, REFUSALS, Body, Described, Param
from wavetrain.doors.operators_described import OPERATORS
from wavetrain.model.access import Role
from wavetrain.wire.messages import Failure

REF = "#/components/schemas/{name}"
BEARER, CERTIFICATE = "bearer", "certificate"
SCHEMES = {
    BEARER: {"type": "http", "scheme": "bearer", "description": "A token of `wavetrain token create`."},
    CERTIFICATE: {
        "type": "mutualTLS",
        "description": "A node's own certificate, which the control plane gave it when it joined.",
    },
}
TEXTS = {
    "operators": "What persons and pipelines ask of releases, rollouts, the fleet and its rules.",
    "agents": "What nodes report, and what they are told to run.",
}
DOORS = {"operators": OPERATORS, "agents": AGENTS}
PATHS = {"operators": "/v1/openapi.json", "agents": "/v1/agent/openapi.json"}
"""Where each door gives its own document, to anybody."""


@functools.cache
def document(door: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the operators' or the agents' door."""
    routes = DOORS[door]
    kinds = _kinds(routes)
    shown, components = msgspec.json.schema_components(kinds, schema_hook=_anything, ref_template=REF)
    schemas = dict(zip(map(repr, kinds), shown, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Wavetrain: {door}' door",
            "version": version("wavetrain"),
            "description": TEXTS[door],
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _refusal(status, schemas) for status in REFUSALS},
            "securitySchemes": {name: SCHEMES[name] for name in _schemes(routes)},
        },
    }
    # As JSON has it: what msgspec says of defaults holds tuples and enums.
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return whole


def undescribed(opened: Iterable[BaseRoute], door: str) -> list[str]:
    """The routes that are open but not described, and those that are described but not open."""
    described = {route.where for route in DOORS[door]}
    there = {
        f"{method} {route.path}"
        for route in opened
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    } - {f"GET {PATHS[door]}"}
    return sorted(f"{where} is open and not described" for where in there - described) + sorted(
        f"{where} is described and not open" for where in described - there
    )


def giving(door: str) -> Route:
    """The route that gives a door's document."""

    async def endpoint(_: Request) -> Response:
        return Response(_encoded(door), media_type=JSON)

    return Route(PATHS[door], endpoint)


def roles_of(act: Act | None) -> list[Role]:
    """Who may; nobody in particular without an act."""
    return [role for role in Role if act is not None and role in PERMITS[act]]


@functools.cache
def _encoded(door: str) -> bytes:
    return msgspec.json.encode(document(door))


def _kinds(routes: Sequence[Described]) -> list[Any]:
    """Every type that has a place in the document, once."""
    found: list[Any] = [Failure]
    for route in routes:
        found += [param.kind for param in route.params]
        found += [route.body.kind] if route.body is not None and route.body.kind is not None else []
        found += [route.gives] if route.gives is not None else []
    return list({repr(kind): kind for kind in found}.values())


def _anything(kind: type) -> dict[str, Any]:
    """The schema of a value that may be anything; no other type is without one."""
    if kind is object:
        return {"description": "Any value."}
    raise NotImplementedError


def _operation(route: Described, schemas: dict[str, Any]) -> dict[str, Any]:
    roles = roles_of(route.act)
    said: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.text.split(". ")[0].split("; ")[0].rstrip("."),
        "description": route.text,
        "parameters": [_parameter(param, route.path, schemas) for param in route.params],
        "responses": {
            str(route.status): _answer(route, schemas),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in route.fails},
        },
        "security": [{scheme: [role.value]} for role in roles for scheme in _keys(role)],
        "x-roles": [role.value for role in roles],
    }
    if route.body is not None:
        said["requestBody"] = _sent(route.body, schemas)
    return said


def _keys(role: Role) -> tuple[str, ...]:
    """By which schemes a role is shown."""
    return (CERTIFICATE,) if role is Role.NODE else (BEARER,)


def _schemes(routes: Sequence[Described]) -> list[str]:
    used = {scheme for route in routes for role in roles_of(route.act) for scheme in _keys(role)}
    return [name for name in SCHEMES if name in used]


def _parameter(param: Param, path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": "header" if param.is_header else "path" if f"{{{param.name}}}" in path else "query",
        "required": param.required,
        "description": param.text,
        "schema": schemas[repr(param.kind)],
    }


def _sent(body: Body, schemas: dict[str, Any]) -> dict[str, Any]:
    if body.kind is None:
        content: dict[str, Any] = {body.media: {"schema": _BINARY}}
    else:
        content = {body.media: {"schema": schemas[repr(body.kind)], "example": body.example}}
    if body.also:
        content[body.also] = {"schema": {"type": "string"}}
    return {
        "required": True,
        "description": f"{body.limit} bytes at most.",
        "content": content,
        "x-bytes-max": body.limit,
    }


def _answer(route: Described, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _BINARY if route.gives is None and route.media == BYTES else schemas.get(repr(route.gives))
    return {"description": "Done.", "content": {route.media: {"schema": schema}}}


def _refusal(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    return {"description": REFUSALS[status], "content": {JSON: {"schema": schemas[repr(Failure)]}}}


_BINARY = {"type": "string", "contentMediaType": BYTES}
