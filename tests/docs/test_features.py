"""docs/features.md says what the program does."""

import re
from datetime import UTC, datetime
from pathlib import Path

from wavetrain.decide import prerequisites
from wavetrain.wire.feature_file import read_features

PAGE = (Path(__file__).parents[2] / "docs" / "features.md").read_text()


def test_the_file_that_is_shown_is_read_and_fits_together() -> None:
    text, checked = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    (tiles,) = read_features(checked, datetime(2027, 1, 1, tzinfo=UTC))
    assert [check.name for check in tiles.checks] == ["errors", "logins"]
    menu, dark = read_features(text, datetime(2027, 1, 1, tzinfo=UTC))
    assert prerequisites.order((menu, dark)) == (dark.id, menu.id)
    assert menu.ramp is not None
    assert len(menu.ramp.steps) == 14
    assert dark.variants[0].value is True


def test_every_command_that_is_shown_is_one() -> None:
    from typer.main import get_command

    from wavetrain.cli.feature_commands import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"wavetrain feature (\w+)", PAGE)) == known - {"show"}
