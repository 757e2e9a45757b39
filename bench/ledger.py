"""The ledger against the same work done with the standard library alone: json and SHA-256.

The session is a busy one: every two seconds a segment, every quarter of a minute an answer, every minute a flag with
its thumbnail. Both sides write and check the very same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import msgspec

from bench.figures import Figures
from bench.turns import in_turn
from proctoring import ledger
from proctoring.fact import Answered, Fact, FlagEnded, FlagRaised, SegmentStored
from proctoring.flag import Flag, FlagKind, Why
from proctoring.ledger import Line, Stamp
from proctoring.segment import EndedBy, Segment

DESK, SESSION = "desk-1", "5f2b8c0d9e1a4c7db36f0a8e2d417c95"
STAMP: Final = Stamp(at_utc_ms=1_800_000_000_000, mono_ms=86_400_000, boot="8f2c1f4e-53a1-4a52-9b0c-6d5f0a3c9e11")
AT_MS: Final = 61_000
SEGMENT_S, ANSWER_S, FLAG_S = 2, 15, 60
THUMBNAIL_BYTES: Final = 8000

Texts = list[tuple[str, str]]
"""Ledger lines as the bare side holds them: text and hash."""


def figures(minutes: int = 60, rounds: int = 15) -> Figures:
    facts = [fact for second in range(minutes * 60) for fact in facts_at(second)]
    plain = [msgspec.to_builtins(fact) for fact in facts]
    lines, texts = append(facts), bare_append(plain)
    assert [(line.text, line.hash) for line in lines] == texts, "both sides write the same bytes"
    appended = in_turn(rounds, lambda: append(facts), lambda: bare_append(plain))
    verified = in_turn(rounds, lambda: ledger.verify(DESK, SESSION, lines), lambda: bare_verify(texts))
    return {
        "entries": len(facts),
        "append_per_s": len(facts) / appended.ours_s,
        "verify_per_s": len(facts) / verified.ours_s,
        "append_over_bare": appended.over_bare,
        "verify_over_bare": verified.over_bare,
    }


def append(facts: list[Fact]) -> list[Line]:
    head, lines = ledger.start(DESK, SESSION), []
    for fact in facts:
        line, head = ledger.append(head, fact, STAMP, AT_MS)
        lines.append(line)
    return lines


# --- the bare side ---------------------------------------------------------------------------------


def bare_append(facts: list[dict[str, Any]]) -> Texts:
    prev, texts = first_hash(), []
    for seq, fact in enumerate(facts, 1):
        stamp = {"at_utc_ms": STAMP.at_utc_ms, "mono_ms": STAMP.mono_ms, "boot": STAMP.boot, "at_ms": AT_MS}
        text = canonical({"desk": DESK, "session": SESSION, "seq": seq, **stamp, "prev": prev, "fact": fact})
        prev = hashlib.sha256(text.encode()).hexdigest()
        texts.append((text, prev))
    return texts


def bare_verify(texts: Texts) -> None:
    prev = first_hash()
    for seq, (text, hash_) in enumerate(texts, 1):
        entry = json.loads(text)
        assert hashlib.sha256(text.encode()).hexdigest() == hash_
        assert canonical(entry) == text
        assert (entry["desk"], entry["session"], entry["seq"], entry["prev"]) == (DESK, SESSION, seq, prev)
        prev = hash_


def canonical(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def first_hash() -> str:
    return hashlib.sha256(f"{DESK}/{SESSION}".encode()).hexdigest()


# --- a session -------------------------------------------------------------------------------------


def facts_at(second: int) -> list[Fact]:
    """What a session's ledger gains in its `second`."""
    facts: list[Fact] = []
    if second % SEGMENT_S == 0:
        facts.append(SegmentStored(segment=segment(second)))
    if second % ANSWER_S == 0:
        answer = f"Because the résumé names {second} of them, and one is enough."
        facts.append(Answered(question=f"q{second % 7}", value=answer, revision=second))
    if second % FLAG_S == 0:
        thumbnail = hashlib.shake_256(f"picture {second}".encode()).digest(THUMBNAIL_BYTES)
        facts += [FlagRaised(flag=flag(second, 8), thumbnail=thumbnail), FlagEnded(flag=flag(second, 40))]
    return facts


def segment(second: int) -> Segment:
    at_ms = 1000 * second
    return Segment(
        camera="desk",
        number=second // SEGMENT_S + 1,
        started_ms=at_ms,
        ended_ms=at_ms + 1000 * SEGMENT_S,
        size=200_000 + second,
        sha256=hashlib.sha256(str(second).encode()).hexdigest(),
        frames=30,
        ended_by=EndedBy.LENGTH,
    )


def flag(second: int, looks: int) -> Flag:
    at_ms = 1000 * second
    why = Why(
        threshold=0.6,
        dwell_ms=700,
        share=0.6,
        rule_version="1",
        scores=tuple((at_ms + 125 * look, round(0.6 + look % 30 / 100, 3)) for look in range(looks)),
        boxes=((0.4012, 0.2195, 0.5987, 0.5521), (0.7213, 0.3077, 0.8409, 0.5102)),
        models={"face_detection_full_range": hashlib.sha256(b"a model").hexdigest()},
    )
    return Flag(
        id=f"{FlagKind.SEVERAL_FACES}:{at_ms}",
        kind=FlagKind.SEVERAL_FACES,
        label=None,
        technical=False,
        started_ms=at_ms,
        raised_ms=at_ms + 750,
        ended_ms=at_ms + 125 * looks,
        peak_score=0.89,
        why=why,
    )
