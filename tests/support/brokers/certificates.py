"""A throw-away CA and a server certificate for 127.0.0.1, made with OpenSSL."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import need_program

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


@dataclass(frozen=True)
class Certificates:
    """Where the files are."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def client(self) -> Certificates:
        """The same for a client."""
        folder = self.ca.parent
        return Certificates(self.ca, folder / "client.pem", folder / "client.key")


def make_certificates(folder: Path) -> Certificates:
    """A CA, and a certificate of its own for 127.0.0.1, and another for a client."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    made = Certificates(ca, folder / "server.pem", folder / "server.key")
    # Python 3.13 wants a CA to say that it is one.
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _openssl("req", "-x509", *KEY, *usage, "-subj", "/CN=test CA", "-keyout", ca_key, "-out", ca)
    issued_by = ["-CA", ca, "-CAkey", ca_key, "-addext", "subjectAltName=IP:127.0.0.1"]
    issued_by += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for made_for, subject in ((made, "broker"), (made.client, "agent")):
        files = ["-keyout", made_for.key, "-out", made_for.certificate]
        _openssl("req", "-x509", *KEY, "-subj", f"/CN={subject}", *issued_by, *files)
    return made


def issued(made: Certificates, names: str, start: str = "20260101", end: str = "20991231") -> Certificates:
    """Another server certificate by that CA: for `DNS:a,IP:127.0.0.1`, from one day (YYYYMMDD) to another."""
    folder = made.ca.parent / "issued"
    folder.mkdir()
    result = Certificates(made.ca, folder / "server.pem", folder / "server.key")
    request, records, settings = folder / "request.pem", folder / "index.txt", folder / "ca.conf"
    records.touch()
    settings.write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={records}\nnew_certs_dir={folder}\ndefault_md=sha256\n"
        f"policy=any\nx509_extensions=ext\nrand_serial=yes\n[any]\ncommonName=supplied\n"
        f"[ext]\nsubjectAltName={names}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    _openssl("req", "-new", *KEY[:-2], "-subj", "/CN=broker", "-keyout", result.key, "-out", request)
    dates = ["-startdate", f"{start}000000Z", "-enddate", f"{end}000000Z"]
    signer = ["-cert", made.ca, "-keyfile", made.ca.parent / "ca.key"]
    files = ["-in", request, "-out", result.certificate]
    _openssl("ca", "-batch", "-notext", "-config", settings, *signer, *dates, *files)
    return result


def _openssl(*arguments: object) -> None:
    command = [need_program("openssl"), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
