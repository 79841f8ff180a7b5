"""`[health]`: which source a process has, what the table may say, and that no refusal holds a secret."""

from pathlib import Path

import pytest
from tests.docs.pages import DOCS, blocks

from wavetrain.adapters.prometheus import PrometheusSource
from wavetrain.adapters.scrape import ScrapeSource
from wavetrain.errors import RefusedError
from wavetrain.wiring.config import Config, load
from wavetrain.wiring.sources import PrometheusTable, opened, settings_of

TABLE = '[health]\nsource = "prometheus"\nurl = "https://mimir.example.net/prometheus/"\n'
SECRET = "s3cr3t-t0ken"


def written(folder: Path, text: str) -> Config:
    file = folder / "wavetrain.toml"
    file.write_text(text)
    return load(file)[0]


def table(folder: Path, text: str) -> PrometheusTable:
    found = written(folder, text).health
    assert isinstance(found, PrometheusTable)
    return found


def test_without_a_table_the_nodes_are_read_directly(tmp_path: Path) -> None:
    source = opened(written(tmp_path, "").health)
    source.close()
    assert isinstance(source, ScrapeSource)
    assert (source.figures().kind, source.figures().fault) == ("scrape", "")


def test_the_table_chooses_prometheus(tmp_path: Path) -> None:
    local = '[health]\nsource = "prometheus"\nurl = "http://127.0.0.1:9"\n'
    source = opened(written(tmp_path, local).health)
    source.close()
    assert isinstance(source, PrometheusSource)
    assert source.figures().kind == "prometheus"


def test_its_keys_arrive_where_they_are_meant_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    text = (
        f'{TABLE}token_file = "token"\nmatch = [\'job=~"gate.*"\', \'x != "a\\"b"\']\nnode_label = "instance"\n'
        'node_is = "address"\npop_label = "site"\nrelease_label = "version"\nrelease_info = "build_info"\n'
        'step_s = 15.0\nlag_s = 40\ntimeout_s = 3\nheaders = { X-Scope-OrgID = "edge" }\n'
    )
    settings = settings_of(table(tmp_path, text))
    assert settings.place.url == "https://mimir.example.net/prometheus"
    assert settings.place.headers == {"X-Scope-OrgID": "edge", "Authorization": f"Bearer {SECRET}"}
    assert settings.place.trust is not None
    labels = settings.labels
    assert (labels.node, labels.node_is, labels.pop) == ("instance", "address", "site")
    assert (labels.release, labels.release_info) == ("version", "build_info")
    assert labels.match == ('job=~"gate.*"', 'x != "a\\"b"')
    assert (settings.step_s, settings.lag_s, settings.place.timeout_s) == (15.0, 40.0, 3.0)


def test_a_user_is_known_by_basic_authentication(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    settings = settings_of(table(tmp_path, f'{TABLE}user = "ada"\npassword_file = "password"\n'))
    assert settings.place.headers == {"Authorization": "Basic YWRhOm9wZW4gc2VzYW1l"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[health]\nurl = "http://h"\n', "source"),
        ('[health]\nsource = "graphite"\n', "graphite"),
        ('[health]\nsource = "scrape"\nurl = "http://h"\n', "url"),
        ('[health]\nsource = "prometheus"\n', "url"),
        (f"{TABLE}surprise = 1\n", "surprise"),
        (TABLE.replace("https", "ftp"), "its url cannot be used; give one like"),
        (TABLE.replace("https://mimir", "https://ada:pw@mimir"), "leave them out, and say who you are"),
        (TABLE.replace("prometheus/", "prometheus/api/v1"), "leave out what begins with /api/v1"),
        (TABLE.replace("example.net/", "example.net:port/"), "its url cannot be read"),
        (f'{TABLE.replace("https", "http")}token_file = "t"\n', "in plain http; use https"),
        (f'{TABLE}user = "ada"\n', "go together"),
        (f'{TABLE}user = "a"\npassword_file = "p"\ntoken_file = "t"\n', "exclude each other"),
        (f'{TABLE}match = ["job"]\n', "match"),
        (f'{TABLE}match = [\'job="x"}} or up{{y=""\']\n', "match"),
        (f'{TABLE}node_label = "no de"\n', "node_label"),
        (f'{TABLE}node_is = "both"\n', "both"),
        (f"{TABLE}timeout_s = 0\n", "timeout_s"),
        (f"{TABLE}lag_s = -1\n", "lag_s"),
        (f'{TABLE}headers = {{ Authorization = "Bearer x" }}\n', "cannot be set here"),
        (f'{TABLE}headers = {{ "X: y" = "z" }}\n', "cannot be set here"),
        (f'{TABLE}headers = {{ X-Scope-OrgID = "a\\r\\nHost: b" }}\n', "no plain value"),
    ],
)
def test_what_it_may_not_say_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        written(tmp_path, text)
    assert str(tmp_path / "wavetrain.toml") in str(refusal.value)
    assert says in str(refusal.value)
    assert "pw@" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"two\nlines s3cr3t-t0ken\n", b"\xff", b"s3cr3t-t0ken" * 1_000])
def test_a_file_that_holds_no_secret_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(RefusedError) as refusal:
        settings_of(table(tmp_path, f'{TABLE}token_file = "token"\n'))
    assert str(tmp_path / "token") in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for key in ("token_file", "ca_file"):
        with pytest.raises(RefusedError, match="gone"):
            settings_of(table(tmp_path, f'{TABLE}{key} = "gone"\n'))


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    examples = [text for text in blocks((DOCS / "sources.md").read_text(), "toml") if "[health]" in text]
    assert len(examples) == 2
    for text in examples:
        assert isinstance(written(tmp_path, text).health, PrometheusTable)
