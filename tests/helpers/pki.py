"""A small certificate authority: good, expired, self-signed and misnamed certificates."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NOW = dt.datetime.now(dt.UTC)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """A CA whose files lie in `folder`; `ca` is its own certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ward CA")])
        certificate = self._builder(self._name, self._key, _NOW + 30 * _DAY, is_ca=True)
        self.ca = folder / "ca.pem"
        self._write(self.ca, certificate.sign(self._key, hashes.SHA256()))

    def issue(
        self,
        name: str,
        *,
        expired: bool = False,
        self_signed: bool = False,
        begins_in_days: float = -10,
        days: float = 30,
    ) -> Pair:
        """A certificate for this name (or address), signed by the CA unless `self_signed`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        until = _NOW - _DAY if expired else _NOW + days * _DAY
        builder = self._builder(
            subject, key, until, is_ca=False, self_signed=self_signed, begins=begins_in_days
        )
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())
        stem = f"{name}{'-expired' if expired else ''}{'-self' if self_signed else ''}"
        stem += f"-from{begins_in_days:+g}-for{days:g}"
        pair = Pair(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        self._write(pair.cert, certificate)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        pair.key.chmod(0o600)
        return pair

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        until: dt.datetime,
        *,
        is_ca: bool,
        self_signed: bool = False,
        begins: float = -10,
    ) -> x509.CertificateBuilder:
        name = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name.replace(" ", "-"))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_ca or self_signed else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW + begins * _DAY)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )

    def _write(self, path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
