"""What the analysis keeps of one session: its rules, the flags that are open, and how much it looked at."""

from __future__ import annotations

from typing import NamedTuple

from appliance.edge_ai import face_rules, identity_rules, rules, scene_rules
from appliance.edge_ai.album import Album
from appliance.edge_ai.latency import Latencies
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.schedule import USUAL, Looks, Rates, Schedule
from proctoring.fact import AnalysisSummary
from proctoring.flag import Flag, Thumbnail, analysis_absent, feed_all
from proctoring.observation import Observation
from proctoring.policy import Policy

RULES = (rules, face_rules, identity_rules, scene_rules)
"""Where the rules stand; each module's come fresh for every session."""


class Sighting(NamedTuple):
    """A flag that was raised or has ended, with its pictures so far."""

    flag: Flag
    thumbnails: tuple[Thumbnail, ...]


class SessionWatch:
    """One session under the rules of its policy."""

    def __init__(
        self, session: str, zero_mono_ms: int, policy: Policy, models: dict[str, str], rates: Rates = USUAL
    ) -> None:
        """`zero_mono_ms` is the session's zero on the monotonic clock; `models` the SHA-256 of each by name."""
        self.session = session
        self.zero_mono_ms = zero_mono_ms
        self._rules = [rule for part in RULES for rule in part.rules_of(policy, models)]
        self._models = models
        self._absence = policy.rules.analysis_absent
        self._album = Album()
        self._schedule = Schedule(policy, rates)
        self._looks = Looks()
        self._latencies = Latencies()
        self._analysed = 0
        self._skipped = 0
        self._busy_ms = 0
        self._last: tuple[int, int] | None = None

    def frame_pause_ms(self, level: int) -> float:
        """From one frame to the next, at a level of the budget."""
        return self._schedule.frame_pause_ms(level)

    def plan(self, at_ms: int, level: int = 0) -> Looks:
        """What to look for in the next frame, taken at `at_ms`: what the rules are in doubt about comes first."""
        voting = [rule for rule in self._rules if rule.glimpse is not None]
        self._looks = self._schedule.plan(at_ms, level, voting)
        return self._looks

    def feed(
        self, observation: Observation, number: int, picture: Picture, latency_ms: int | None = None
    ) -> list[Sighting]:
        """The flags that an observation of `picture` raises or ends; `number` is its frame's, counted by the camera.

        `latency_ms` is how old the frame is by now, where that means anything.
        """
        self._count(observation.at_ms, number)
        self._schedule.note(self._looks, observation)
        if latency_ms is not None:
            self._latencies.add(latency_ms)
        flags = feed_all(self._rules, observation)
        self._album.note(self._rules, observation.at_ms, picture)
        return [self._shown(flag) for flag in flags]

    def miss(self, from_ms: int, to_ms: int) -> list[Sighting]:
        """Nothing could be looked at from one moment to the other; for less than the rule's dwell that is nothing."""
        if not self._absence.enabled or to_ms - from_ms < self._absence.dwell_ms:
            return []
        flag = analysis_absent(self._absence, from_ms, from_ms + self._absence.dwell_ms, to_ms)
        return [*self.rest(), Sighting(flag, ())]

    def rest(self) -> list[Sighting]:
        """Ends all open flags: nothing will be looked at for a while, or ever."""
        self._last = None
        return [self._shown(flag) for rule in self._rules if (flag := rule.finish()) is not None]

    def _shown(self, flag: Flag) -> Sighting:
        return Sighting(flag, self._album.thumbnails(flag))

    def summary(self, runtime: str) -> AnalysisSummary:
        """How the analysis worked so far."""
        looks = max(0, self._analysed - 1)
        return AnalysisSummary(
            frames_analysed=self._analysed,
            frames_skipped=self._skipped,
            analysed_fps=round(1000 * looks / self._busy_ms, 2) if self._busy_ms else 0.0,
            models=self._models,
            runtime=runtime,
            latency_ms_median=self._latencies.quantile(0.5),
            latency_ms_p95=self._latencies.quantile(0.95),
            looks_skipped=self._schedule.tally.skipped,
        )

    def _count(self, at_ms: int, number: int) -> None:
        if self._last is not None:
            last_ms, last_number = self._last
            self._busy_ms += max(0, at_ms - last_ms)
            # A camera that was restarted counts from the beginning again.
            self._skipped += max(0, number - last_number - 1)
        self._analysed += 1
        self._last = (at_ms, number)
