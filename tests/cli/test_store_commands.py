"""`wavetrain store` and `wavetrain standstill`, as a person types them."""

import json
from contextlib import closing
from pathlib import Path

from tests.adapters.store_cases import region
from tests.databases import Databases
from typer.testing import CliRunner, Result

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.cli.main import app
from wavetrain.model.fleet import Region
from wavetrain.model.standstill import Standstill


def typed(*words: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (words, result.output, result.exception)
    return result


def furnished(folder: Path) -> Path:
    """A configuration whose store has a record."""
    config = folder / "wavetrain.toml"
    config.write_text('folder = "var"\n')
    (folder / "var").mkdir()
    with closing(SqlStore(folder / "var" / "store.sqlite")) as store, store.write() as transaction:
        transaction.put(region())
    return config


def test_a_backup_is_taken_checked_and_restored_and_stands_still(tmp_path: Path) -> None:
    config, file, new = furnished(tmp_path), tmp_path / "backup", tmp_path / "new.sqlite"
    said = typed("store", "backup", file, "--config", config)
    assert said.stdout.startswith(f"{file}: ")
    assert " rows as of " in said.stdout
    made = json.loads(typed("store", "restore", file, "--store", new, "--by", "ada", "--json").stdout)
    assert made["era"] == 2
    checked = json.loads(typed("store", "check", "--store", new, "--json").stdout)
    assert checked["faults"] == []
    assert checked["records"]["Region"] == 1
    with closing(SqlStore(new)) as store, store.read() as view:
        assert [item.cause for item in view.find(Standstill)] == ["restore"]
        assert "restored by ada" in view.journal_tail(1)[0].text


def test_a_store_is_copied_into_a_database_server(tmp_path: Path, databases: Databases) -> None:
    config, url = furnished(tmp_path), databases.fresh()
    said = typed("store", "copy", url, "--config", config)
    assert said.stdout.endswith(f"name the copy as `store` in {config}\n")
    with closing(SqlStore(url)) as store, store.read() as view:
        assert len(view.find(Region)) == 1
    again = typed("store", "copy", url, "--config", config, code=1)
    assert "is not empty" in again.stderr


def test_a_store_that_is_up_to_date_has_nothing_to_migrate(tmp_path: Path) -> None:
    config = furnished(tmp_path)
    assert "nothing to do" in typed("store", "migrate", "--config", config).stdout
    moved = json.loads(typed("store", "migrate", "--config", config, "--json").stdout)
    assert moved["before"] == moved["after"]


def test_what_is_wrong_ends_with_one_and_says_the_way_out(tmp_path: Path) -> None:
    config = furnished(tmp_path)
    assert (
        "name the store with --store" in typed("store", "check", "--config", tmp_path / "no", code=1).stderr
    )
    (tmp_path / "text").write_text("no backup")
    refused = typed("store", "restore", tmp_path / "text", "--store", tmp_path / "new", code=1)
    assert (
        "name the file that `wavetrain store backup` wrote" in refused.stderr
        or "another backup" in refused.stderr
    )
    with closing(SqlStore(tmp_path / "var" / "store.sqlite", exclusive=True, holder="up")):
        assert "is owned by process" in typed("store", "migrate", "--config", config, code=3).stderr
