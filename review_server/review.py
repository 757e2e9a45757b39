"""The pages that reviewers use, and their twins in JSON for programs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from proctoring.cameras import part_words, recorder
from proctoring.decision import Verdict
from proctoring.errors import Refused
from proctoring.session import Move, words
from review_server import captions
from review_server import dossier as dossiers
from review_server.dossier import Dossier
from review_server.holds import Holds
from review_server.playback import Recordings
from review_server.reviews import Reviews, may, may_decide
from review_server.screen import Screen
from review_server.segments import SegmentFiles
from review_server.store import Store
from review_server.timeline import name_of
from web.staff import staff_name

MOST_ENTRIES = 2**53
"""A ledger's entries are counted in numbers that every reader of JSON holds exactly."""

EMPTY_FORM: Final = {"problem": "", "reason": "", "verdict": "", "hold_problem": "", "why": ""}

UNKNOWN = "There is no session of that name here. It may not have arrived yet: look at the list again in a minute."


class Pages:
    """What is shown."""

    def __init__(self, store: Store, files: SegmentFiles, recordings: Recordings) -> None:
        self._store = store
        self._files = files
        self._recordings = recordings
        self.screen = Screen(store, files, recordings)

    def index(self) -> str:
        """The list of sessions."""
        with self._store.read() as tx:
            return render_template("sessions.html", sessions=dossiers.read_list(tx))

    def index_json(self) -> Response:
        """The list for programs."""
        with self._store.read() as tx:
            return jsonify(dossiers.list_as_json(dossiers.read_list(tx)))

    def session(self, session_id: str, **sent: str) -> str:
        """A session's page. `sent` is what was in a form that could not be taken, and in `problem` or `hold_problem`
        why not.
        """
        found = self._dossier(session_id)
        state = found.row.state
        return render_template(
            "session.html",
            it=found,
            row=found.row,
            line=found.timeline,
            can_open=self._recordings.can_open(found.recipients),
            films=self.screen.films(session_id),
            may_begin=may(state, Move.OPEN_REVIEW),
            may_decide=may_decide(state),
            may_appeal=may(state, Move.APPEAL),
            new_id=uuid.uuid4().hex,
            **EMPTY_FORM | sent,
        )

    def session_json(self, session_id: str) -> Response:
        """A session for programs."""
        return jsonify(dossiers.as_json(self._dossier(session_id)))

    def captions(self, session_id: str) -> Response:
        """What is flagged, and what was not recorded, as captions of the recording."""
        found = self._dossier(session_id)
        by = recorder(self.screen.camera(session_id), found.timeline.second_camera)
        return Response(captions.of(found.timeline, self.screen.pieces(session_id), by), mimetype="text/vtt")

    def picture(self, session_id: str, seq: int, place: int) -> Response:
        """A picture of a flag, or the check-in photo."""
        with self._store.read() as tx:
            picture = dossiers.read_picture(tx, session_id, seq, place) if seq < MOST_ENTRIES else None
        if picture is None:
            abort(404, "This entry holds no picture.")
        return Response(picture, mimetype="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    def _dossier(self, session_id: str) -> Dossier:
        with self._store.read() as tx:
            found = dossiers.read(tx, session_id)
        if found is None:
            abort(404, UNKNOWN)
        return found


class Forms:
    """What is sent in. A form that cannot be taken comes back with the reason and with what was written."""

    def __init__(self, pages: Pages, reviews: Reviews, holds: Holds) -> None:
        self._pages = pages
        self._reviews = reviews
        self._holds = holds

    def begin(self, session_id: str) -> AnyResponse:
        """Opens the review."""
        return self._take(session_id, lambda: self._reviews.begin(session_id, staff_name()))

    def decide(self, session_id: str) -> AnyResponse:
        """Takes a decision."""
        return self._take(session_id, lambda: self._decide(session_id))

    def appeal(self, session_id: str) -> AnyResponse:
        """Notes an appeal."""
        reason = request.form.get("reason", "")
        return self._take(session_id, lambda: self._reviews.appeal(session_id, staff_name(), reason))

    def hold(self, session_id: str) -> AnyResponse:
        """Sets a legal hold."""
        return self._keep(session_id, held=True)

    def release(self, session_id: str) -> AnyResponse:
        """Lifts it."""
        return self._keep(session_id, held=False)

    def _keep(self, session_id: str, held: bool) -> AnyResponse:
        why = request.form.get("why", "")
        try:
            self._holds.place(session_id, held, staff_name(), why)
        except Refused as refused:
            page = self._pages.session(session_id, hold_problem=refused.reason, why=why)
            return Response(page, 404 if refused.code == "unknown_session" else 400)
        return redirect(url_for("review.session", session_id=session_id, _anchor="keeping"), 303)

    def _decide(self, session_id: str) -> None:
        verdict = request.form.get("verdict", "")
        if verdict not in set(Verdict):
            raise Refused("no_verdict", "Choose one: approve, decline, or second look.")
        new_id = request.form.get("id") or uuid.uuid4().hex
        self._reviews.decide(session_id, new_id, Verdict(verdict), request.form.get("reason", ""), staff_name())

    def _take(self, session_id: str, work: Callable[[], None]) -> AnyResponse:
        try:
            work()
        except Refused as refused:
            return self._again(session_id, refused)
        return redirect(url_for("review.session", session_id=session_id, _anchor="decision"), 303)

    def _again(self, session_id: str, refused: Refused) -> Response:
        reason, verdict = request.form.get("reason", ""), request.form.get("verdict", "")
        page = self._pages.session(session_id, problem=refused.reason, reason=reason, verdict=verdict)
        return Response(page, 409 if refused.code == "move_not_allowed" else 400)


def review(pages: Pages, forms: Forms) -> Blueprint:
    """The reviewers' part of the application."""
    blueprint = Blueprint("review", __name__)
    shown: dict[str, Callable[..., Any]] = {
        "/": pages.index,
        "/sessions.json": pages.index_json,
        "/sessions/<session_id>": pages.session,
        "/sessions/<session_id>.json": pages.session_json,
        "/sessions/<session_id>/recording.mp4": pages.screen.recording,
        "/sessions/<session_id>/recording.json": pages.screen.recording_json,
        "/sessions/<session_id>/clip.mp4": pages.screen.clip,
        "/sessions/<session_id>/flags/<path:flag_id>/clip.mp4": pages.screen.flag_clip,
        "/sessions/<session_id>/captions.vtt": pages.captions,
        "/sessions/<session_id>/pictures/<int:seq>/<int:place>.jpg": pages.picture,
    }
    for path, page in shown.items():
        blueprint.add_url_rule(path, page.__name__, page)
    for form in (forms.begin, forms.decide, forms.appeal, forms.hold, forms.release):
        blueprint.add_url_rule(f"/sessions/<session_id>/{form.__name__}", form.__name__, form, methods=["POST"])
    for filter_ in (clock_time, when, day, time_of_day, words, part_words, name_of):
        blueprint.add_app_template_filter(filter_)
    return blueprint


def clock_time(ms: int) -> str:
    """Milliseconds since the session's zero as 0:05.2 or 1:02:05.2."""
    minutes, rest = divmod(max(0, ms), 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000:02d}.{rest % 1000 // 100}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def day(utc_ms: int) -> str:
    """A date as a reader of any country understands it."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d")


def time_of_day(utc_ms: int) -> str:
    """A moment within a day that is known."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%H:%M:%S")


def when(utc_ms: int) -> str:
    """A moment as a reader of any country understands it."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
