"""docs/configuration.md names every key that the program reads, with its default, and its examples are accepted."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.docs.pages import DOCS, blocks, tables

from wavetrain.agent import config as agent
from wavetrain.agent.worker import Initial
from wavetrain.decide.admission import Candidate
from wavetrain.model import policy
from wavetrain.model.fleet import BLACKOUTS_MAX, Account, Group, Pop, Site
from wavetrain.model.hotfix import Hotfix
from wavetrain.wire.faults import FAULTS_KEPT_MAX
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.fleet_lines import LINE_BYTES_MAX, LINES_BYTES_MAX, read_lines
from wavetrain.wire.fleet_parts import LIMITS
from wavetrain.wire.policy_file import read_policy
from wavetrain.wire.release_file import read_release
from wavetrain.wire.toml_table import FILE_BYTES_MAX
from wavetrain.wiring import channels, notice_config, sources
from wavetrain.wiring import config as wiring_config

TEXT = (DOCS / "configuration.md").read_text()
TABLES = tables(TEXT)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
DIGEST = "0" * 64

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "wavetrain.toml: keys": wiring_config.Config,
    'alert.kind = "webhook"': channels.WebhookTable,
    'alert.kind = "mail"': channels.MailTable,
    "[notes]": wiring_config.NotesConfig,
    "[status]": wiring_config.StatusConfig,
    "[notices]": notice_config.NoticesConfig,
    "[notices.mail]": notice_config.NoticeMailConfig,
    "[[ci]]": wiring_config.CiConfig,
    "[oidc]": wiring_config.OidcConfig,
    "[tls]": wiring_config.TlsConfig,
    'health.source = "prometheus"': sources.PrometheusTable,
    "agent.toml: keys": agent.Config,
    'installer.kind = "slots"': agent.Slots,
    'installer.kind = "command"': agent.CommandInstall,
    'traffic.kind = "command"': agent.CommandMove,
    'traffic.kind = "haproxy"': agent.Haproxy,
    'traffic.kind = "lab"': agent.LabBalancer,
    'probe.kind = "http"': agent.HttpLook,
    'probe.kind = "tcp"': agent.TcpLook,
    'probe.kind = "command"': agent.CommandLook,
    "agent.toml: watchdog": agent.Watchdog,
    "agent.toml: initial": Initial,
    "policy: keys": policy.Policy,
    "[[ring]]": policy.Ring,
    "[budgets]": policy.Budgets,
    "[bake]": policy.Bake,
    "[announce]": policy.Announce,
    "[verdicts]": policy.Verdicts,
    "[[verdicts.metric]]": policy.MetricRule,
    "[timing]": policy.Timing,
    "[succession]": policy.Succession,
    "release: keys": Candidate,
    "[hotfix]": Hotfix,
}
SAID_OTHERWISE = {(policy.Policy, "rings"): "ring", (policy.Verdicts, "metrics"): "metric"}
"""A list of tables is written with the name of one of them."""


@pytest.mark.parametrize("heading", STRUCTS, ids=str)
def test_each_key_stands_in_its_table_with_its_default(heading: str) -> None:
    told = {row[0].strip("`"): row[2].replace("`", "") for row in TABLES[heading]}
    kind = STRUCTS[heading]
    if kind is policy.MetricRule:
        assert told.pop("use") == "none"
    fields = {
        SAID_OTHERWISE.get((kind, item.name), item.encode_name): item for item in msgspec.structs.fields(kind)
    }
    assert told.keys() == fields.keys()
    for key, default in told.items():
        wanted = _default(fields[key], key)
        if kind is policy.MetricRule and key == "name":
            wanted = "required without use"
        is_filled_in = kind is Candidate and key in ("digest", "size")
        assert default == ("from --artifact" if is_filled_in else wanted), key


def _default(field: msgspec.structs.FieldInfo, key: str) -> str:
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if key == "weight":
        value = 1.0  # the file's reader has a default that the struct has not
    if key in ("events", "exposure", "histogram", "gauge"):
        return "required for a " + ("counter" if key in ("events", "exposure") else key)
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, msgspec.Struct):
        return "below"
    if value is None:
        return "none"
    return json.dumps(msgspec.to_builtins(value))


KEYS_OF_READER = {
    "[[region]]": ('[[region]]\nid = "x"\n', "region[0]"),
    "[[pop]]": ('[[pop]]\nid = "x"\n', "pop[0]"),
    "window": ('[[pop]]\nid = "x"\n[pop.window]\n', "pop[0].window"),
    "[[group]]": ('[[group]]\nid = "x"\n', "group[0]"),
    "[[account]]": ('[[account]]\nid = "x"\n', "account[0]"),
    "[[site]]": ('[[site]]\nid = "x"\n', "site[0]"),
}


@pytest.mark.parametrize("heading", KEYS_OF_READER, ids=str)
def test_the_fleet_files_tables_name_the_keys_that_its_reader_knows(heading: str) -> None:
    text, place = KEYS_OF_READER[heading]
    with pytest.raises(Exception, match="faults") as refusal:
        read_fleet(f"{text}qqq = 1\n", NOW)
    found = re.search(rf"{re.escape(place)}\.qqq: .*; the keys here are: (.*)", str(refusal.value))
    assert found is not None
    assert {row[0].strip("`") for row in TABLES[heading]} == set(found.group(1).split(", ")) | _either(
        heading
    )


DEFAULTS: dict[str, type[msgspec.Struct]] = {
    "[[pop]]": Pop,
    "[[account]]": Account,
    "[[group]]": Group,
    "[[site]]": Site,
}


@pytest.mark.parametrize("heading", DEFAULTS, ids=str)
def test_the_fleet_files_tables_tell_the_defaults_of_the_model(heading: str) -> None:
    known = {field.name: field for field in msgspec.structs.fields(DEFAULTS[heading])}
    for row in TABLES[heading]:
        told, field = row[2].strip("`"), known[row[0].strip("`")]
        if told.startswith(("required", "none", "its ")):
            assert field.default in (msgspec.NODEFAULT, None, "", (), "UTC") or field.default_factory is dict
        else:
            assert json.loads(told) == field.default, row[0]


LIMITS_TOLD = {
    "[[region]]": "region",
    "[[pop]]": "pop",
    "[[group]]": "group",
    "[[account]]": "account",
    "[[site]]": "site",
}


def test_the_limits_of_the_fleet_file_are_told() -> None:
    for heading, kind in LIMITS_TOLD.items():
        assert f"### {heading}\n\nAt most {LIMITS[kind]:,}.\n" in TEXT
    assert (
        f"{LINE_BYTES_MAX // 1024} KiB a line, {LINES_BYTES_MAX // 1024**2} MiB a file and {FAULTS_KEPT_MAX:,} faults"
        in TEXT
    )
    assert f"A TOML file has {FILE_BYTES_MAX // 1024**2} MiB at most" in TEXT
    assert f"`first` and `last`, both included; at most {BLACKOUTS_MAX}" in TEXT


def test_the_json_lines_of_the_page_are_a_fleet() -> None:
    (lines,) = blocks(TEXT, "json")
    fleet = read_lines([lines.encode()], NOW)
    assert (list(fleet.pops), list(fleet.sites)) == (["lis1"], ["acme-porto"])


def _either(heading: str) -> set[str]:
    """`hours` may stand in for `minutes`; the reader names the one that it looked for."""
    return {"hours", "minutes"} if heading == "window" else set()


def _examples(name: str) -> list[str]:
    found = [block for block in blocks(TEXT, "toml") if block.startswith(f"# {name}\n")]
    assert found, f"no complete example of {name}"
    return found


def test_every_example_says_which_file_it_is() -> None:
    heads = {block.split("\n")[0] for block in blocks(TEXT, "toml")}
    files = ("wavetrain.toml", "agent.toml", "fleet.toml", "policy.toml", "release.toml")
    assert heads == {f"# {name}" for name in files}


@pytest.mark.parametrize(
    ("name", "read"),
    [("wavetrain.toml", wiring_config.load), ("agent.toml", agent.read)],
    ids=["wavetrain", "agent"],
)
def test_the_examples_of_configurations_are_accepted(name: str, read: object, tmp_path: Path) -> None:
    for index, text in enumerate(_examples(name)):
        file = tmp_path / f"{index}-{name}"
        file.write_text(text)
        assert callable(read)
        assert read(file)


def test_the_examples_of_the_other_files_are_accepted_together() -> None:
    fleet = read_fleet(_examples("fleet.toml")[0], NOW)
    assert read_policy(_examples("policy.toml")[0], fleet).lane == "pop"
    assert read_release(_examples("release.toml")[0], digest=DIGEST, size=1).number == "2.1.1"
