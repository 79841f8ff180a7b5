"""Identities: keys with requests for certificates, as nodes make them."""

import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Identity:
    """A key, the request for a certificate on it, and the certificate once there is one."""

    def __init__(self, name: str = "whoever") -> None:
        """`name` is what the request says of itself, which nobody should believe."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"wavetrain:node:{name}")]), False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(self._key, hashes.SHA256())
        )
        self.csr = request.public_bytes(Encoding.PEM).decode()
        self.certificate = ""

    def write(self, folder: Path) -> Path:
        """The certificate and its key in one file."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        file = folder / f"identity-{id(self)}.pem"
        partial = folder / f"{file.name}.{threading.get_ident()}"
        partial.write_text(self.certificate + key)
        return partial.replace(file)  # others may read it already
