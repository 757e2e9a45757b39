import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import av
import msgspec
import numpy as np
import pytest

from bench import evidence as evidence_bench
from bench.evidence import keep
from deskproctor import blur
from deskproctor.archive import TooLarge
from deskproctor.export import CannotExport, Wishes, export
from deskproctor.verify import read_authority, verify
from proctoring.observation import Face
from proctoring.wire import FrameHead
from review_server.store import Store
from review_server.tables import DecisionRow, RivalRow, SessionRow
from signing.identity import NoIdentity

ROOT = Path(__file__).parents[2]


def video(path, shade):
    """Two seconds as capture writes them."""
    options = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    with av.open(str(path), "w", format="mp4", options=options) as output:
        stream = output.add_stream("libx264", rate=15, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(30):
            picture = np.full((180, 320, 3), shade, np.uint8)
            picture[:, number * 9 : number * 9 + 12] = 255
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filmed")
    return keep(folder, [video(folder / f"{n}.mp4", 40 * n) for n in range(4)])


def faults(verdict):
    return [str(finding) for finding in verdict.findings if finding.level == "fault"]


def test_a_pack_is_for_its_owners_eyes_and_nothing_else_is_left_behind(evidence, tmp_path):
    export(evidence.kept.session, evidence.kept.server, tmp_path / "pack.zip", Wishes())
    assert [path.name for path in tmp_path.iterdir()] == ["pack.zip"]
    assert stat.S_IMODE((tmp_path / "pack.zip").stat().st_mode) == 0o600


def test_recordings_are_named_by_the_line_that_names_them(evidence):
    with zipfile.ZipFile(evidence.pack) as pack:
        lines = pack.read("ledger.jsonl").splitlines()
        names = [name for name in pack.namelist() if name.startswith("recordings/")]
    assert len(names) == 5
    for name in names:
        fact = json.loads(lines[int(name[11:17]) - 1])["fact"]
        assert fact["fact"] == "segment_stored"


def test_only_what_is_near_a_flag_is_in_a_pack_of_flags(evidence):
    with zipfile.ZipFile(evidence.flags) as pack:
        manifest = json.loads(pack.read("manifest.json"))
    assert [segment["how"] for segment in manifest["segments"]] == ["sealed", "sealed", *["absent"] * 3]
    assert (manifest["scope"], manifest["margin_ms"]) == ("flags", 500)


def test_the_film_shows_all_pieces_without_encoding_them_anew(filmed, tmp_path):
    export(filmed.session, filmed.server, tmp_path / "pack.zip", Wishes(film=True))
    verdict = verify(tmp_path / "pack.zip", read_authority(filmed.authority))
    assert faults(verdict) == []
    assert any("made from the segments for watching" in finding.text for finding in verdict.findings)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        film = tmp_path / "film.mp4"
        film.write_bytes(pack.read("recording.mp4"))
    with av.open(str(film)) as shown:
        assert sum(1 for _ in shown.decode(video=0)) == 120


def test_a_blurred_pack_holds_derived_recordings_with_the_originals_hash_on_record(filmed, tmp_path):
    export(filmed.session, filmed.server, tmp_path / "pack.zip", Wishes(blur_others=True))
    verdict = verify(tmp_path / "pack.zip", read_authority(filmed.authority))
    assert faults(verdict) == []
    assert (verdict.recordings["derived"], verdict.recordings["video"]) == (4, 0)
    assert sum("original hash on record" in finding.text for finding in verdict.findings) == 4
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        first = next(name for name in pack.namelist() if name.endswith(".blurred.mp4"))
        (tmp_path / "first.mp4").write_bytes(pack.read(first))
    with av.open(str(tmp_path / "first.mp4")) as shown:
        assert sum(1 for _ in shown.decode(video=0)) == 30


def test_where_the_candidate_sat_is_followed_for_each_camera_by_itself(tmp_path, monkeypatch):
    followed = []

    class Following:
        def __init__(self, facts):
            self.seen = []
            followed.append(self.seen)

        def video(self, data):
            self.seen.append(data)
            return data

    segment = evidence_bench.segment
    by_turns = {0: "side", 1: "front"}
    monkeypatch.setattr(
        evidence_bench, "segment", lambda n, data: msgspec.structs.replace(segment(n, data), camera=by_turns[n % 2])
    )
    monkeypatch.setattr("deskproctor.export.Blur", Following)
    videos = [bytes([number]) * 100 for number in range(4)]
    kept = keep(tmp_path, videos)
    export(kept.session, kept.server, tmp_path / "pack.zip", Wishes(blur_others=True))
    assert followed == [[videos[0], videos[2]], [videos[1], videos[3]]]


def test_what_cannot_be_decoded_is_left_out_rather_than_shown_unblurred(evidence, tmp_path):
    export(evidence.kept.session, evidence.kept.server, tmp_path / "pack.zip", Wishes(blur_others=True))
    verdict = verify(tmp_path / "pack.zip", read_authority(evidence.kept.authority))
    assert (faults(verdict), verdict.recordings["absent"]) == ([], 5)


def test_a_covered_face_is_coarse_and_the_rest_of_the_picture_is_untouched():
    noise = np.random.default_rng(1).integers(0, 255, 320 * 180 * 3 // 2, np.uint8)
    frame = blur.Frame(FrameHead(number=1, mono_ms=0, width=320, height=180), memoryview(noise.tobytes()))
    shown = np.frombuffer(blur.covered(frame, [(0.4, 0.4, 0.6, 0.6)]).planes, np.uint8)[: 320 * 180].reshape(180, 320)
    before = noise[: 320 * 180].reshape(180, 320)
    inside = np.s_[64:116, 118:202]
    assert len(np.unique(shown[inside])) <= blur.BLOCKS**2
    assert np.array_equal(shown[:55], before[:55])
    assert np.array_equal(shown[:, :100], before[:, :100])


def test_other_peoples_faces_are_not_found_any_more_and_the_nearest_one_is(media, tmp_path):
    groups = [
        item
        for item in json.loads((media / "labels.json").read_text())["items"]
        if item["type"] == "image" and item["labels"].get("face_count") in (2, 3)
    ]
    if not groups:
        pytest.skip("the labelled photos show nobody in company")
    for item in groups[:3]:
        covering = blur.Blur([])
        frame = still(media / item["file"])
        before = covering._faces.find(blur._picture(frame))
        if len(before) < 2:
            continue
        others = covering._others(blur._picture(frame))
        after = covering._faces.find(blur._picture(blur.covered(frame, others)))
        assert len(others) == len(before) - 1
        assert [face for face in after if any(is_within(face.box, box) for box in others)] == [], item["file"]
        assert max(face.score for face in after) > 0.6, "the one person is shown as they were"


def test_the_candidate_stays_who_they_were_while_somebody_taller_looks_in():
    covering = blur.Blur([])
    seated, taller = Face(score=0.9, box=(0.4, 0.4, 0.6, 0.7)), Face(score=0.9, box=(0.7, 0.1, 0.95, 0.6))
    for faces, others in (([seated], []), ([seated, taller], [taller.box]), ([taller], [])):
        covering._faces = SimpleNamespace(find=lambda _picture, faces=faces: faces)
        assert covering._others(None) == others


def is_within(box, outer):
    """Whether the middle of one lies in the other."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return outer[0] < x < outer[2] and outer[1] < y < outer[3]


def still(path):
    with av.open(str(path)) as file:
        picture = next(file.decode(video=0))
    width, height = picture.width // 2 * 2, picture.height // 2 * 2
    planes = picture.reformat(width, height, "yuv420p").to_ndarray()
    return blur.Frame(FrameHead(number=1, mono_ms=0, width=width, height=height), memoryview(planes.tobytes()))


def test_decisions_and_disputes_go_with_the_pack(copies, tmp_path):
    store = Store(copies.server / "review.db")
    with store.write() as tx:
        decision = {"verdict": "approve", "reason": "all in order", "by": "ann", "at_utc_ms": 1}
        tx.add(DecisionRow(id="d1", session=copies.session, **decision))
        tx.add(RivalRow(session=copies.session, hash="ab", text="{}", at_utc_ms=1))
        tx.get_one(SessionRow, copies.session).dispute = "The desk sent two different entries 3."
    store.close()
    export(copies.session, copies.server, tmp_path / "pack.zip", Wishes())
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        assert json.loads(pack.read("decisions.json"))["decisions"][0]["reason"] == "all in order"
        assert pack.read("rivals.jsonl") == b"{}\n"
    verdict = verify(tmp_path / "pack.zip", read_authority(copies.authority))
    assert ["two different entries 3" in text for text in faults(verdict)] == [True]


def test_a_recording_that_was_altered_at_the_server_is_left_out_with_its_reason(copies, tmp_path):
    path = min((copies.server / "segments").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    for wishes, name in ((Wishes(), "open.zip"), (Wishes(sealed=True), "sealed.zip")):
        export(copies.session, copies.server, tmp_path / name, wishes)
        verdict = verify(tmp_path / name, read_authority(copies.authority))
        assert verdict.recordings["absent"] == 1
        assert any("could not be read" in finding.text for finding in verdict.findings)


@pytest.mark.parametrize(
    ("session", "spoil", "error", "said"),
    [
        ("nobody", lambda data, out: None, CannotExport, "no session 'nobody'"),
        (None, lambda data, out: out.write_bytes(b"mine"), CannotExport, "already"),
        (None, lambda data, out: (data / "review.db").unlink(), CannotExport, "--data"),
        (None, lambda data, out: (data / "identity" / "server.key").unlink(), NoIdentity, "enrol it first"),
        (None, lambda data, out: (data / "identity" / "ca.crt").unlink(), CannotExport, "Enrol the review server"),
    ],
)
def test_what_stands_in_the_way_is_said(copies, tmp_path, session, spoil, error, said):
    out = tmp_path / "pack.zip"
    spoil(copies.server, out)
    held = out.read_bytes() if out.exists() else None
    with pytest.raises(error, match=said):
        export(session or copies.session, copies.server, out, Wishes())
    assert (out.read_bytes() if out.exists() else None) == held


def test_a_pack_too_large_for_its_format_leaves_nothing_behind(evidence, tmp_path, monkeypatch):
    monkeypatch.setattr("deskproctor.archive.LIMIT", (1 << 24) + 9000)
    with pytest.raises(TooLarge):
        export(evidence.kept.session, evidence.kept.server, tmp_path / "pack.zip", Wishes())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wishes",
    [{"sealed": True, "blur_others": True}, {"sealed": True, "film": True}, {"film": True, "blur_others": True}],
)
def test_wishes_that_contradict_each_other_are_refused(wishes):
    with pytest.raises(CannotExport):
        Wishes(**wishes)


def test_the_command_writes_a_pack_beside_a_server_that_runs(evidence, tmp_path):
    store = Store(evidence.kept.server / "review.db")
    arriving = evidence.kept.server / "arriving" / "half"
    arriving.write_bytes(b"half of a segment")
    command = [sys.executable, "-m", "deskproctor", "export", evidence.kept.session]
    command += [
        "--data",
        str(evidence.kept.server),
        "-o",
        str(tmp_path / "pack.zip"),
        "--flags-only",
        "--margin",
        "1",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    store.close()
    assert done.returncode == 0, done.stderr
    assert "entries; recordings:" in done.stdout
    assert arriving.exists()
    arriving.unlink()
    assert verify(tmp_path / "pack.zip").status == "passes"
