"""Whether a permission holds."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wavetrain.agent.permission import Judge, boot_id
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Generation
from wavetrain.wire.agent_messages import Permission, Told, signed_bytes

KEY = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
GENERATION = Generation(1, 5)


def told(**changes: object) -> Told:
    """Well signed, then changed."""
    content = signed_bytes("n1", GENERATION, "d" * 64, "gateway-2.0.0/1", 30.0)
    permission = Permission(
        node="n1",
        generation=GENERATION,
        digest="d" * 64,
        plan="gateway-2.0.0/1",
        lifetime_s=30.0,
        signature=base64.b64encode(KEY.sign(content)).decode(),
    )
    permission = msgspec.structs.replace(permission, **changes)
    return Told(generation=GENERATION, release="2.0.0", digest="d" * 64, permission=permission)


def test_one_that_the_control_plane_signed_for_this_node_holds() -> None:
    assert Judge("n1", PUBLIC).objection(told()) == ""
    assert Judge("n1", f"{PUBLIC}\n").objection(told()) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"node": "n2"}, "for node n2"),
        ({"generation": Generation(1, 4)}, "for generation 1.4"),
        ({"digest": "e" * 64}, "for artifact eeee"),
        ({"lifetime_s": 31.0}, "signature"),
        ({"plan": "gateway-2.0.0/2"}, "signature"),
        ({"plan": ""}, "signature"),
        ({"lifetime_s": 0.0}, "lasts"),
        ({"lifetime_s": 1e9}, "lasts"),
        ({"lifetime_s": float("nan")}, "lasts"),
        ({"signature": ""}, "signature"),
        ({"signature": "not base64"}, "signature"),
        ({"signature": base64.b64encode(bytes(64)).decode()}, "signature"),
    ],
)
def test_every_other_one_is_refused_with_the_reason(changes: dict[str, object], says: str) -> None:
    assert says in Judge("n1", PUBLIC).objection(told(**changes))


def test_a_permission_to_restart_is_none_to_update_and_the_other_way_round() -> None:
    judge = Judge("n1", PUBLIC)
    assert "signature" in judge.objection(msgspec.structs.replace(told(), restart=True))
    content = signed_bytes("n1", GENERATION, "d" * 64, "gateway-2.0.0/1", 30.0, restart=True)
    signed = told(signature=base64.b64encode(KEY.sign(content)).decode())
    assert "signature" in judge.objection(signed)
    assert judge.objection(msgspec.structs.replace(signed, restart=True)) == ""


def test_one_that_another_key_signed_is_refused() -> None:
    other = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    assert "signature" in Judge("n1", other).objection(told())


def test_one_for_another_node_is_refused_although_it_is_well_signed() -> None:
    assert "for node n1, this is n2" in Judge("n2", PUBLIC).objection(told())


@pytest.mark.parametrize("key", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_refused_with_the_way_out(key: str) -> None:
    with pytest.raises(RefusedError, match="copy it from the control plane"):
        Judge("n1", key)


def test_a_boot_has_one_name() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id()) == 36
