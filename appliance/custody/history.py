"""What a ledger says so far: the session, its answers, flags, segments and gaps, folded entry by entry.

Nothing here is stored a second time: after a restart the same entries give the same history.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any, Final

import msgspec

from proctoring import fact as f
from proctoring.cameras import recorder
from proctoring.check_in import Photo
from proctoring.exam import Answer
from proctoring.flag import Flag, FlagKind
from proctoring.ledger import Entry
from proctoring.segment import Segment
from proctoring.session import Move, Session, advance, extend

LEAST_HOLE_MS: Final = 1000
"""Between two pieces of a recording. The pieces themselves are two seconds long; a camera that begins takes less."""


class History:
    """One session as its ledger tells it."""

    def __init__(self, desk: str, session: str) -> None:
        self.session = Session(id=session, desk=desk)
        self.opened: f.SessionOpened | None = None
        self.consented = False
        self.photo: Photo | None = None
        self.answers: dict[str, tuple[Answer, int]] = {}
        self.answer_seqs: dict[tuple[str, int], int] = {}
        self.flags: dict[str, Flag] = {}
        self.flag_seqs: dict[tuple[str, bool], int] = {}
        self.segments: list[Segment] = []
        self.segment_numbers: dict[str, int] = {}
        self.gaps: list[f.Gap] = []
        self.handed_over: set[f.Part] = set()
        self.cameras_ended: dict[f.Part, int] = {}
        """Since when, on the session's clock. A camera that films again is none of them."""
        self.encoders: dict[f.Part, str] = {}
        self.reduced = 0
        self.measured: tuple[str, f.ClockMeasured] | None = None
        """The boot in which the server's clock was last compared with the desk's, and what came of it."""
        self.called = False
        self.lid_open: bool | None = None
        self.was_paused = False
        self.reason = ""
        self.message = ""
        self.zero_mono_ms: int | None = None
        self.ended_at_ms: int | None = None
        self.last_at_ms = 0
        self.called_mono_ms: int | None = None
        self.checkpoint_seq = 0
        self.checkpoint_mono_ms: int | None = None
        self.boot = ""
        self.seq = 0

    def at_ms(self, mono_ms: int) -> int | None:
        """A moment on the monotonic clock of the present boot, since the session's zero."""
        return None if self.zero_mono_ms is None else mono_ms - self.zero_mono_ms

    def ends_of_open_flags(self, at_ms: int, kinds: Container[FlagKind] = frozenset(FlagKind)) -> list[f.FlagEnded]:
        """The ends of all open flags of these kinds, which nobody else will end; none ends before it was raised."""
        still_open = (flag for flag in self.flags.values() if flag.ended_ms is None and flag.kind in kinds)
        return [
            f.FlagEnded(flag=msgspec.structs.replace(flag, ended_ms=max(at_ms, flag.raised_ms)))
            for flag in still_open
        ]

    @property
    def second(self) -> tuple[f.Part, ...]:
        """The part that films this session with a second camera, where the candidate was told of one."""
        return (f.Part.CAPTURE_SECOND,) if self._second_camera else ()

    @property
    def _second_camera(self) -> str:
        return self.opened.second_camera if self.opened else ""

    def untold(self, part: f.Part, until_ms: int) -> Iterator[tuple[int, int]]:
        """Where that part's recording is neither sealed nor its lack recorded, from its beginning on.

        Segments wait in memory while gaps are told at once, so there may be holes before the end as well.
        """
        told_ms = 0
        for begin, end in sorted(self._told(part)):
            if min(begin, until_ms) - told_ms > LEAST_HOLE_MS:
                yield told_ms, min(begin, until_ms)
            told_ms = max(told_ms, end)
        if told_ms < until_ms:
            yield told_ms, until_ms

    def _told(self, part: f.Part) -> Iterator[tuple[int, int]]:
        for one in self.segments:
            if recorder(one.camera, self._second_camera) is part:
                yield one.started_ms, one.ended_ms
        for gap in self.gaps:
            if gap.part is part and not gap.reason.startswith(f.MICROPHONE):
                yield gap.from_ms, gap.to_ms

    def recorded_ms(self) -> int:
        """How long the recording is: that of the camera with the longest one."""
        lengths: dict[str, int] = {}
        for one in self.segments:
            lengths[one.camera] = lengths.get(one.camera, 0) + one.ended_ms - one.started_ms
        return max(lengths.values(), default=0)

    def apply(self, entry: Entry) -> None:
        """Takes the next entry in."""
        self.seq, self.boot = entry.seq, entry.boot
        if entry.at_ms is not None:
            # After a reboot the monotonic clock starts anew; the entries carry the session's time across.
            self.zero_mono_ms = entry.mono_ms - entry.at_ms
            self.last_at_ms = max(self.last_at_ms, entry.at_ms)
        take = self._TAKE.get(type(entry.fact))
        if take is not None:
            take(self, entry, entry.fact)

    def _opened(self, entry: Entry, fact: f.SessionOpened) -> None:
        del entry
        self.opened = fact
        self.session = Session(id=self.session.id, desk=self.session.desk, allowed_ms=fact.allowed_ms)

    def _consented(self, entry: Entry, fact: f.Consented) -> None:
        del entry, fact
        self.consented = True

    def _photo(self, entry: Entry, fact: f.CheckInPhoto) -> None:
        del entry
        self.photo = fact.photo

    def _moved(self, entry: Entry, fact: f.Moved) -> None:
        self.was_paused = fact.move is Move.INTERRUPT and self.session.state.value == "paused"
        self.session = advance(self.session, fact.move, fact.effective_ms)
        self.reason = fact.reason
        if fact.move in (Move.SUBMIT, Move.TERMINATE):
            self.ended_at_ms = entry.at_ms

    def _extended(self, entry: Entry, fact: f.Extended) -> None:
        del entry
        self.session = extend(self.session, fact.extra_ms)

    def _answered(self, entry: Entry, fact: f.Answered) -> None:
        self.answers[fact.question] = (fact.value, fact.revision)
        self.answer_seqs[fact.question, fact.revision] = entry.seq

    def _flag_raised(self, entry: Entry, fact: f.FlagRaised) -> None:
        self.flags[fact.flag.id] = fact.flag
        self.flag_seqs[fact.flag.id, False] = entry.seq

    def _flag_ended(self, entry: Entry, fact: f.FlagEnded) -> None:
        self.flags[fact.flag.id] = fact.flag
        self.flag_seqs[fact.flag.id, True] = entry.seq

    def _segment(self, entry: Entry, fact: f.SegmentStored) -> None:
        del entry
        self.segments.append(fact.segment)
        camera, number = fact.segment.camera, fact.segment.number
        self.segment_numbers[camera] = max(self.segment_numbers.get(camera, 0), number)
        part = recorder(camera, self._second_camera)
        # What was filmed before it ended may come after the word that it has.
        if fact.segment.started_ms > self.cameras_ended.get(part, fact.segment.started_ms):
            del self.cameras_ended[part]

    def _gap(self, entry: Entry, fact: f.Gap) -> None:
        del entry
        self.gaps.append(fact)

    def _handed_over(self, entry: Entry, fact: f.HandedOver) -> None:
        del entry
        self.handed_over.add(fact.part)

    def _camera_ended(self, entry: Entry, fact: f.CameraEnded) -> None:
        self.cameras_ended[fact.part] = entry.at_ms or 0

    def _encoder_chosen(self, entry: Entry, fact: f.EncoderChosen) -> None:
        del entry
        self.encoders[fact.part] = fact.encoder

    def _reduced(self, entry: Entry, fact: f.AnalysisReduced) -> None:
        del entry
        self.reduced = fact.level

    def _measured(self, entry: Entry, fact: f.ClockMeasured) -> None:
        self.measured = (entry.boot, fact)

    def _called(self, entry: Entry, fact: f.CallPressed) -> None:
        del fact
        self.called = True
        self.called_mono_ms = entry.mono_ms

    def _lid(self, entry: Entry, fact: f.LidMoved) -> None:
        del entry
        self.lid_open = fact.open

    def _said(self, entry: Entry, fact: f.Said) -> None:
        del entry
        self.message = fact.text
        self.called = False

    def _checkpoint(self, entry: Entry, fact: f.Checkpoint) -> None:
        del fact
        self.checkpoint_seq, self.checkpoint_mono_ms = entry.seq, entry.mono_ms

    _TAKE: dict[type, Callable[[Any, Entry, Any], None]] = {  # noqa: RUF012 (a table, never changed)
        f.SessionOpened: _opened,
        f.Consented: _consented,
        f.CheckInPhoto: _photo,
        f.Moved: _moved,
        f.Extended: _extended,
        f.Answered: _answered,
        f.FlagRaised: _flag_raised,
        f.FlagEnded: _flag_ended,
        f.SegmentStored: _segment,
        f.Gap: _gap,
        f.HandedOver: _handed_over,
        f.CameraEnded: _camera_ended,
        f.EncoderChosen: _encoder_chosen,
        f.AnalysisReduced: _reduced,
        f.ClockMeasured: _measured,
        f.CallPressed: _called,
        f.LidMoved: _lid,
        f.Said: _said,
        f.Checkpoint: _checkpoint,
    }
