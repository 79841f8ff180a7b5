"""What /readyz asks: each check fails for the fault that it is there for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.ports import View
from wavetrain.control.vitals import Vitals
from wavetrain.errors import UnreachableError
from wavetrain.wiring import checks
from wavetrain.wiring.timed_store import TimedStore

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def certificate(file: Path, begins: datetime, ends: datetime) -> Path:
    """A certificate of its own in PEM, of a server on loopback; its key is beside it, in `<file>.own`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "door")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form, plain = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.with_name(f"{file.name}.own").write_bytes(key.private_bytes(encoding, form, plain))
    return file


def test_the_store_answers_or_the_error_comes_through() -> None:
    assert checks.store(MemoryStore(lambda: 0.0))()[0]

    class Away(MemoryStore):
        @contextmanager
        def read(self) -> Iterator[View]:  # type: ignore[override]
            raise UnreachableError("the database is away")
            yield

    with pytest.raises(UnreachableError):
        checks.store(Away(lambda: 0.0))()


def test_a_tick_must_have_ended_well_and_not_long_ago() -> None:
    vitals, at = Vitals(), [100.0]
    check = checks.tick(vitals, 1.0, lambda: at[0])
    assert check() == (False, "the first tick has not ended")
    vitals.begins(99.0)
    vitals.ends(100.0)
    assert check()[0]
    at[0] = 110.0
    assert check()[0]
    at[0] = 110.1
    assert not check()[0]
    vitals.begins(110.1)
    assert not check()[0], "one that has begun has not ended"
    vitals.ends(110.2, error="rollout gateway-2.0.0 names a release that is not there")
    assert check() == (False, "the last tick ended with an error; the log has it")
    vitals.begins(110.3)
    vitals.ends(110.4)
    assert check()[0]


def test_a_short_pause_does_not_make_the_limit_shorter_than_five_seconds() -> None:
    vitals = Vitals()
    vitals.ends(100.0)
    assert checks.tick(vitals, 0.05, lambda: 104.9)()[0]
    assert not checks.tick(vitals, 0.05, lambda: 105.1)()[0]
    assert checks.tick(vitals, 60.0, lambda: 690.0)()[0]


def test_the_lease_is_held_or_the_file_is_ours() -> None:
    assert checks.lease(None)()[0]
    assert checks.lease(lambda: True)()[0]
    assert not checks.lease(lambda: False)()[0]


def test_the_disk_has_room(tmp_path: Path) -> None:
    assert checks.disk(tmp_path, 1)()[0]
    well, text = checks.disk(tmp_path, 10**9)()
    assert not well
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("begins", "ends", "well", "says"),
    [
        (-30, 30, True, "ends on 2026-12-24"),
        (-30, 1, False, "ends on 2026-11-25"),
        (-30, 1.1, True, "ends on"),
        (-30, -1, False, "ended on 2026-11-23"),
        (1, 30, False, "not valid before 2026-11-25"),
    ],
)
def test_the_doors_certificate_is_good_for_more_than_a_day(
    tmp_path: Path, begins: float, ends: float, well: bool, says: str
) -> None:
    file = certificate(tmp_path / "door.pem", NOW + timedelta(days=begins), NOW + timedelta(days=ends))
    answer = checks.certificate(file, lambda: NOW)()
    assert answer[0] is well
    assert says in answer[1]


def test_commits_are_timed_and_what_is_not_committed_is_not() -> None:
    store, took = MemoryStore(lambda: 0.0), list[float]()
    timed = TimedStore(store, took.append)
    with timed.write():
        pass
    assert len(took) == 1
    assert took[0] >= 0
    with pytest.raises(ValueError, match="no"), timed.write():
        raise ValueError("no")
    assert len(took) == 1
