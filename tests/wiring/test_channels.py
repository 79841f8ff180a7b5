"""`[[alert]]` tables: what they may say, and that no refusal holds a secret."""

from pathlib import Path

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.notice import DEFAULT_KINDS, AlertKind
from wavetrain.wiring.channels import CHANNELS_MAX, MailTable, WebhookTable, opened
from wavetrain.wiring.config import load

HOOK = (
    '[[alert]]\nname = "ops"\nkind = "webhook"\nurl = "https://example.net/x"\nsecret_file = "ops.secret"\n'
)
MAIL = (
    '[[alert]]\nname = "duty"\nkind = "mail"\nhost = "mail.example.net"\nfrom = "w@example.net"\n'
    'to = ["duty@example.net"]\n'
)
SECRET = "whsec_" + "A" * 43 + "="


def written(folder: Path, text: str) -> Path:
    file = folder / "wavetrain.toml"
    file.write_text(text)
    return file


def test_tables_have_their_paths_beside_the_file_and_their_defaults(tmp_path: Path) -> None:
    config, _ = load(written(tmp_path, HOOK + 'on = ["fail", "completed"]\n' + MAIL))
    hook, mail = config.alert
    assert isinstance(hook, WebhookTable)
    assert isinstance(mail, MailTable)
    assert hook.secret_file == str(tmp_path / "ops.secret")
    assert hook.on == (AlertKind.FAIL, AlertKind.COMPLETED)
    assert (mail.on, mail.tls, mail.port, mail.ca_file) == (DEFAULT_KINDS, "starttls", 587, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HOOK + HOOK, "alert]] ops: there is another one of this name"),
        (HOOK.replace('ops"\nkind', 'o ps"\nkind'), r"name|pattern|matching"),
        (HOOK.replace("webhook", "pager"), "pager"),
        (HOOK + "surprise = 1\n", "surprise"),
        (HOOK + "on = []\n", "length"),
        (HOOK + 'on = ["test"]\n', "every channel takes tests"),
        (HOOK + 'on = ["weather"]\n', "weather"),
        (HOOK + "timeout_s = 0\n", "timeout_s"),
        (HOOK.replace("https", "http"), "ops: its url to example.net is plain http; use https"),
        (MAIL.replace("duty@example.net", "Duty <duty@example.net>"), "is no mail address"),
        (MAIL.replace("w@example.net", "w@example.net\\nBcc: x@example.net"), "is no mail address"),
        (MAIL.replace('["duty@example.net"]', "[]"), "length"),
        (MAIL.replace("mail.example.net", "mail example"), "is no host"),
        (MAIL + 'tls = "none"\n', "use starttls or implicit"),
        (MAIL + 'tls = "maybe"\n', "maybe"),
        (MAIL + 'user = "w"\n', "go together"),
        (MAIL + "port = 0\n", "port"),
        ("".join(HOOK.replace('ops"', f'o{n}"') for n in range(CHANNELS_MAX + 1)), f"give {CHANNELS_MAX}"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as refusal:
        load(written(tmp_path, text))
    assert str(tmp_path / "wavetrain.toml") in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("ops.secret", None, "cannot be read: No such file"),
        ("ops.secret", b"sesame\n", "does not begin with whsec_"),
        ("ops.secret", b"\xff\xfe", "not UTF-8"),
        ("ops.secret", b"x" * 5_000, "more than 4096 bytes"),
        ("ca.pem", b"sesame", "cannot be used"),
        ("password", b"\n", "is empty"),
        ("password", None, "cannot be read"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_at_the_start(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    (tmp_path / "ops.secret").write_text(SECRET)
    (tmp_path / "password").write_text("sesame")
    (tmp_path / name).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    more = 'ca_file = "ca.pem"\n' if name == "ca.pem" else ""
    text = HOOK + more + MAIL + 'user = "w"\npassword_file = "password"\n'
    config, _ = load(written(tmp_path, text))
    with pytest.raises(RefusedError, match=says) as refusal:
        list(map(opened, config.alert))
    assert "sesame" not in str(refusal.value)
    assert "[[alert]]" in str(refusal.value) or name in str(refusal.value)


def test_secrets_are_not_shown_with_the_channel(tmp_path: Path) -> None:
    (tmp_path / "ops.secret").write_text(SECRET)
    config, _ = load(written(tmp_path, HOOK))
    assert SECRET not in repr(config)
    assert SECRET not in repr(opened(config.alert[0]))
