"""The candidate's pages over HTTP.

A page is shown only where it fits the session; each page's form posts to itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from flask import Flask, abort, flash, jsonify, redirect, render_template, request
from flask_wtf.csrf import CSRFError, generate_csrf
from werkzeug.wrappers import Response

from appliance.kiosk_ui import words
from appliance.kiosk_ui.pages import Page, page_for
from appliance.kiosk_ui.ports import Camera, Reach
from appliance.kiosk_ui.sheet import sheet, typed_number
from appliance.kiosk_ui.sign_in import SignInForm, typed
from appliance.runtime.custody_link import Custody, CustodyAway
from proctoring import wire
from proctoring.check_in import PhotoStep
from proctoring.errors import Refused
from proctoring.exam import Answer
from proctoring.session import State
from proctoring.wire import Record, Saved, View
from web.face import make_face

PATIENCE_S: Final = 3.0
"""How long a page waits for custody before it says that the recorder does not answer."""

Shown = str | Response | tuple[str | Response, int]


class Saving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer as the page sends it."""

    question: str
    value: Answer
    revision: int


class Kiosk:
    """What each address does: asks custody, then shows the page that fits."""

    def __init__(self, reach: Reach, camera: Camera) -> None:
        self._reach = reach
        self._camera = camera
        self._extras: dict[Page, Callable[[View], dict[str, Any]]] = {
            Page.SIGN_IN: lambda view: {"form": SignInForm(walk_in=view.walk_in)},
            Page.NOTICE: lambda view: {"looked_for": words.looked_for(view.policy)},
            Page.CAMERA: lambda view: {"photo": photo_news(view.photo)},
            Page.EXAM: self._paper,
            Page.RECORD: lambda _view: {"record": self._record()},
        }

    @property
    def _custody(self) -> Custody:
        return self._reach()

    def _view(self) -> View:
        return self._custody.ask(wire.AskView(), View, PATIENCE_S)

    def _record(self) -> Record:
        return self._custody.ask(wire.AskRecord(), Record, PATIENCE_S)

    def _paper(self, view: View) -> dict[str, Any]:
        """The questions, which nobody sees while the exam stands still."""
        if view.state is not State.RUNNING:
            return {"questions": None}
        return {"questions": sheet(self._custody.ask(wire.AskPaper(), wire.Paper, PATIENCE_S))}

    # --- pages ---

    def now(self) -> Shown:
        """To the page that fits."""
        return redirect(page_for(self._view()).path)

    def shows(self, page: Page) -> Callable[[], Shown]:
        """The view function of one page."""

        def show() -> Shown:
            view = self._view()
            if page_for(view) is not page:
                return redirect(page_for(view).path)
            extras = self._extras.get(page)
            return self._render(page, view, **(extras(view) if extras else {}))

        return show

    def _render(self, page: Page, view: View, **extras: Any) -> str:
        return render_template(f"{page}.html", page=page, view=view, **extras)

    # --- what the candidate does ---

    def sign_in(self) -> Shown:
        """Opens the session, or says beside the field why not, with everything typed still there."""
        form = typed(request.form)
        try:
            view = self._custody.ask(form.request(), View, PATIENCE_S)
        except (Refused, CustodyAway) as error:
            return self._render(Page.SIGN_IN, self._known_view(form), form=form.refused(str(error))), 422
        return redirect(page_for(view).path)

    def _known_view(self, form: SignInForm) -> View:
        """The desk, or what the form says of it while custody is away."""
        try:
            return self._view()
        except CustodyAway:
            return View(desk="", prepared=True, walk_in=form.walk_in)

    def consent(self) -> Shown:
        """Needs the tick."""
        if "agree" in request.form:
            return self._then(wire.Consent(notice=words.NOTICE))
        view = self._view()
        if page_for(view) is not Page.NOTICE:
            return self.now()
        missing = "Tick the box if you agree. If you do not agree, speak to the invigilator."
        return self._render(Page.NOTICE, view, looked_for=words.looked_for(view.policy), error=missing), 422

    def finish_check(self) -> Shown:
        """The candidate is content with their picture; where faces are compared, a photo is taken now."""
        return self._then(wire.FinishCheck(without_photo="without_photo" in request.form))

    def begin(self) -> Shown:
        """Starts the exam."""
        return self._then(wire.Begin())

    def submit(self) -> Shown:
        """Hands in."""
        return self._then(wire.Submit())

    def leave(self) -> Shown:
        """Frees the desk."""
        return self._then(wire.Leave())

    def _then(self, step: wire.Message) -> Shown:
        return redirect(page_for(self._custody.ask(step, View, PATIENCE_S)).path)

    def call(self) -> Shown:
        """Calls the invigilator."""
        self._custody.ask(wire.PressCall(), Saved, PATIENCE_S)
        return self.now()

    # --- what the scripts ask ---

    def save(self) -> Shown:
        """Answers 200 only after custody has the answer on disk."""
        try:
            saving = msgspec.json.decode(request.get_data(), type=Saving)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return jsonify(code="bad_answer", reason=f"That is no answer: {error}."), 422
        try:
            saved = self._custody.ask(
                wire.SaveAnswer(question=saving.question, value=saving.value, revision=saving.revision),
                Saved,
                PATIENCE_S,
            )
        except Refused as refusal:
            return jsonify(code=refusal.code, reason=refusal.reason), 409
        except CustodyAway as error:
            return jsonify(code="away", reason=str(error)), 503
        return jsonify(saved=saved.seq)

    def state(self) -> Shown:
        """The desk as it stands, with a fresh token: the page outlives a restart of this process."""
        token = generate_csrf()
        try:
            view = self._view()
        except CustodyAway:
            return jsonify(away=True, token=token), 503
        page = page_for(view)
        return jsonify(
            away=False,
            token=token,
            page=page,
            path=page.path,
            session=view.session,
            state=view.state,
            left_ms=view.left_ms,
            reason=view.reason,
            message=view.message,
            trouble=words.disk(view.disk),
            called=view.called,
            photo=photo_news(view.photo),
        )

    def received(self) -> Shown:
        """Whether the review server has everything."""
        return jsonify(received=page_for(self._view()) is Page.RECORD and self._record().receipted)

    def picture(self) -> Shown:
        """The candidate's own picture, in the camera check alone."""
        if page_for(self._view()) is not Page.CAMERA:
            abort(404)
        picture = self._camera.picture()
        if picture is None:
            abort(503)
        return Response(picture, mimetype="image/jpeg")


def photo_news(step: PhotoStep) -> dict[str, Any]:
    """What the camera page says of the photo, and whether it offers to go on without."""
    return {"words": words.photo(step), "fault": step.fault is not None, "without": step.may_be_left_out}


def make_app(reach: Reach, camera: Camera, host: str = "127.0.0.1") -> Flask:
    """The kiosk's application."""
    app = make_face(__name__, "kiosk", ["127.0.0.1", "localhost", host])
    kiosk = Kiosk(reach, camera)
    _add_routes(app, kiosk)
    app.register_error_handler(CustodyAway, _away)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(CSRFError, _old_form)
    app.after_request(_never_stored)
    app.jinja_env.globals.update(words=words, State=State, typed_number=typed_number)
    return app


def _add_routes(app: Flask, kiosk: Kiosk) -> None:
    app.add_url_rule("/", "now", kiosk.now)
    app.add_url_rule("/health", "health", lambda: "ok")
    for shown in (page for page in Page if page is not Page.AWAY):
        app.add_url_rule(shown.path, shown.value, kiosk.shows(shown))
    steps = {
        Page.SIGN_IN: kiosk.sign_in,
        Page.NOTICE: kiosk.consent,
        Page.CAMERA: kiosk.finish_check,
        Page.READY: kiosk.begin,
        Page.EXAM: kiosk.submit,
        Page.RECORD: kiosk.leave,
    }
    for page, step in steps.items():
        app.add_url_rule(page.path, f"{page}_done", step, methods=["POST"])
    app.add_url_rule("/call", "call", kiosk.call, methods=["POST"])
    app.add_url_rule("/answers", "answers", kiosk.save, methods=["POST"])
    app.add_url_rule("/state.json", "state", kiosk.state)
    app.add_url_rule("/received.json", "received", kiosk.received)
    app.add_url_rule("/camera.jpg", "picture", kiosk.picture)


def _away(error: CustodyAway) -> Shown:
    return render_template("away.html", page=Page.AWAY, view=None, reason=str(error)), 503


def _refused(error: Refused) -> Shown:
    """A step that does not fit any more: back to the page that fits, with the reason."""
    if request.method == "POST":
        flash(error.reason)
        return redirect("/")
    return render_template("away.html", page=Page.AWAY, view=None, reason=error.reason), 409


def _old_form(error: CSRFError) -> Shown:
    """The page is older than this process. Scripts take the new token and repeat; people press once more."""
    if request.path == "/answers":
        return jsonify(code="old_page", reason=str(error.description)), 400
    flash("This screen had to start again. Please do that once more.")
    return redirect("/")


def _never_stored(response: Response) -> Response:
    """Going back, or the next candidate, must not bring up an old page."""
    if request.endpoint not in {"static", "shared"}:
        response.headers["Cache-Control"] = "no-store"
    return response
