"""The official OpenFeature clients ask a control plane, over TLS on loopback: Python's, and both of JavaScript's."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from tests.control.practice import Practice
from tests.doors.feature_desk import FeatureDesk
from tests.doors.features_at_hand import desk, killed
from tests.doors.served import Served, served

from wavetrain.control.audience import Audience
from wavetrain.control.standings import Standings

PACKAGES = Path(sys.prefix) / "node"
SCRIPT = Path(__file__).parent / "node" / "clients.mjs"
TIMEOUT_S = 60.0
ACME = EvaluationContext("acme", {"user": "bob"})


class Opened:
    """Open doors, the desk behind them, and who listens there."""

    def __init__(self, doors: Served, features: FeatureDesk, audience: Audience, folder: Path) -> None:
        self.doors, self.desk, self.audience = doors, features, audience
        self.authority = folder / "believed.pem"
        self.authority.write_text(doors.authority.chain())


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    features = desk()
    audience = Audience(cast(Standings, features))
    with served(Practice(tmp_path), tmp_path, snapshot=features, audience=audience) as doors:
        yield Opened(doors, features, audience, tmp_path)


@pytest.fixture
def client(opened: Opened) -> Iterator[OpenFeatureClient]:
    secret = opened.doors.secrets["pages"]
    provider = OFREPProvider(opened.doors.url, headers_factory=lambda: {"Authorization": f"Bearer {secret}"})
    provider.session.trust_env = False
    provider.session.verify = str(opened.authority)
    api.set_provider(provider)
    yield api.get_client()
    provider.session.close()
    api.clear_providers()


def test_pythons_client_understands_every_kind(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("switch", False, ACME) is True
    assert client.get_string_value("text", "none", ACME) == "tiles"
    assert client.get_integer_value("whole", -1, ACME) == 3
    assert client.get_float_value("number", -1.0, ACME) == 2.0
    assert client.get_object_value("object", {}, ACME) == {"a": [1, {"b": None}]}


def test_pythons_client_understands_every_reason_and_every_error(
    opened: Opened, client: OpenFeatureClient
) -> None:
    for one in opened.desk.sheet().features:
        if one.kind == "switch":
            said = client.get_boolean_details(one.id, False, ACME)
            assert (said.error_code, said.variant in ("rich", "plain")) == (None, True)
            assert said.flag_metadata["why"]
    assert client.get_boolean_details("killed", True, ACME).reason == "DISABLED"
    unknown = client.get_boolean_details("unknown", True, ACME)
    assert (unknown.value, unknown.error_code) == (True, "FLAG_NOT_FOUND")
    nobody = client.get_boolean_details("switch", False, EvaluationContext())
    assert (nobody.value, nobody.error_code) == (False, "TARGETING_KEY_MISSING")
    long = client.get_boolean_details("switch", False, EvaluationContext("acme", {"long": "x" * 1_048_576}))
    assert (long.value, long.error_code) == (False, "INVALID_CONTEXT")


@pytest.mark.skipif(
    shutil.which("node") is None or not (PACKAGES / "node_modules").is_dir(),
    reason="no node here, or its packages are not installed: install nodejs and npm, then make .venv/.test-stamp",
)
def test_both_of_javascripts_clients_understand_it_and_hear_of_changes(opened: Opened) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "URL": opened.doors.url,
        "TOKEN": opened.doors.secrets["pages"],
        "NODE_EXTRA_CA_CERTS": str(opened.authority),
    }
    process = subprocess.Popen(
        ["node", str(SCRIPT), str(PACKAGES)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said: list[dict[str, Any]] = []
    try:
        for line in process.stdout:
            said.append(json.loads(line))
            if "listens" in said[-1]:
                opened.desk.put(killed("switch"))
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.communicate()
    server, first, _, after = said
    rich = {"reason": "STATIC", "variant": "rich", "why": "everywhere"}
    assert server["switch"] == {"value": True, **rich}
    assert server["text"] == {"value": "tiles", **rich}
    assert (server["whole"]["value"], server["number"]["value"]) == (3, 2)
    assert server["object"]["value"] == {"a": [1, {"b": None}]} == first["object"]["value"]
    assert (server["killed"]["value"], server["killed"]["reason"]) == (False, "DISABLED")
    assert (server["unknown"]["value"], server["unknown"]["errorCode"]) == (True, "FLAG_NOT_FOUND")
    assert server["nobody"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert (first["switch"], first["unknown"]["errorCode"]) == ({"value": True, **rich}, "FLAG_NOT_FOUND")
    assert (after["after"]["value"], after["after"]["reason"]) == (False, "DISABLED")
    assert after["asked"][0] == [200, False, False]
    assert [200, True, True] in after["asked"], "it was told by an event, and asked with what it knew"
