"""Scanners and strangers: the server gives away neither that it is there, nor its name, nor its numbers."""

import os
import socket
import ssl
import subprocess

import pytest
from strongline_lab import netns, pcap
from strongline_lab.app import App
from strongline_lab.server import Server

# How long silence is listened to. A server that answers does so within milliseconds on loopback.
SILENCE_S = 1.0

SCANNERS = {
    "sipsak": ["sipsak", "-v", "-D", "2", "-s", "sip:100@{address}:{port}"],
    "svmap": ["svmap", "-p", "{port}", "-t", "0.2", "{address}"],
    "svmap-invite": ["svmap", "-p", "{port}", "-m", "INVITE", "-t", "0.2", "{address}"],
    "svwar": ["svwar", "-p", "{port}", "-e", "100-105", "-t", "0.2", "--force", "{address}"],
}


@pytest.fixture
def server(folder, certificates, running):
    with App(certificates) as app:
        yield running(Server(folder, certificates, app, address=netns.SERVER_FOR_STRANGERS))
        assert not app.flows and not app.refused


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_scanner_finds_nothing(folder, server, scanner):
    command = [part.format(address=server.address, port=server.port) for part in SCANNERS[scanner]]
    with pcap.Capture(folder, filter_="udp") as capture:
        done = subprocess.run(command, capture_output=True, text=True, timeout=40, cwd=folder, stdin=subprocess.DEVNULL,
                              env={**os.environ, "HOME": str(folder)}, check=False)
        capture.stop()
        datagrams = capture.datagrams()
    asked = [d for d in datagrams if d.target == server.udp]
    answered = [d for d in datagrams if d.source == server.udp]
    assert all(d.source[0] == "127.0.0.1" for d in asked), "the scanner is no trunk"
    assert asked, f"{scanner} sent nothing: {done.stdout}{done.stderr}"
    assert not answered, f"{scanner} was answered: {answered[0].payload[:300]}"
    assert "strongline" not in (done.stdout + done.stderr).lower()
    assert server.program.alive()


def test_a_stranger_on_a_connection_is_told_nothing(server, certificates):
    request = options("tcp", (netns.STRANGER, 5060), server)
    with socket.create_connection((server.address, server.port), 5, (netns.STRANGER, 0)) as connection:
        connection.sendall(request)
        assert silence(connection)
    context = ssl.create_default_context(cafile=certificates.ca)
    with socket.create_connection((server.address, server.tls_port), 5, (netns.STRANGER, 0)) as connection:
        try:
            with context.wrap_socket(connection, server_hostname="voice.test") as secured:
                secured.sendall(request)
                assert silence(secured)
        except (ssl.SSLError, ConnectionError):
            pass  # shown the door before or in the handshake: that tells as little


def test_not_even_a_trunk_learns_the_name_of_the_software(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((netns.CARRIER_PLAIN, 0))
        peer.settimeout(5)
        peer.sendto(options("udp", peer.getsockname(), server), server.udp)
        answer = peer.recv(65535).decode()
    assert answer.startswith("SIP/2.0 200 ")
    named = [line for line in answer.splitlines() if line.lower().startswith(("server:", "user-agent:"))]
    assert not named and "strongline" not in answer.lower()


@pytest.mark.parametrize(("arguments", "welcome"), [
    (["-tls1_3"], True),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], True),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], False),
    (["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"], False),
    (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
])
def test_tls_versions_and_ciphers(server, certificates, arguments, welcome):
    """ECDHE and AEAD only, TLS 1.2 and 1.3 (RFC 8996, RFC 9325)."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{server.address}:{server.tls_port}", "-bind", f"{netns.CARRIER_SECURE}:0",
         "-servername", "voice.test", "-verify_return_error", "-verify_hostname", "voice.test", "-CAfile", str(certificates.ca),
         *arguments],
        input="", capture_output=True, text=True, timeout=20, check=False,
    )
    assert ("Verification: OK" in done.stdout and "Cipher is (NONE)" not in done.stdout) == welcome, done.stdout + done.stderr


def options(transport, source, server):
    return (
        f"OPTIONS sip:{server.address}:{server.port} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} {source[0]}:{source[1]};branch=z9hG4bKscan;rport\r\n"
        f"From: <sip:scan@{source[0]}>;tag=1\r\nTo: <sip:{server.address}>\r\nCall-ID: scan@{source[0]}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def silence(connection):
    """Nothing comes, or the connection is closed without a word."""
    connection.settimeout(SILENCE_S)
    try:
        return connection.recv(1) == b""
    except (TimeoutError, ConnectionError):
        return True
