"""The page about evidence packs: its commands are run as they stand, and a verifier written from it alone agrees."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

from proctoring import pack

PAGE = (Path(__file__).parents[2] / "docs" / "evidence-pack.md").read_text()


@pytest.fixture
def folder(evidence, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on this machine")
    shutil.copy(evidence.pack, tmp_path / "pack.zip")
    shutil.copy(evidence.kept.authority, tmp_path / "ca.crt")
    return tmp_path


def by_hand(folder):
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_worked_example_says_what_the_page_says_it_does(folder):
    done = by_hand(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == 2
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert "OU = desk, CN = desk-1" in done.stdout
    first, second = re.search(r'([0-9a-f]{64})  -\n"prev":"([0-9a-f]{64})"', done.stdout).groups()
    assert first == second


@pytest.mark.parametrize("name", ["manifest.json", "decisions.json", "recordings/000011.mp4", "ledger.jsonl"])
def test_the_worked_example_finds_a_file_that_was_altered(folder, name):
    with zipfile.ZipFile(folder / "pack.zip") as archive:
        contents = {each: archive.read(each) for each in archive.namelist()}
    if name.startswith("recordings"):
        name = next(each for each in contents if each.startswith("recordings/"))
    contents[name] = (
        contents[name].replace(b"1", b"2", 1) if name.endswith("json") else contents[name][:-9] + b"x" * 9
    )
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        for each, data in contents.items():
            archive.writestr(each, data)
    assert by_hand(folder).returncode != 0


def test_a_verifier_written_from_the_page_with_nothing_of_ours_agrees(evidence):
    with zipfile.ZipFile(evidence.pack) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    ca, server, desk = (
        x509.load_pem_x509_certificate(files[f"certificates/{name}.crt"]) for name in ("ca", "server", "desk")
    )
    for certificate in (server, desk):
        certificate.verify_directly_issued_by(ca)
    server.public_key().verify(files["manifest.sig"], b"deskproctor evidence pack 1\n" + files["manifest.json"])
    assert [file["sha256"] for file in manifest["files"]] == [
        hashlib.sha256(files[file["name"]]).hexdigest() for file in manifest["files"]
    ]
    before, signed, recordings = (
        hashlib.sha256(f"{manifest['desk']}/{manifest['session']}".encode()).hexdigest(),
        0,
        0,
    )
    for number, line in enumerate(files["ledger.jsonl"].splitlines(), 1):
        entry = json.loads(line)
        assert (entry["seq"], entry["prev"]) == (number, before)
        before = hashlib.sha256(line).hexdigest()
        fact = entry["fact"]
        if fact["fact"] in ("checkpoint", "sealed"):
            signature, fact["signature"] = base64.b64decode(fact["signature"]), ""
            text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            desk.public_key().verify(signature, b"deskproctor signed entry 1\n" + text.encode())
            signed += 1
        if fact["fact"] == "segment_stored":
            recordings += 1
            found = hashlib.sha256(files[f"recordings/{number:06d}.mp4"]).hexdigest()
            assert found == fact["segment"]["plain_sha256"]
    assert (before, number) == (manifest["head"], manifest["entries"])
    assert signed >= 2
    assert recordings == len(manifest["segments"]) == 5


def test_every_name_that_a_pack_can_have_stands_on_the_page():
    names = (
        pack.MANIFEST,
        pack.SIGNATURE,
        pack.README,
        pack.LEDGER,
        pack.RIVALS,
        pack.REVIEW,
        pack.film_name(0),
        pack.film_name(1),
        pack.AUTHORITY,
    )
    for name in names:
        assert f"`{name}`" in PAGE
    for how in pack.How:
        assert f"`{how}`" in PAGE
