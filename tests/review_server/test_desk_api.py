from __future__ import annotations

import errno
import hashlib
import io
import threading
from pathlib import Path

import pytest

from review_server.ingest import Ingest
from review_server.receipts import Receipts
from review_server.segments import DiskFull, SegmentFiles, Segments

DATA = b"a piece of recording" * 100
NAME = hashlib.sha256(DATA).hexdigest()


def files_of(server) -> list[str]:
    folder = server.settings.data_dir
    return sorted(
        str(path.relative_to(folder)) for part in ("segments", "arriving") for path in (folder / part).iterdir()
    )


def test_a_segment_is_stored_once_and_said_to_be_there_afterwards(server):
    assert server.put(DATA).status_code == 201
    assert server.put(DATA).status_code == 200
    assert files_of(server) == [f"segments/{NAME}.mp4.age"]
    assert server.files.path(NAME).read_bytes() == DATA


def test_other_bytes_than_the_name_says_are_refused_and_leave_nothing(server):
    answer = server.put(DATA + b"!", name=NAME)
    assert answer.status_code == 400
    assert "Send the file whole again" in answer.text
    assert files_of(server) == []


@pytest.mark.parametrize("name", ["abc", NAME.upper(), NAME + "0", "..%5c..%5cetc"])
def test_a_name_that_is_no_hash_is_refused(server, name):
    assert server.put(DATA, name=name).status_code in {400, 404}
    assert files_of(server) == []


@pytest.mark.parametrize("header", ["Bearer wrong-token-0123456789", "Bearer ", "", "Basic abc", "Bearer tökén"])
def test_a_desk_that_is_not_known_is_refused(server, header):
    answer = server.app.test_client().put(f"/segments/{NAME}", data=DATA, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "token" in answer.text
    assert files_of(server) == []


def test_a_staff_browser_is_no_desk(server):
    assert server.staff().put(f"/segments/{NAME}", data=DATA).status_code == 401


def test_a_body_that_is_too_large_is_refused(tmp_path, bench):
    server = bench.build(tmp_path, keep_free_bytes=0, max_segment_bytes=100)
    answer = server.put(DATA)
    assert answer.status_code == 413
    assert "100 bytes" in answer.text
    assert files_of(server) == []


def test_a_segment_of_several_megabytes_is_taken_although_forms_are_small(server):
    assert server.put(b"x" * (3 << 20)).status_code == 201


def test_a_full_disk_is_said_clearly_and_the_segment_is_taken_later(tmp_path, bench):
    full = bench.build(tmp_path, keep_free_bytes=1 << 60)
    answer = full.put(DATA)
    assert answer.status_code == 507
    assert "Keep the file" in answer.text
    assert files_of(full) == []
    full.store.close()
    roomy = bench.build(tmp_path, keep_free_bytes=0)
    assert roomy.put(DATA).status_code == 201


class _FillsUp(io.RawIOBase):
    """Bytes that arrive until the disk is full."""

    def read(self, size: int = -1) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_while_a_segment_arrives_leaves_nothing(tmp_path):
    files = SegmentFiles(tmp_path)
    with pytest.raises(DiskFull):
        files.keep(NAME, _FillsUp(), 0)
    assert list((tmp_path / "arriving").iterdir()) == []


def test_what_a_crash_left_half_written_is_removed_at_the_next_start(tmp_path):
    SegmentFiles(tmp_path)
    (tmp_path / "arriving" / "half").write_bytes(b"ha")
    SegmentFiles(tmp_path)
    assert list((tmp_path / "arriving").iterdir()) == []


def test_a_file_that_vanished_from_the_disk_is_taken_again(server):
    server.put(DATA)
    server.files.path(NAME).unlink()
    assert server.put(DATA).status_code == 201
    assert server.files.path(NAME).exists()


def test_many_desks_may_bring_the_same_segment_at_once(server):
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(server.put(DATA).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 201}
    assert files_of(server) == [f"segments/{NAME}.mp4.age"]


def test_a_receipt_follows_for_the_session_that_names_the_segment(server, bench, tmp_path: Path):
    desk, pieces = bench.whole(tmp_path)
    server.put(pieces[0])
    assert not server.receipts()
    server.ingest.take(desk.facts())
    assert server.receipts()[-1].segments == (hashlib.sha256(pieces[0]).hexdigest(),)
    for _ in range(2):
        server.put(pieces[1])
        assert server.receipts()[-1].segments == (hashlib.sha256(pieces[1]).hexdigest(),)
        assert server.receipts()[-1].up_to_hash == desk.head.hash
    assert len(server.receipts()) == 3


class _Overtaken(Receipts):
    """While the first receipts are about to be sent, something newer is stored and wants to be confirmed first."""

    overtake: threading.Thread | None = None

    def send(self, receipts):
        rival, self.overtake = self.overtake, None
        if rival:
            rival.start()
            rival.join(0.3)
        super().send(receipts)


def test_a_desk_never_hears_of_fewer_entries_than_before(server, bench):
    receipts = _Overtaken(server.bus)
    segments = Segments(server.store, server.files, receipts, server.clock, bench.PATIENCE)
    ingest = Ingest(server.store, receipts, server.clock, bench.PATIENCE)
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(bench.segment(DATA, 0, 0), 2000)
    desk.write(bench.segment(b"next", 1, 2000), 4000)
    ingest.take(desk.facts(0, 2))
    rival = receipts.overtake = threading.Thread(target=lambda: ingest.take(desk.facts(2)))
    segments.take("desk-1", NAME, io.BytesIO(DATA), len(DATA))
    rival.join()
    assert [receipt.up_to_seq for receipt in server.receipts()] == [2, 2, 3]
