import io
import subprocess
import zipfile

import pytest

from deskproctor.archive import Damaged, TooLarge, read, write

CONTENTS = [("manifest.json", b"{}"), ("a/empty", b""), ("a/more.bin", bytes(range(256)) * 20)]


def written(contents=CONTENTS):
    file = io.BytesIO()
    write(file, contents)
    return file.getvalue()


def taken(data):
    found = {}

    def take(name, chunk):
        found[name] = found.get(name, b"") + chunk

    read(io.BytesIO(data), len(data), take)
    return found


def test_what_was_written_reads_back_and_is_the_same_bytes_each_time():
    assert taken(written()) == dict(CONTENTS)
    assert written() == written()


def test_other_programs_read_it(tmp_path):
    (tmp_path / "a.zip").write_bytes(written())
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == dict(CONTENTS)
    subprocess.run(["python3", "-m", "zipfile", "-t", str(tmp_path / "a.zip")], check=True, capture_output=True)


def test_contents_may_be_files_or_made_when_their_turn_comes(tmp_path):
    (tmp_path / "file").write_bytes(b"on disk")
    data = written([("x", tmp_path / "file"), ("y", lambda: b"made")])
    assert taken(data) == {"x": b"on disk", "y": b"made"}


def test_every_single_flipped_bit_of_the_whole_file_is_found():
    """All of them, not a sample: contents, both headers, times, rights, lengths, the end."""
    data = written([("ab", b"xyz"), ("c", b"")])
    for place in range(len(data) * 8):
        spoilt = bytearray(data)
        spoilt[place // 8] ^= 1 << place % 8
        with pytest.raises(Damaged):
            taken(bytes(spoilt))


@pytest.mark.parametrize("length", range(1, 190, 7))
def test_a_file_that_was_cut_off_is_found(length):
    with pytest.raises(Damaged):
        taken(written([("ab", b"xyz"), ("c", b"")])[:-length])


@pytest.mark.parametrize(
    "spoil", [lambda d: d + b"\0", lambda d: b"MZ" + d, lambda d: d + d], ids=["after", "before", "twice"]
)
def test_bytes_before_or_after_are_found(spoil):
    with pytest.raises(Damaged):
        taken(spoil(written()))


def test_a_name_that_is_used_twice_is_found():
    with pytest.raises(Damaged, match="twice"):
        taken(written([("a", b"1"), ("a", b"2")]))


def test_a_compressed_archive_is_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"\0" * 50_000_000)
    seen = []
    with pytest.raises(Damaged):
        read(io.BytesIO(file.getvalue()), len(file.getvalue()), lambda name, chunk: seen.append(len(chunk)))
    assert sum(seen) < 100_000


def test_a_file_that_announces_more_than_there_is_is_not_waited_for():
    data = bytearray(written([("a", b"1")]))
    data[18:26] = b"\xff" * 8
    with pytest.raises(Damaged, match="beyond the end"):
        taken(bytes(data))


def test_more_than_four_gigabytes_are_refused_before_the_disk_is_full(monkeypatch):
    monkeypatch.setattr("deskproctor.archive.LIMIT", (1 << 24) + 100)
    with pytest.raises(TooLarge, match="flags only"):
        written([("a", b"x" * 200)])
