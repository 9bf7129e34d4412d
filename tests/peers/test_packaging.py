"""The systemd unit, judged by systemd itself, with no systemd running."""

import re
import subprocess
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "strongline.service"
# systemd's exposure score, 0 to 10, less is better; --threshold wants tenths.
MAX_SCORE = 1.5


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_unit_is_well_formed(folder):
    # verify wants the program to be there; any will do
    unit = folder / UNIT.name
    text, replaced = re.subn(r"^ExecStart=/usr/bin/strongline ", "ExecStart=/bin/true ", UNIT.read_text(), flags=re.M)
    assert replaced == 1
    unit.write_text(text)
    done = analyze("verify", "--man=no", unit)
    complaints = [line for line in done.stderr.splitlines() if "Failed to connect to bus" not in line]
    assert done.returncode == 0 and not complaints, done.stderr


def test_the_unit_is_hardened():
    done = analyze("security", "--offline=yes", "--no-pager", f"--threshold={round(MAX_SCORE * 10)}", UNIT)
    score = float(re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout).group(1))
    assert done.returncode == 0 and score <= MAX_SCORE, done.stdout


def test_the_unit_starts_the_server_as_the_docs_say():
    text = UNIT.read_text()
    command, = re.findall(r"^ExecStart=(.*)$", text, re.M)
    assert command.split()[:3] == ["/usr/bin/strongline", "serve", "--dialplan"]
    for setting in ("DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert re.search(rf"^{re.escape(setting)}$", text, re.M), setting
    assert re.search(r"^LoadCredential=sip-tls-key:", text, re.M)
