"""A throw-away CA and the certificates of one test run, and a rogue CA that nobody should trust."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """One leaf certificate with its key, and both in one file as baresip wants it."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Certificates:
    ca: Path
    server: Identity  # voice.test and localhost: the SIP server
    app: Identity  # localhost: the AI application
    sbc: Identity  # sbc.test: the carrier's SBC, client and server
    carrier: Identity  # carrier.test: the carrier's domain, on any of its machines
    spare: Identity  # 127.0.0.8: another carrier's SBC
    phone: Identity  # phone.test: a phone, whose certificate no trunk is known by
    handset: Identity  # 127.0.0.3: a phone that is called over TLS and known by its address
    rogue: Identity  # the server's names, signed by a CA of the attacker's


def make(folder):
    """Makes them all in `folder`: P-256, a day long."""
    folder.mkdir(parents=True, exist_ok=True)
    ca = _authority(folder, "ca", "Strongline test CA")
    rogue_ca = _authority(folder, "rogue-ca", "Strongline test CA")
    server_names = "DNS:voice.test,DNS:localhost,IP:127.0.0.5,IP:127.0.0.6,IP:127.0.0.7"
    return Certificates(
        ca=ca.certificate,
        server=_leaf(folder, "server", ca, server_names),
        app=_leaf(folder, "app", ca, "DNS:localhost,IP:127.0.0.1"),
        sbc=_leaf(folder, "sbc", ca, "DNS:sbc.test,IP:127.0.0.4"),
        carrier=_leaf(folder, "carrier", ca, "DNS:carrier.test"),
        spare=_leaf(folder, "spare", ca, "DNS:spare.test,IP:127.0.0.8"),
        phone=_leaf(folder, "phone", ca, "DNS:phone.test"),
        handset=_leaf(folder, "handset", ca, "DNS:handset.test,IP:127.0.0.3"),
        rogue=_leaf(folder, "rogue", rogue_ca, server_names),
    )


def _authority(folder, name, subject):
    identity = _paths(folder, name)
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", f"/CN={subject}", "-keyout", identity.key, "-out", identity.certificate,
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )
    return identity


def _leaf(folder, name, authority, names):
    identity = _paths(folder, name)
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    first = names.split(",")[0].partition(":")[2]
    _openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", f"/CN={first}", "-keyout", identity.key, "-out", request,
    )
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    _openssl(
        "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key,
        "-days", "1", "-extfile", extensions, "-out", identity.certificate,
    )
    identity.both.write_bytes(identity.certificate.read_bytes() + identity.key.read_bytes())
    return identity


def _paths(folder, name):
    return Identity(folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}-both.pem")


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
