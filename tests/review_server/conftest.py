"""A review server in one process, with a simulated broker and clock; desks that write real ledgers and real video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from messaging.simulated import SimulatedBroker
from proctoring import ledger
from proctoring.fact import (
    Answered,
    Fact,
    FlagEnded,
    FlagRaised,
    Gap,
    Moved,
    Part,
    PartAbsent,
    Sealed,
    SegmentStored,
    SessionOpened,
)
from proctoring.flag import Flag, FlagKind, Moment, Thumbnail, Why
from proctoring.ledger import Head, Line, Stamp
from proctoring.policy import Mode
from proctoring.segment import EndedBy, Segment
from proctoring.session import Move, State
from proctoring.wire import Facts, Receipt, desk_topic
from review_server import calendar
from review_server.app import make_app
from review_server.calendar import Preparation
from review_server.holds import Holds
from review_server.ingest import Ingest
from review_server.playback import Outlines, Recordings
from review_server.receipts import Receipts
from review_server.retention import Keeper
from review_server.review import Forms, Pages
from review_server.reviews import Reviews
from review_server.sealing import Keyring
from review_server.segments import SegmentFiles, Segments
from review_server.service import Service
from review_server.settings import Settings
from review_server.standing import Patience
from review_server.store import Store
from web.clock import SimulatedClock

TOKEN = "token-of-desk-1-0123456789"
KEY = "staff-key-0123456789abcdef"
PATIENCE = Patience(sealed_ms=60_000, unsealed_ms=600_000)


class Desk:
    """Writes a ledger as custody does, and keeps it to send again."""

    def __init__(self, desk: str = "desk-1", session: str = "session-1") -> None:
        self.head: Head = ledger.start(desk, session)
        self.desk, self.session = desk, session
        self.lines: list[Line] = []

    def write(self, fact: Fact, at_ms: int | None = None) -> Line:
        """Appends one fact."""
        stamp = Stamp(at_utc_ms=1_800_000_000_000 + (at_ms or 0), mono_ms=at_ms or 0, boot="b")
        line, self.head = ledger.append(self.head, fact, stamp, at_ms)
        self.lines.append(line)
        return line

    def facts(self, after: int = 0, limit: int = 1000) -> Facts:
        """The lines after `after`."""
        return Facts(desk=self.desk, session=self.session, lines=tuple(self.lines[after : after + limit]))


def opened(candidate: str = "Amara Okafor") -> SessionOpened:
    return SessionOpened(
        candidate=candidate,
        booking="AMARA1",
        exam="general-knowledge",
        exam_title="General knowledge, sample paper",
        exam_sha256="0" * 64,
        mode=Mode.POST_REVIEW,
        policy="default-1",
        allowed_ms=1_200_000,
        software="0.1.0",
    )


def a_flag(kind: FlagKind, started_ms: int, ended_ms: int | None, label: str | None = None) -> Flag:
    return Flag(
        id=":".join(filter(None, (kind, label, str(started_ms)))),
        kind=kind,
        label=label,
        technical=kind in {FlagKind.CAMERA_COVERED, FlagKind.TOO_DARK},
        started_ms=started_ms,
        raised_ms=started_ms + 300,
        ended_ms=ended_ms,
        peak_score=0.83,
        why=Why(
            threshold=0.6,
            dwell_ms=700,
            share=0.6,
            rule_version="1",
            scores=((started_ms, 0.83),),
            boxes=(),
            models={"nanodet": "ab12" * 16},
        ),
    )


def video(path: Path, seconds: float = 2.0, shade: int = 0, size: tuple[int, int] = (320, 180)) -> bytes:
    """A segment as capture writes it: fragmented MP4, H.264, from 0, 15 frames a second; a bar moves over it."""
    options = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    width, height = size
    with av.open(str(path), "w", format="mp4", options=options) as output:
        stream = output.add_stream("libx264", rate=15, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(round(seconds * 15)):
            picture = np.full((height, width, 3), (shade * 40) % 200, np.uint8)
            picture[:, (number * 9) % width : (number * 9) % width + 12] = 255
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path.read_bytes()


def spoken(path: Path, seconds: float = 2.0, shade: int = 0) -> bytes:
    """A segment with a tone beside its picture, as capture writes it where there is a microphone."""
    options = {"movflags": "empty_moov+default_base_moof", "frag_duration": "1"}
    with av.open(str(path), "w", format="mp4", options=options) as output:
        stream = output.add_stream("libx264", rate=15, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        sound = output.add_stream("libopus", rate=16_000, options={"application": "voip"})
        sound.layout = "mono"
        for _ in range(round(seconds * 15)):
            picture = np.full((180, 320, 3), (shade * 40) % 200, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for number in range(round(seconds * 50)):
            wave = np.sin(np.arange(number * 320, number * 320 + 320) * 2 * np.pi * 440 / 16_000)
            block = av.AudioFrame.from_ndarray((wave * 12_000).astype(np.int16)[None], format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = 16_000, number * 320, Fraction(1, 16_000)
            output.mux(sound.encode(block))
        output.mux(stream.encode())
        output.mux(sound.encode())
    return path.read_bytes()


def segment(data: bytes, number: int, started_ms: int, length_ms: int = 2000) -> SegmentStored:
    return SegmentStored(
        segment=Segment(
            camera="front",
            number=number,
            started_ms=started_ms,
            ended_ms=started_ms + length_ms,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            frames=length_ms * 15 // 1000,
            ended_by=EndedBy.LENGTH,
        )
    )


def jpeg() -> bytes:
    """A small picture."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 128, 72, "yuvj420p", Fraction(1, 15)
    picture = np.full((72, 128, 3), 120, np.uint8)
    picture[20:50, 50:80] = (200, 160, 120)
    return bytes(context.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p"))[0])


def pictures_of(flag: Flag, jpeg: bytes) -> tuple[tuple[Thumbnail, ...], tuple[Thumbnail, ...]]:
    """What goes with a flag when it is raised, and when it has ended."""
    times = {Moment.ONSET: flag.started_ms, Moment.PEAK: flag.raised_ms, Moment.NEWEST: flag.ended_ms or 0}
    made = [Thumbnail(moment=moment, at_ms=at_ms, score=0.7, jpeg=jpeg) for moment, at_ms in times.items()]
    return tuple(made[:2]), tuple(made)


def a_whole_session(folder: Path, desk: Desk | None = None) -> tuple[Desk, list[bytes]]:
    """A session of 12 s: five segments with a hole of 2 s, two suspicions, a technical flag, a gap, two answers."""
    desk = desk or Desk()
    pieces = [video(folder / f"{n}.mp4", shade=n) for n in range(5)]
    picture = jpeg()
    several = a_flag(FlagKind.SEVERAL_FACES, 5200, 7800)
    phone = a_flag(FlagKind.PROHIBITED_OBJECT, 9000, 9900, "cell phone")
    dark = a_flag(FlagKind.TOO_DARK, 2000, 3500)
    desk.write(opened())
    desk.write(Moved(move=Move.SIGN_IN, state=State.CHECKING_IN, by="candidate"))
    desk.write(Moved(move=Move.START, state=State.RUNNING, by="candidate"), 0)
    for number, started_ms in enumerate((0, 2000, 4000, 8000, 10_000)):
        desk.write(segment(pieces[number], number, started_ms), started_ms + 2000)
    desk.write(Gap(part=Part.CAPTURE, from_ms=6000, to_ms=8000, reason="killed by signal 9"), 8000)
    for flag in (dark, several):
        # As ledgers were before a flag had several pictures.
        desk.write(FlagRaised(flag=flag, thumbnail=picture), flag.raised_ms)
        desk.write(FlagEnded(flag=flag), flag.ended_ms)
    raised, ended = pictures_of(phone, picture)
    desk.write(FlagRaised(flag=phone, thumbnails=raised), phone.raised_ms)
    desk.write(FlagEnded(flag=phone, thumbnails=ended), phone.ended_ms)
    desk.write(Answered(question="capital", value="canberra", revision=1), 3000)
    desk.write(Answered(question="train", value=375.0, revision=1), 9000)
    desk.write(Moved(move=Move.SUBMIT, state=State.SUBMITTED, by="candidate"), 12_000)
    desk.write(Moved(move=Move.SEAL, state=State.SEALED, by="custody"), 12_000)
    desk.write(Sealed(segments=5, answers=2, flags=3), 12_000)
    return desk, pieces


def a_session_of_two_cameras(folder: Path, name: str = "session-1") -> tuple[Desk, list[bytes]]:
    """Six seconds by two cameras with a flag; the second one's first segment came first, its second one never."""
    desk, flag = Desk(session=name), a_flag(FlagKind.SEVERAL_FACES, 3000, 4000)
    front = [video(folder / f"front-{n}.mp4", shade=n) for n in range(3)]
    side = [video(folder / f"side-{n}.mp4", shade=3 + n, size=(160, 90)) for n in range(2)]
    desk.write(msgspec.structs.replace(opened("Two Cameras"), second_camera="side"))
    desk.write(Moved(move=Move.START, state=State.RUNNING, by="candidate"), 0)
    desk.write(of_the_side(segment(side[0], 1, 0)), 2000)
    for number, data in enumerate(front):
        desk.write(segment(data, number + 1, 2000 * number), 2000 * number + 2000)
    desk.write(PartAbsent(part=Part.CAPTURE_SECOND, since_ms=2000), 5000)
    desk.write(Gap(part=Part.CAPTURE_SECOND, from_ms=2000, to_ms=4000, reason="the camera is unplugged"), 4000)
    desk.write(of_the_side(segment(side[1], 2, 4000)), 6000)
    desk.write(FlagRaised(flag=flag, thumbnail=jpeg()), 3300)
    desk.write(FlagEnded(flag=flag), 4000)
    return desk, [*front, *side]


def of_the_side(stored: SegmentStored) -> SegmentStored:
    return SegmentStored(segment=msgspec.structs.replace(stored.segment, camera="side"))


class Server(SimpleNamespace):
    """Everything that __main__ wires, with a simulated broker and clock."""

    def receipts(self) -> list[Receipt]:
        """The receipts that were sent so far."""
        return list(self.heard)

    def put(self, data: bytes, name: str | None = None, token: str = TOKEN) -> Any:
        """Brings a recording as a desk does."""
        sha256 = name or hashlib.sha256(data).hexdigest()
        headers = {"Authorization": f"Bearer {token}"}
        return self.app.test_client().put(f"/segments/{sha256}", data=data, headers=headers)

    def staff(self) -> Any:
        """A browser that opened the staff link."""
        client = self.app.test_client()
        assert client.get(f"/sign-in?key={KEY}").status_code == 302
        return client

    def shown(self, session: str = "session-1") -> dict[str, Any]:
        """The JSON twin of a session's page."""
        shown: dict[str, Any] = json.loads(self.staff().get(f"/sessions/{session}.json").data)
        return shown


def build(folder: Path, **more: Any) -> Server:
    settings = Settings(staff_key=KEY, data_dir=folder, desks={"desk-1": TOKEN}, **more)
    store, clock, broker = Store(folder / "review.db"), SimulatedClock(), SimulatedBroker()
    calendar.seed(store)
    bus, far = broker.bus("review-server"), broker.bus("far-side")
    heard: list[Receipt] = []
    orders: list[Any] = []
    far.subscribe(desk_topic("+", "receipts"), lambda _topic, message: heard.append(message))
    far.subscribe(desk_topic("+", "orders"), lambda _topic, message: orders.append(message))
    receipts = Receipts(bus)
    files = SegmentFiles(folder, settings.keep_free_bytes)
    keyring = Keyring(folder, settings.recovery_recipients)
    keyring.begin(clock.utc_ms())
    outlines = Outlines(store, keyring)
    segments = Segments(store, files, receipts, clock, PATIENCE, outlines.note)
    recordings = Recordings(keyring, outlines, settings.recordings_bytes)
    pages = Pages(store, files, recordings)
    reviews = Reviews(store, clock)
    ingest = Ingest(store, receipts, clock, PATIENCE)
    preparation = Preparation(store, bus, clock, keyring, 600_000)
    holds, keeper = Holds(store, bus, clock), Keeper(store, files, clock)
    service = Service(store, clock, PATIENCE, preparation, holds, keeper)
    service.listen(bus, ingest)
    far.start()
    bus.start()
    app = make_app(settings, segments, pages, Forms(pages, reviews, holds), clock)
    return Server(
        settings=settings,
        store=store,
        clock=clock,
        broker=broker,
        bus=bus,
        far=far,
        heard=heard,
        orders=orders,
        files=files,
        segments=segments,
        keyring=keyring,
        recordings=recordings,
        reviews=reviews,
        ingest=ingest,
        service=service,
        holds=holds,
        keeper=keeper,
        app=app,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with an empty folder."""
    folder = tmp_path / "server"
    folder.mkdir()
    built = build(folder, keep_free_bytes=0)
    yield built
    built.store.close()


@pytest.fixture
def bench() -> SimpleNamespace:
    """What tests build sessions from."""
    return SimpleNamespace(
        Desk=Desk,
        Server=Server,
        build=build,
        opened=opened,
        flag=a_flag,
        video=video,
        spoken=spoken,
        segment=segment,
        jpeg=jpeg,
        pictures_of=pictures_of,
        whole=a_whole_session,
        two_cameras=a_session_of_two_cameras,
        TOKEN=TOKEN,
        KEY=KEY,
        PATIENCE=PATIENCE,
    )
