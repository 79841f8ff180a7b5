"""The container file keeps its rules. No engine builds it here: it is parsed, and held against a schema."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.deploy.containerfile import parsed, read
from tests.docs.pages import ROOT

from wavetrain.wiring import knock
from wavetrain.wiring.config import read as read_config

FILE = ROOT / "deploy" / "Containerfile"
TEXT = FILE.read_text()
SCHEMA = json.loads((Path(__file__).parent / "containerfile.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def last(name: str) -> dict[str, Any]:
    """The instruction of the stage that is shipped."""
    return next(item for item in read(FILE)["stages"][-1]["instructions"] if item["name"] == name)


def test_it_keeps_the_rules() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(read(FILE))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("USER 10001:10001", "USER root"),
        ("USER 10001:10001", "USER 0:0"),
        ("USER 10001:10001\n", ""),
        ("USER 10001:10001\n", "USER 10001:10001\nUSER 1:1\n"),
        ("COPY src src", "ADD https://example.net/src.tar src"),
        ("COPY src src", "COPY https://example.net/src.tar src"),
        ("COPY src src", "COPY . src"),
        ('ENTRYPOINT ["/opt/wavetrain/bin/wavetrain"]', "ENTRYPOINT /opt/wavetrain/bin/wavetrain"),
        ('ENTRYPOINT ["/opt/wavetrain/bin/wavetrain"]', 'ENTRYPOINT ["wavetrain"]'),
        ('ENTRYPOINT ["/opt/wavetrain/bin/wavetrain"]\n', ""),
        ('RUN ["python3", "-m", "venv", "/opt/wavetrain"]', "RUN python3 -m venv /opt/wavetrain"),
        ('RUN ["python3", "-m", "venv", "/opt/wavetrain"]', 'RUN ["/bin/sh", "-c", "true"]'),
        ("HEALTHCHECK --interval=30s", "HEALTHCHECK --retries=9"),
        ("python:3.11-slim-bookworm\n\nFROM", "python:latest\n\nFROM"),
        ("python:3.11-slim-bookworm\n\nFROM", "python\n\nFROM"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL"),
        ("ENV PYTHON", "ENV ADMIN_TOKEN=x PYTHON"),
        ("EXPOSE 8440", "EXPOSE 80"),
        ("EXPOSE 8440", 'SHELL ["sh"]'),
        ("COPY --from=build", "COPY --link=true"),
        ("FROM ${BASE} AS build", "FROM ${BASE} AS other"),
    ],
)
def test_a_planted_breach_is_seen(before: str, after: str) -> None:
    assert before in TEXT
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(parsed(TEXT.replace(before, after, 1)))


@pytest.mark.parametrize("text", ["USER 1:1\nFROM a:1", "FROM a:1 AS\n", "FROM\n"])
def test_what_is_no_container_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"FROM|before the first stage"):
        parsed(text)


def test_a_base_may_be_pinned_by_its_digest() -> None:
    digest = "a" * 64
    pinned = TEXT.replace("ARG BASE=python:3.11-slim-bookworm", f"ARG BASE=python@sha256:{digest}")
    VALIDATOR.validate(parsed(pinned))


def test_what_it_copies_is_there() -> None:
    for stage in read(FILE)["stages"]:
        for item in stage["instructions"]:
            if item["name"] == "COPY" and "from" not in item["flags"]:
                for source in item["words"][:-1]:
                    assert (ROOT / source).exists(), source


def test_libraries_are_installed_by_their_hashes() -> None:
    installs = [
        item["exec"]
        for stage in read(FILE)["stages"]
        for item in stage["instructions"]
        if item["name"] == "RUN" and "install" in item["exec"] and "pip" in item["exec"]
    ]
    assert installs
    assert all("--require-hashes" in words or "--no-deps" in words for words in installs)


def test_what_it_starts_and_asks_is_there() -> None:
    assert last("ENTRYPOINT")["exec"] == ["/opt/wavetrain/bin/wavetrain"]
    assert last("CMD")["exec"][0] == "up"
    config = last("CMD")["exec"][-1]
    asked = last("HEALTHCHECK")["exec"]
    assert asked[1:] == ["-m", knock.__name__, config]
    copied = [item["words"] for item in read(FILE)["stages"][-1]["instructions"] if item["name"] == "COPY"]
    assert ["deploy/wavetrain.toml", config] in copied


def test_its_configuration_is_accepted_and_keeps_everything_in_the_volume() -> None:
    _, folder = read_config(ROOT / "deploy" / "wavetrain.toml")
    assert last("VOLUME")["exec"] == [str(folder)]
    assert last("WORKDIR")["words"] == [str(folder)]


def test_the_documents_say_that_nothing_ran_it() -> None:
    page = (ROOT / "deploy" / "README.md").read_text()
    assert re.search(r"No systemd and no container engine ran them in the tests", page)
