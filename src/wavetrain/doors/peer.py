"""Peer: which client certificate has the handshake proven?"""

from functools import lru_cache

from cryptography import x509
from starlette.requests import Request

from wavetrain.control.joins import Peer
from wavetrain.model.fleet import NodeId

EXTENSION = "wavetrain.peer"
"""Where the server puts the client certificate, in DER, among the scope's extensions; empty where there is none."""
NODE_URI = "wavetrain:node:"
SEEN_MAX = 20_000
"""So many certificates are read once."""


def peer_of(request: Request) -> Peer | None:
    """The node that the connection's certificate names; None without one, or where it names none.

    That the authority has issued it, and that its holder has the key, the handshake has proven. Whether it still
    counts, the store knows.
    """
    shown = request.scope.get("extensions", {}).get(EXTENSION)
    return _read(shown) if isinstance(shown, bytes) and shown else None


@lru_cache(SEEN_MAX)
def _read(shown: bytes) -> Peer | None:
    try:
        certificate = x509.load_der_x509_certificate(shown)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    nodes = [uri.removeprefix(NODE_URI) for uri in uris if uri.startswith(NODE_URI)]
    if len(nodes) != 1 or not nodes[0]:
        return None
    return Peer(
        node=NodeId(nodes[0]),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
