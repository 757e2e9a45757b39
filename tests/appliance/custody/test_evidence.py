import os
import signal
from pathlib import Path

import msgspec
import pyrage
import pytest

from appliance.custody import evidence
from appliance.custody.store import Store
from appliance.runtime.custody_link import CustodyAway
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.ledger import sha256
from proctoring.policy import Policy


def stored(desk):
    return sorted(path.name for path in (desk.desk.data_dir / "segments").iterdir())


def incoming(desk):
    return list(desk.desk.incoming().iterdir())


def test_a_segment_is_named_by_its_hash_and_stands_in_the_ledger(desk):
    desk.run_exam()
    request = desk.segment()
    desk.ask(request, wire.Saved)
    (fact,) = desk.facts(f.SegmentStored)
    assert stored(desk) == [f"{fact.segment.sha256}.mp4.age"]
    data = (desk.desk.data_dir / "segments" / stored(desk)[0]).read_bytes()
    assert fact.segment == request.segment.sealed(sha256(data), len(data))
    assert incoming(desk) == []


def test_what_rests_on_disk_is_sealed_to_the_server_s_key_and_opens_with_it_alone(desk):
    desk.run_exam()
    video = b"moving pictures " * 20_000
    desk.ask(desk.segment(video), wire.Saved)
    assert desk.opened() == [video]
    data = (desk.desk.data_dir / "segments" / stored(desk)[0]).read_bytes()
    assert b"moving pictures" not in data
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(data, [pyrage.x25519.Identity.generate()])


def test_the_ledger_names_the_keys_that_a_session_is_sealed_to_and_keeps_to_them(desk):
    recovery = pyrage.x25519.Identity.generate()
    first, newer = (str(pyrage.x25519.Identity.generate().to_public()) for _ in range(2))
    desk.prepare(recipients=(first, str(recovery.to_public())))
    desk.ask(wire.SignIn(name="Ada"))
    desk.clock.pass_ms(1000)
    desk.prepare(recipients=(newer,))
    for step in (wire.Consent(notice="1"), wire.FinishCheck(), wire.Begin()):
        desk.ask(step)
    desk.ask(desk.segment(b"video"), wire.Saved)
    (opened,) = desk.facts(f.SessionOpened)
    assert opened.recipients == (first, str(recovery.to_public()))
    data = (desk.desk.data_dir / "segments" / stored(desk)[0]).read_bytes()
    assert pyrage.decrypt(data, [recovery]) == b"video"


def test_without_a_key_no_session_begins_and_the_reason_is_said(desk):
    desk.prepare(recipients=())
    with pytest.raises(Refused, match=r"no key of the review server .* call the invigilator"):
        desk.ask(wire.SignIn(name="Ada"))
    assert desk.view.session is None


def test_a_preparation_whose_key_is_none_is_rejected_and_the_one_before_stands(desk):
    desk.prepare()
    order = wire.Prepare(exams=(), policy=Policy(), recipients=("age1nonsense",))
    outcome = desk.order(order, "bad")
    assert outcome.result == "rejected"
    assert "'age1nonsense' is no age public key" in outcome.reason
    assert desk.view.walk_in


def test_the_same_segment_twice_has_effect_once(desk):
    desk.run_exam()
    request = desk.segment()
    first = desk.ask(request, wire.Saved)
    assert desk.ask(desk.segment(), wire.Saved) == first
    assert len(desk.facts(f.SegmentStored)) == len(stored(desk)) == 1
    assert incoming(desk) == []


def test_a_file_that_is_not_what_was_announced_is_refused_and_kept_where_it_is(desk):
    desk.run_exam()
    request = desk.segment()
    lie = msgspec.structs.replace(request.segment, sha256="0" * 64)
    with pytest.raises(Refused, match="not what was announced"):
        desk.ask(wire.StoreSegment(session=request.session, segment=lie, file=request.file), wire.Saved)
    assert stored(desk) == []
    assert len(incoming(desk)) == 1


def test_only_the_incoming_folder_is_read(desk, tmp_path):
    desk.run_exam()
    request = desk.segment()
    outside = tmp_path / "secret"
    outside.write_bytes(b"moving pictures")
    for file in (str(outside), f"{desk.desk.incoming()}/../../secret"):
        with pytest.raises(Refused, match="incoming"):
            desk.ask(wire.StoreSegment(session=request.session, segment=request.segment, file=file), wire.Saved)
    assert outside.exists()


@pytest.mark.parametrize("folder", ["segments", "late"])
def test_half_a_file_of_an_earlier_life_is_cleared_away(desk, folder):
    desk.run_exam()
    half = desk.desk.folder(folder) / "abc.part"
    half.write_bytes(b"half")
    desk.die_and_start_again()
    assert not half.exists()


def test_two_segments_with_the_same_bytes_both_stand_in_the_ledger(desk):
    """As those of a camera whose picture stands still."""
    desk.run_exam()
    for number in (1, 2):
        desk.ask(desk.segment(b"the same bytes", number), wire.Saved)
    assert [fact.segment.number for fact in desk.facts(f.SegmentStored)] == [1, 2]
    assert desk.opened() == [b"the same bytes"] * 2
    assert len(desk.ask(wire.AskOutbox(), wire.Outbox).segments) == 2


def test_a_number_that_comes_again_with_other_bytes_is_refused_and_kept(desk):
    desk.run_exam()
    desk.ask(desk.segment(b"one"), wire.Saved)
    with pytest.raises(Refused, match="with other bytes"):
        desk.ask(desk.segment(b"another"), wire.Saved)
    assert len(incoming(desk)) == 1


@pytest.mark.parametrize("name", ["custody/custody.db", "segments/../custody/custody.db"])
def test_a_repeated_announcement_deletes_nothing_outside_the_incoming_folder(desk, name):
    desk.run_exam()
    request = desk.segment()
    desk.ask(request, wire.Saved)
    victim = f"{desk.desk.data_dir}/{name}"
    with pytest.raises(Refused, match="incoming"):
        desk.ask(msgspec.structs.replace(request, file=victim), wire.Saved)
    assert (desk.desk.data_dir / "custody" / "custody.db").exists()


def test_a_path_that_no_system_knows_ends_nothing(desk):
    desk.run_exam()
    request = desk.segment()
    with pytest.raises(Refused):
        desk.ask(msgspec.structs.replace(request, file="a\0b"), wire.Saved)
    desk.ask(request, wire.Saved)


# --- killed between the steps ---

STEPS = {
    "before it is sealed": (evidence, "seal", "before"),
    "before the note": (Store, "begin_segment", "before"),
    "after the note": (Store, "begin_segment", "after"),
    "before the file has its name": (Path, "rename", "before"),
    "after the file has its name": (Path, "rename", "after"),
    "before the row": (Store, "add", "before"),
    "after the row": (Store, "add", "after"),
    "before the plain file is taken away": (evidence.Evidence, "_clear", "before"),
}
NAMED = {"after the file has its name", "before the row", "after the row", "before the plain file is taken away"}
"""From here on the sealed file is whole, so that custody names it by itself."""


def die_at(desk, request, step):
    """Another process does custody's work and kills itself at that step."""
    owner, name, when = STEPS[step]
    whole = getattr(owner, name)

    def deadly(*args, **kwargs):
        if when == "after":
            whole(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    desk.store.close()
    child = os.fork()
    if child == 0:
        try:
            desk.start()
            setattr(owner, name, deadly)
            desk.custody.handle(wire.encode(request))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_segment_is_stored_once_in_the_end(desk, step):
    desk.run_exam()
    desk.pass_s(2)
    request = desk.segment()
    die_at(desk, request, step)
    desk.start("killed by SIGKILL")
    assert len(desk.facts(f.SegmentStored)) == (1 if step in NAMED else 0)
    desk.ask(request, wire.Saved)
    assert len(desk.facts(f.SegmentStored)) == 1
    assert desk.opened() == [b"moving pictures"]
    assert stored(desk) == [f"{desk.facts(f.SegmentStored)[0].segment.sha256}.mp4.age"]
    assert incoming(desk) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_any_step_costs_what_was_not_sealed_and_says_so(desk, step):
    desk.run_exam()
    desk.ask(desk.segment(b"before", number=1), wire.Saved)
    desk.pass_s(5)
    ends = msgspec.structs.replace(desk.segment(number=2).segment, started_ms=2000, ended_ms=4000)
    request = msgspec.structs.replace(desk.segment(number=2), segment=ends)
    die_at(desk, request, step)
    Path(request.file).unlink(missing_ok=True)  # memory forgets
    desk.clock.reboot(away_ms=60_000)
    desk.start()
    numbers = [fact.segment.number for fact in desk.facts(f.SegmentStored)]
    assert numbers == ([1, 2] if step in NAMED else [1])
    (lost,) = [gap for gap in desk.facts(f.Gap) if gap.part is f.Part.CAPTURE]
    assert (lost.from_ms, lost.to_ms) == (2000 * len(numbers), 65_000)
    assert "lost power" in lost.reason
    assert desk.view.segment_numbers == {"desk": len(numbers)}
    assert len(stored(desk)) == len(numbers)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("The camera was unplugged.", [(2000, 10_000), (11_000, 80_000)]),
        # Pictures without their sound are pictures: that gap covers none of what memory forgot.
        ("microphone: It was unplugged.", [(2000, 80_000)]),
    ],
)
def test_what_waited_in_memory_before_a_gap_is_lost_with_it_and_says_so(desk, reason, expected):
    desk.run_exam()
    desk.ask(desk.segment(b"before", number=1), wire.Saved)
    desk.pass_s(20)
    desk.ask(
        wire.ReportGap(session=desk.view.session, part=f.Part.CAPTURE, from_ms=10_000, to_ms=11_000, reason=reason),
        wire.Saved,
    )
    desk.clock.reboot(away_ms=60_000)
    desk.start()
    lost = [gap for gap in desk.facts(f.Gap) if "lost power" in gap.reason]
    assert [(gap.from_ms, gap.to_ms) for gap in lost] == expected


def test_a_disk_that_is_full_again_and_again_is_not_filled_by_the_tries(desk, monkeypatch):
    desk.run_exam()
    request = desk.segment()
    monkeypatch.setattr(Store, "add", lambda *_: (_ for _ in ()).throw(evidence.StorageFailed("The disk is full.")))
    for _ in range(5):
        with pytest.raises(CustodyAway, match="full"):
            desk.ask(request, wire.Saved)
    monkeypatch.undo()
    desk.ask(request, wire.Saved)
    assert desk.opened() == [b"moving pictures"]
    assert len(desk.facts(f.SegmentStored)) == 1


def test_segments_that_were_stored_before_sealing_are_known_and_go_on_to_the_server(desk):
    """What an older version left: plain rows in a table that did not have the newest column."""
    desk.run_exam()
    desk.store._db.execute("alter table segments drop column plain_sha256")
    desk.store._db.execute(
        "insert into segments values (?, 'desk', 1, 1, ?, 5, '/old.mp4')", [desk.view.session, sha256(b"older")]
    )
    desk.store._db.conn.commit()
    desk.die_and_start_again()
    request = desk.segment(b"older")
    assert desk.ask(request, wire.Saved).seq == 1
    assert [one.file for one in desk.ask(wire.AskOutbox(), wire.Outbox).segments] == ["/old.mp4"]
