"""The doors' certificate stays fresh while they serve, and nothing that is wrong with a new one takes the old away."""

import socket
import ssl
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from wavetrain.adapters.authority import DOOR_LIFE, OwnAuthority
from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.private_file import write_private
from wavetrain.control import tokens
from wavetrain.errors import UnreachableError
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.config import load, server_names
from wavetrain.wiring.control_plane import first_token
from wavetrain.wiring.tls import Tls, given_pair, own_pair

NOW = utc_now()


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def shown(tls: Tls, authority: OwnAuthority) -> bytes:
    """The certificate that whoever connects now is shown, in DER."""
    ours, theirs = socket.socketpair()
    trusting = ssl.create_default_context(cadata=authority.chain())
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    served: list[ssl.SSLSocket] = []
    server = threading.Thread(target=lambda: served.append(tls.context.wrap_socket(theirs, server_side=True)))
    server.start()
    with trusting.wrap_socket(ours, server_hostname="localhost") as client:
        der = client.getpeercert(binary_form=True)
        server.join(10)
    for side in served:
        side.close()
    assert der is not None
    return der


def test_the_own_certificate_is_renewed_while_the_doors_are_open(tmp_path: Path) -> None:
    said: list[str] = []
    clock, authority = Hand(), OwnAuthority(tmp_path, NOW)
    tls = Tls(authority, own_pair(authority, tmp_path, ()), clock, lambda event, **_: said.append(event))
    first = shown(tls, authority)
    clock.now = NOW + DOOR_LIFE * 0.5
    tls.refresh()
    assert shown(tls, authority) == first
    clock.now = NOW + timedelta(days=1) - DOOR_LIFE  # a clock that was wrong when the certificate was made
    tls.refresh()
    assert shown(tls, authority) != first
    assert said == ["certificate"]


def test_given_files_are_read_again_and_bad_ones_leave_the_good_certificate(tmp_path: Path) -> None:
    said: list[str] = []
    own, other, live = tmp_path / "own", tmp_path / "other", tmp_path / "live"
    for folder in (own, other, live):
        folder.mkdir()
    authority = OwnAuthority(own, NOW)
    authority.door(own, (), NOW)
    authority.door(other, (), NOW)
    pair = live / "fullchain.pem", live / "key.pem"

    def put(certificate: Path, key: Path) -> None:
        pair[0].write_bytes((certificate / "door.pem").read_bytes())
        pair[1].write_bytes((key / "door.key").read_bytes())

    put(own, own)
    tls = Tls(authority, given_pair(*pair), utc_now, lambda event, **_: said.append(event))
    first = shown(tls, authority)
    put(other, own)
    tls.refresh()
    assert shown(tls, authority) == first
    pair[0].unlink()
    tls.refresh()
    assert shown(tls, authority) == first
    put(other, other)
    tls.refresh()
    assert shown(tls, authority) != first
    assert said == ["certificate failed", "certificate failed", "certificate"]


def test_files_that_are_no_pair_end_the_start_with_the_way_out(tmp_path: Path) -> None:
    authority = OwnAuthority(tmp_path, NOW)
    authority.door(tmp_path, (), NOW)
    with pytest.raises(UnreachableError, match="are no certificate with its key"):
        Tls(authority, given_pair(tmp_path / "door.pem", tmp_path / "authority.key"), utc_now)
    with pytest.raises(UnreachableError, match=r"correct \[tls\]"):
        Tls(authority, given_pair(tmp_path / "nix", tmp_path / "door.key"), utc_now)


def test_the_certificate_names_what_listen_and_names_say(tmp_path: Path) -> None:
    file = tmp_path / "wavetrain.toml"
    file.write_text('listen = "10.1.2.3:1"\n[tls]\nnames = ["train.example.net", "2001:db8::1"]\n')
    assert server_names(load(file)[0]) == ("10.1.2.3", "train.example.net", "2001:db8::1")
    file.write_text('listen = "[::]:1"\n[tls]\nnames = ["train.example.net"]\n')
    assert server_names(load(file)[0]) == ("train.example.net",)
    file.write_text('listen = "0.0.0.0:1"\n[tls]\ncertificate = "a.pem"\nkey = "/etc/a.key"\n')
    tls = load(file)[0].tls
    assert (tls.certificate, tls.key) == (str(tmp_path / "a.pem"), "/etc/a.key")


def is_admin(store: MemoryStore, file: Path) -> bool:
    caller = tokens.authenticate(store, file.read_text().strip())
    return caller is not None and caller.roles == tokens.PERSON


def test_the_first_token_is_handed_out_before_it_counts(tmp_path: Path) -> None:
    """A start that was cut short between the two left a file whose secret counts for nobody yet."""
    store, file = MemoryStore(lambda: 0.0), tmp_path / "admin.token"
    secret = tokens.new_secret()
    write_private(file, f"{secret}\n".encode())
    first_token(store, file)
    assert file.read_text().strip() == secret
    assert is_admin(store, file)
    before = file.read_bytes()
    first_token(store, file)
    assert file.read_bytes() == before
    with store.read() as view:
        assert len(view.journal_tail()) == 1


@pytest.mark.parametrize("left", [b"", b"wt_short", b"\xff\xfe", b"wt_" + b"x" * 400])
def test_a_file_without_a_good_secret_is_replaced_by_one_with(tmp_path: Path, left: bytes) -> None:
    store, file = MemoryStore(lambda: 0.0), tmp_path / "admin.token"
    file.write_bytes(left)
    first_token(store, file)
    assert is_admin(store, file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_who_has_the_folder_gets_in_again_when_the_last_admins_token_is_over(tmp_path: Path) -> None:
    clock = [0.0]
    store, file = MemoryStore(lambda: clock[0]), tmp_path / "admin.token"
    first_token(store, file)
    leaked = file.read_text()
    tokens.create(store, tokens.HOUSE, "ada", tokens.PERSON)
    (first,) = (item for item in tokens.seen(store, tokens.HOUSE) if item.name == "admin")
    tokens.revoke(store, tokens.HOUSE, first.id)
    first_token(store, file)
    assert not is_admin(store, file)
    clock[0] += (tokens.DAYS + 1) * 86_400
    first_token(store, file)
    assert is_admin(store, file)
    assert file.read_text() != leaked
