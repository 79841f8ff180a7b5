"""Draws docs/cli.md from the commands themselves."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from wavetrain.cli.main import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
HEAD = """\
# The `wavetrain` command

Drawn from the program by `.venv/bin/python -m tests.docs.draw_cli`; a test compares. `wavetrain COMMAND --help` says
the same.

Every command but `up`, `agent`, `demo` and `lab` speaks to a control plane, and takes besides its own options (`fleet
check` and `policy check` also work without one):

- `--json`: print JSON for programs.
- `--url URL`: the control plane; also from `WAVETRAIN_URL`. In a folder with a `wavetrain.toml`: the one it describes.
- `--token TEXT`: the token to speak with; also from `WAVETRAIN_TOKEN`. In a folder with a `wavetrain.toml`, on the
  control plane's own machine: the first admin's token.

Exit codes: 0 done; 1 refused, with the rule and the way out after `error:`; 2 wrong usage; 3 the control plane does
not answer, or another one owns the store; 4 the rollout that was watched, or the demonstration, ended otherwise than
it should.
"""
COMMON = {"as_json", "url", "secret", "help"}


def drawn() -> str:
    """The whole page."""
    return HEAD + "".join(_group(typer.main.get_command(app), "wavetrain"))


def _group(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        inner = f"{path} {name}"
        if getattr(command, "commands", None):
            yield f"\n## {inner}\n\n{_sentence(command)}\n"
            if _own(command):
                yield f"\n    {' '.join([inner, *map(_usage, _own(command))])}\n\n"
                yield "".join(map(_row, _own(command)))
            yield from _group(command, inner)
        else:
            yield from _command(command, inner, "##" if path == "wavetrain" else "###")


def _command(command: Any, path: str, level: str) -> Iterator[str]:
    own = _own(command)
    usage = " ".join([path, *(_usage(parameter) for parameter in own)])
    yield f"\n{level} {path}\n\n    {usage}\n\n{_sentence(command)}\n"
    rows = "".join(_row(parameter) for parameter in own)
    if rows:
        yield f"\n{rows}"


def _own(command: Any) -> list[Any]:
    """Its parameters, without help and without those that all commands have that speak to a control plane."""
    names = {parameter.name for parameter in command.params}
    left_out = COMMON if names >= COMMON - {"help"} else {"help"}
    return [parameter for parameter in command.params if parameter.name not in left_out]


def _usage(parameter: Any) -> str:
    value = _value(parameter)
    if parameter.param_type_name == "argument":
        return value if parameter.required else f"[{value}]"
    if parameter.secondary_opts:
        return f"[{parameter.opts[0]}|{parameter.secondary_opts[0]}]"
    said = parameter.opts[0] if getattr(parameter, "is_flag", False) else f"{parameter.opts[0]} {value}"
    said += " ..." if parameter.multiple else ""
    return said if parameter.required else f"[{said}]"


def _value(parameter: Any) -> str:
    choices = _choices(parameter)
    if choices:
        return "|".join(choice.value for choice in choices)
    return str(parameter.metavar or parameter.name.upper().replace("_", "-"))


def _choices(parameter: Any) -> list[Enum]:
    annotation = parameter.type_descriptor.annotation
    kinds = [*get_args(annotation), annotation]
    return next((list(kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)), [])


def _row(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    name = _value(parameter) if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.secondary_opts:
        default = (parameter.opts if default else parameter.secondary_opts)[0]
    is_told = not parameter.required and isinstance(default, str | int | Path) and default not in (False, "")
    said = f" By default `{default}`." if is_told else ""
    sentence = parameter.help if parameter.help.endswith(".") else f"{parameter.help}."
    return f"- `{name}`: {sentence}{said}\n"


def _sentence(command: Any) -> str:
    return " ".join((command.help or "").split())


if __name__ == "__main__":
    PAGE.write_text(drawn())
