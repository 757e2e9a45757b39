"""The web application, put together from its parts."""

from __future__ import annotations

from flask import Flask, Response, render_template
from werkzeug.exceptions import HTTPException

from review_server.desk_api import desk_api
from review_server.review import Forms, Pages, review
from review_server.segments import Segments
from review_server.settings import Settings
from web.clock import Clock
from web.face import make_face
from web.staff import require_staff


def make_app(settings: Settings, segments: Segments, pages: Pages, forms: Forms, clock: Clock) -> Flask:
    """The application: pages for staff, one address for desks, and a sign of life for whoever starts it."""
    app = make_face("review_server", "review_server", list(settings.hosts), secret=settings.staff_key)
    require_staff(
        app, settings.staff_key, settings.staff_name, frozenset({"desk_api.put_segment", "desk_api.get_time"})
    )
    desks = desk_api(segments, settings.desks, settings.max_segment_bytes, clock)
    # A desk shows its token and has no cookie that another site could misuse.
    app.extensions["csrf"].exempt(desks)
    app.register_blueprint(desks)
    app.register_blueprint(review(pages, forms))
    app.add_url_rule("/health", "health", lambda: Response("ok", mimetype="text/plain"))
    app.register_error_handler(HTTPException, _problem)
    return app


def _problem(problem: HTTPException) -> tuple[str, int]:
    code = problem.code or 500
    return render_template("problem.html", problem=problem), code
