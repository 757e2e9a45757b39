"""How the detectors worked, in plain words: what they left out and when, and what they came to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from proctoring.fact import AnalysisReduced, AnalysisSummary, Fact, Reduction

LEFT_OUT: Final = {
    Reduction.FEWER_OBJECT_LOOKS: "objects looked for less often",
    Reduction.FEWER_IDENTITY_LOOKS: "faces compared less often",
    Reduction.NO_GAZE: "eyes not read",
    Reduction.FEWER_FRAMES: "fewer frames looked at",
    Reduction.FEWEST_FRAMES: "as few frames as the rules need",
}
SKIPPED: Final = {"items": "objects", "identity": "identity", "gaze": "gaze"}


def less(reduced: AnalysisReduced) -> str:
    """What is left out, as a list."""
    return ", ".join(LEFT_OUT[one] for one in reduced.left_out)


def told_of_change(reduced: AnalysisReduced) -> str:
    """A change, as a sentence."""
    if not reduced.level:
        return f"The detectors look at everything again. {reduced.reason}"
    look = "less" if reduced.level >= reduced.was else "more again"
    return (
        f"The detectors look {look}, at level {reduced.level} of {len(Reduction)}: {less(reduced)}. {reduced.reason}"
    )


def told_of_all(summary: AnalysisSummary) -> str:
    """What the detectors came to, as a sentence."""
    told = f"The detectors looked at {summary.frames_analysed} frames, {summary.analysed_fps:g} a second"
    if summary.latency_ms_median is not None:
        told += f"; half of them within {summary.latency_ms_median} ms, 95 of 100 within {summary.latency_ms_p95} ms"
    skipped = ", ".join(f"{n} for {SKIPPED.get(kind, kind)}" for kind, n in summary.looks_skipped.items() if n)
    return f"{told}. Not searched, by plan or for want of time: {skipped}." if skipped else f"{told}."


def reductions(facts: Iterable[Fact], end_ms: int) -> Iterator[tuple[str, int, int]]:
    """What was left out, from when to when."""
    found = [fact for fact in facts if isinstance(fact, AnalysisReduced)]
    ends_ms = [*(later.at_ms for later in found[1:]), end_ms]
    for reduced, ended_ms in zip(found, ends_ms, strict=False):
        if reduced.level:
            yield less(reduced).capitalize(), reduced.at_ms, max(ended_ms, reduced.at_ms)
