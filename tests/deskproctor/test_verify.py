"""Packs that were tampered with by somebody who knows the format, and packs that nobody touched."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.evidence import keep
from deskproctor import archive
from deskproctor.enrolment import enrol
from deskproctor.export import Wishes, export
from deskproctor.verify import NoPack, read_authority, told, verify
from proctoring import ledger, pack
from proctoring.ledger import Line, sha256
from proctoring.pack import How, PackedFile
from signing.certificate import Role
from signing.identity import load

ROOT = Path(__file__).parents[2]


def faults(verdict):
    return [str(finding) for finding in verdict.findings if finding.level == "fault"]


@pytest.fixture(scope="module")
def trusted(evidence):
    return read_authority(evidence.kept.authority)


@pytest.fixture
def forge(evidence, tmp_path):
    """Rewrites the pack with changed files, all hashes put right, and signed, by the server's own key unless told."""
    folder = evidence.kept.server / "identity"
    server = load(folder / "server.key", folder / "server.crt", "review-server", Role.REVIEW_SERVER)

    def forged(change=lambda files, manifest: None, signer=server, source=None, relist=True):
        contents = {}
        data = (source or evidence.pack).read_bytes()
        archive.read(io.BytesIO(data), len(data), lambda name, chunk: contents.setdefault(name, []).append(chunk))
        files = {name: b"".join(chunks) for name, chunks in contents.items()}
        manifest = json.loads(files.pop(pack.MANIFEST))
        del files[pack.SIGNATURE]
        change(files, manifest)
        if relist:
            manifest["files"] = [{"name": n, "size": len(d), "sha256": sha256(d)} for n, d in files.items()]
        text = msgspec.json.encode(manifest)
        signed = [(pack.MANIFEST, text), (pack.SIGNATURE, signer.sign(pack.SIGNED + text))]
        with (tmp_path / "forged.zip").open("wb") as out:
            archive.write(out, [*signed, *files.items()])
        return tmp_path / "forged.zip"

    return forged


# --- nobody touched them ---


def test_an_honest_pack_verifies_and_its_gap_is_named(evidence, trusted):
    verdict = verify(evidence.pack, trusted)
    assert faults(verdict) == []
    assert (verdict.status, verdict.sealed, verdict.recordings["video"]) == ("passes", True, 5)
    assert any("killed by SIGKILL" in finding.text for finding in verdict.findings)
    assert verdict.authority == trusted.fingerprint


def test_a_pack_of_flags_left_sealed_verifies_and_says_what_is_left_out(evidence, trusted):
    verdict = verify(evidence.flags, trusted)
    assert faults(verdict) == []
    assert (verdict.recordings["sealed"], verdict.recordings["absent"]) == (2, 3)


@pytest.mark.parametrize(("seal", "lost", "kills"), [(False, 0, ()), (True, 2, (1, 2, 4)), (False, 1, (2,))])
def test_what_was_never_sealed_or_never_arrived_is_named_and_the_pack_passes(tmp_path, seal, lost, kills):
    kept = keep(tmp_path, [b"one", b"two", b"three", b"four"], kills=kills, seal=seal, lost=lost)
    export(kept.session, kept.server, tmp_path / "pack.zip", Wishes())
    verdict = verify(tmp_path / "pack.zip", read_authority(kept.authority))
    assert faults(verdict) == []
    assert verdict.recordings["absent"] == lost
    said = [finding.text for finding in verdict.findings]
    assert any("not sealed: it ends at entry" in text for text in said) is not seal
    assert sum("never reached" in text for text in said) == lost


def test_a_ledger_from_before_signatures_passes_as_unsigned(evidence, forge, trusted):
    head, lines = ledger.start("desk-1", evidence.kept.session), []

    def unsigned(files, manifest):
        nonlocal head
        for text in files[pack.LEDGER].splitlines():
            entry = ledger.read(Line(text.decode(), ""))
            fact = entry.fact
            if type(fact).__name__ == "Checkpoint":
                continue
            changes = {"signature": b""} if hasattr(fact, "signature") else {}
            changes |= {"certificate": ""} if hasattr(fact, "certificate") else {}
            line, head = ledger.append(head, msgspec.structs.replace(fact, **changes), stamp(entry), entry.at_ms)
            lines.append(line.text.encode() + b"\n")
        files[pack.LEDGER] = b"".join(lines)
        del files[pack.DESK]
        renumber(manifest, files, lines, head)

    verdict = verify(forge(unsigned), trusted)
    assert faults(verdict) == []
    assert any("unsigned" in finding.text for finding in verdict.findings)


def stamp(entry):
    return ledger.Stamp(at_utc_ms=entry.at_utc_ms, mono_ms=entry.mono_ms, boot=entry.boot)


def renumber(manifest, files, lines, head):
    """Makes manifest and names fit a ledger with fewer lines."""
    manifest["entries"], manifest["head"] = len(lines), head.hash
    named = [n for n, text in enumerate(lines, 1) if b'"fact":"segment_stored"' in text]
    for segment, entry in zip(manifest["segments"], named, strict=True):
        new = pack.recording_name(entry, How(segment["how"]))
        files[new] = files.pop(segment["file"])
        segment["entry"], segment["file"] = entry, new


def test_without_an_authority_it_passes_and_says_what_was_not_checked(evidence):
    verdict = verify(evidence.pack)
    assert verdict.status == "passes"
    assert any("not checked against an authority" in finding.text for finding in verdict.findings)


# --- somebody did ---


@pytest.mark.parametrize("which", ["pack", "flags"])
def test_single_flipped_bits_are_all_found(evidence, trusted, tmp_path, which):
    data = getattr(evidence, which).read_bytes()
    dice, path = random.Random(7), tmp_path / "flipped.zip"
    for _ in range(250):
        place, spoilt = dice.randrange(len(data) * 8), bytearray(data)
        spoilt[place // 8] ^= 1 << place % 8
        path.write_bytes(spoilt)
        assert verify(path, trusted).exit_status == 1, place


def test_a_pack_by_another_authority_does_not_pass_where_one_is_named(evidence, forge, trusted, tmp_path):
    enrol(tmp_path / "liars", tmp_path / "liar", "review-server", Role.REVIEW_SERVER)
    folder = tmp_path / "liar" / "identity"
    liar = load(folder / "server.key", folder / "server.crt", "review-server", Role.REVIEW_SERVER)

    def swap(files, manifest):
        files[pack.SERVER] = liar.certificate.pem.encode()
        files[pack.AUTHORITY] = (folder / "ca.crt").read_bytes()

    found = faults(verify(forge(swap, liar), trusted))
    assert any("was not issued by the authority that you trust" in text for text in found)


def test_a_desk_cannot_sign_a_pack(evidence, forge, trusted):
    folder = evidence.kept.desk / "identity"
    desk = load(folder / "desk.key", folder / "desk.crt", "desk-1", Role.DESK)
    path = forge(lambda files, _: files.update({pack.SERVER: desk.certificate.pem.encode()}), desk)
    assert any("not the certificate of a review server" in text for text in faults(verify(path, trusted)))


def lines_changed(change):
    def changed(files, manifest):
        lines = change(files[pack.LEDGER].splitlines())
        files[pack.LEDGER] = b"\n".join(lines) + b"\n"
        manifest["entries"], manifest["head"] = len(lines), sha256(lines[-1])

    return changed


def rechained(lines, edit):
    """Every line after an edit gets its new `prev`: what somebody without the desk's key can do."""
    before, made = ledger.start("desk-1", json.loads(lines[0])["session"]).hash, []
    for number, text in enumerate(lines, 1):
        entry = json.loads(text)
        edit(number, entry)
        entry["prev"] = before
        made.append(json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        before = sha256(made[-1])
    return made


def other_answer(number, entry):
    if entry["fact"]["fact"] == "answered":
        entry["fact"]["value"] = "something better"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:4], *lines[5:]], "entry 5"),
        (lambda lines: [lines[0].replace(b"Ada", b"Eve"), *lines[1:]], "does not carry the hash"),
        (lambda lines: rechained(lines, other_answer), "signature does not fit"),
        (lambda lines: [*lines, lines[-1]], "it says it is number"),
    ],
    ids=["a line less", "a name changed", "an answer changed and all chained anew", "a line twice"],
)
def test_a_ledger_changed_by_the_server_itself_is_found(forge, trusted, change, said):
    found = faults(verify(forge(lines_changed(change)), trusted))
    assert any(said in text for text in found), found


def test_a_ledger_cut_off_by_the_server_shows_that_it_has_no_end(forge, trusted):
    def cut(files, manifest):
        lines = files[pack.LEDGER].splitlines()[:-2]
        lines_changed(lambda _: lines)(files, manifest)

    verdict = verify(forge(cut), trusted)
    assert any("not sealed: it ends at entry" in finding.text for finding in verdict.findings)
    assert not verdict.sealed


def swapped(files, manifest):
    first, second = sorted(name for name in files if name.startswith("recordings/"))[:2]
    files[first], files[second] = files[second], files[first]


def left_out(files, manifest):
    gone = manifest["segments"].pop()
    del files[gone["file"]]


def hidden(files, manifest):
    files["recordings/999999.mp4"] = b"whose is this"


def passed_off(files, manifest):
    segment = manifest["segments"][0]
    files["recordings/999999.mp4"] = files.pop(segment["file"])
    segment["file"] = "recordings/999999.mp4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swapped, "not the recording that the ledger names"),
        (left_out, "does not account for every segment"),
        (hidden, "no segment of the ledger belongs to it"),
        (passed_off, "its file should be"),
        (lambda files, _: files.update({"../../etc/passwd": b"x"}), "does not belong into a pack"),
        (lambda files, _: files.update({"/etc/passwd": b"x"}), "does not belong into a pack"),
        (lambda files, _: files.update({"autorun.exe": b"x"}), "does not belong into a pack"),
        (lambda files, _: files.pop(pack.REVIEW), "every pack has it"),
        (lambda files, _: files.pop(pack.LEDGER), "it should end with entry"),
        (lambda files, _: files.pop(pack.DESK), "not the certificate that the ledger names"),
        (lambda files, _: files.update({pack.AUTHORITY: b"none"}), "not the certificate of an authority"),
        (lambda files, _: files.update({pack.RIVALS: b"{}\n"}), "speaks of no dispute"),
        (lambda _, manifest: manifest.update(desk="desk-2"), "belongs to another desk"),
        (lambda _, manifest: manifest.update(session="another"), "belongs to another desk"),
        (lambda _, manifest: manifest.update(disputed="two stories"), "cannot be relied on"),
        (lambda _, manifest: manifest.update(format=2), "newer format"),
        (lambda _, manifest: manifest.update(extra=1), "cannot be read"),
    ],
)
def test_what_even_the_server_cannot_put_right_is_found(forge, trusted, change, said):
    found = faults(verify(forge(change), trusted))
    assert any(said in text for text in found), found


def test_files_that_the_manifest_does_not_list_are_found(forge, trusted):
    path = forge(lambda files, _: files.update({"rivals.jsonl": b"{}\n"}), relist=False)
    assert any("does not list the files" in text for text in faults(verify(path, trusted)))


def test_a_manifest_signed_over_anything_else_is_found(evidence, forge, trusted):
    class Other:
        def sign(self, data):
            return b"\1" * 64

    assert any("not the review server's signature" in text for text in faults(verify(forge(signer=Other()), trusted)))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\3\4" + b"\0" * 100, b"\xff" * 5000])
def test_what_is_no_pack_is_said_so(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    assert verify(tmp_path / "x.zip").exit_status == 1


def test_random_bytes_in_a_packs_place_never_break_the_checker(evidence, tmp_path):
    data, dice, path = evidence.pack.read_bytes(), random.Random(3), tmp_path / "x.zip"
    for _ in range(150):
        at, length = dice.randrange(len(data)), dice.randrange(1, 200)
        path.write_bytes(data[:at] + dice.randbytes(length) + data[at + length :])
        assert verify(path).exit_status == 1


def test_nothing_in_a_pack_can_write_a_line_of_its_own_or_move_the_cursor(forge, trusted):
    def shout(files, manifest):
        manifest["disputed"] = "no\nIt verifies.\x1b[2J"

    shown = told(verify(forge(shout), trusted))
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if line.startswith("It verifies")] == []


# --- the command ---


def run(*arguments):
    command = [sys.executable, "-m", "deskproctor", "verify", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def test_the_command_prints_a_line_for_each_finding_and_its_exit_status_tells(evidence, tmp_path):
    good = run(evidence.pack, "--trust", evidence.kept.authority)
    assert (good.returncode, "FAULT" in good.stdout, "It verifies" in good.stdout) == (0, False, True)
    (tmp_path / "bad.zip").write_bytes(evidence.pack.read_bytes()[:-1])
    bad = run(tmp_path / "bad.zip", "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["findings"][0]["level"] == "fault"
    none = run(tmp_path / "none.zip")
    assert (none.returncode, none.stdout) == (2, "")
    assert "cannot be read" in none.stderr


def test_an_authority_that_is_none_is_refused(evidence, tmp_path):
    (tmp_path / "x.crt").write_text("nonsense")
    with pytest.raises(NoPack, match="cannot be used"):
        read_authority(tmp_path / "x.crt")
    with pytest.raises(NoPack, match="not of an authority"):
        read_authority(evidence.kept.desk / "identity" / "desk.crt")


def test_a_manifest_reads_back(evidence):
    file = PackedFile(name="README.txt", size=1, sha256="0" * 64)
    assert msgspec.json.decode(msgspec.json.encode(file), type=PackedFile) == file
