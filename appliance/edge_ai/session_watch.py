"""What the analysis keeps of one session: its rules, the flags that are open, and how much it looked at."""

from __future__ import annotations

from appliance.edge_ai import face_rules, identity_rules, rules, scene_rules
from proctoring.fact import AnalysisSummary
from proctoring.flag import Flag, feed_all
from proctoring.observation import Observation
from proctoring.policy import Policy

RULES = (rules, face_rules, identity_rules, scene_rules)
"""Where the rules stand; each module's come fresh for every session."""


class SessionWatch:
    """One session under the rules of its policy."""

    def __init__(self, session: str, zero_mono_ms: int, policy: Policy, models: dict[str, str]) -> None:
        """`zero_mono_ms` is the session's zero on the monotonic clock; `models` the SHA-256 of each by name."""
        self.session = session
        self.zero_mono_ms = zero_mono_ms
        self._rules = [rule for part in RULES for rule in part.rules_of(policy, models)]
        self._models = models
        self._analysed = 0
        self._skipped = 0
        self._busy_ms = 0
        self._last: tuple[int, int] | None = None

    def feed(self, observation: Observation, number: int) -> list[Flag]:
        """The flags that an observation raises or ends; `number` is its frame's, counted by the camera."""
        self._count(observation.at_ms, number)
        return feed_all(self._rules, observation)

    def rest(self) -> list[Flag]:
        """Ends all open flags: nothing will be looked at for a while, or ever."""
        self._last = None
        return [flag for rule in self._rules if (flag := rule.finish()) is not None]

    def summary(self, runtime: str) -> AnalysisSummary:
        """How the analysis worked so far."""
        looks = max(0, self._analysed - 1)
        return AnalysisSummary(
            frames_analysed=self._analysed,
            frames_skipped=self._skipped,
            analysed_fps=round(1000 * looks / self._busy_ms, 2) if self._busy_ms else 0.0,
            models=self._models,
            runtime=runtime,
        )

    def _count(self, at_ms: int, number: int) -> None:
        if self._last is not None:
            last_ms, last_number = self._last
            self._busy_ms += max(0, at_ms - last_ms)
            # A camera that was restarted counts from the beginning again.
            self._skipped += max(0, number - last_number - 1)
        self._analysed += 1
        self._last = (at_ms, number)
