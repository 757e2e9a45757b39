"""What the console answers to a browser. Every page and every order is staff's alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from flask import Flask, Response, render_template, request, stream_with_context
from flask_wtf.csrf import CSRFError

from invigilation.events import Page, TooManyPages
from invigilation.orders import OrderForm
from invigilation.service import Console
from invigilation.settings import Settings
from proctoring.errors import Refused
from web.face import make_face
from web.staff import require_staff, staff_name

T = TypeVar("T")

MAX_BODY = 8192
STATUS = {
    "unknown_desk": 404,
    "unknown_alert": 404,
    "no_photo": 404,
    "desk_free": 409,
    "other_session": 409,
    "no_broker": 503,
    "bus_full": 503,
}


class SeenForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alert somebody has seen."""

    desk: str
    session: str
    id: str


class Failure(msgspec.Struct, frozen=True):
    """Why something was not done, for people."""

    error: str


class Done(msgspec.Struct, frozen=True):
    """It was done, and there is nothing more to say."""

    done: bool = True


def make_console(settings: Settings, console: Console) -> Flask:
    """The console's application."""
    app = make_face(
        "invigilation", "deskproctor_console", list(settings.hosts), max_body=MAX_BODY, secret=settings.staff_key
    )
    require_staff(app, settings.staff_key, settings.staff_name)
    _add_pages(app, settings, console)
    _add_orders(app, console)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(TooManyPages, _too_many)
    app.register_error_handler(CSRFError, _stale)
    return app


def _add_pages(app: Flask, settings: Settings, console: Console) -> None:
    @app.get("/")
    def wall() -> str:
        return render_template("wall.html", room=settings.room, staff=staff_name())

    @app.get("/desks.json")
    def desks() -> Response:
        return _json(console.wall())

    @app.get("/alerts.json")
    def alerts() -> Response:
        return _json(console.feed())

    @app.get("/desks/<desk>/photo.jpg")
    def photo(desk: str) -> Response:
        return Response(console.photo(desk), mimetype="image/jpeg", headers={"Cache-Control": "no-store"})

    @app.get("/events")
    def events() -> Response:
        after = request.headers.get("Last-Event-ID") or request.args.get("after", "")
        page = console.stream.open(after)
        response = Response(stream_with_context(_frames(console, page)), mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        return response

    @app.get("/health")
    def health() -> tuple[str, dict[str, str]]:
        return "ok", {"Content-Type": "text/plain"}


def _add_orders(app: Flask, console: Console) -> None:
    @app.post("/desks/<desk>/orders")
    def order(desk: str) -> Response:
        return _json(console.give(desk, _form(OrderForm), staff_name()), 202)

    @app.post("/desks/<desk>/call/seen")
    def call_seen(desk: str) -> Response:
        console.see_call(desk, staff_name())
        return _json(Done())

    @app.post("/alerts/seen")
    def alert_seen() -> Response:
        form = _form(SeenForm)
        console.see_alert(form.desk, form.session, form.id)
        return _json(Done())


def _frames(console: Console, page: Page) -> Iterator[bytes]:
    try:
        yield from page.frames()
    finally:
        console.stream.leave(page)


def _form(kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except msgspec.DecodeError as error:
        raise Refused("bad_form", f"The page sent what this console does not understand: {error}.") from error


def _json(data: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(data), status, {"Cache-Control": "no-store"}, mimetype="application/json")


def _refused(error: Refused) -> Response:
    return _json(Failure(error.reason), STATUS.get(error.code, 400))


def _too_many(error: TooManyPages) -> Response:
    return _json(Failure(str(error)), 503)


def _stale(error: CSRFError) -> Response:
    del error
    return _json(Failure("The console was started anew since this page was opened. Load the page again."), 400)
