"""Staff sign in by opening a link that only they were given: no password to guess or to leave at its default."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Flask, abort, redirect, render_template_string, request, session
from werkzeug.wrappers import Response

OPEN_ENDPOINTS = frozenset({"static", "shared", "staff_sign_in", "health"})

CLOSED_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in - Deskproctor</title>
<link rel="stylesheet" href="{{ url_for('shared', filename='base.css') }}"></head><body><main class="narrow">
<h1>Please open your staff link</h1>
<p>This page is for staff. Open the link that was printed when the program was started; it signs this browser in.</p>
</main></body></html>"""


def require_staff(app: Flask, key: str, name: str, also_open: frozenset[str] = frozenset()) -> None:
    """Closes every endpoint but `also_open` and the few that show nothing, to browsers that did not open the link."""
    app.add_url_rule("/sign-in", "staff_sign_in", _sign_in(key, name))
    app.before_request(_guard(OPEN_ENDPOINTS | also_open))


def sign_in_path(key: str) -> str:
    """The path of the link that signs a browser in."""
    return f"/sign-in?key={key}"


def staff_name() -> str:
    """Who is signed in; goes with every order and decision."""
    return str(session["staff"])


def _sign_in(key: str, name: str) -> Callable[[], Response]:
    def sign_in() -> Response:
        if not hmac.compare_digest(request.args.get("key", "").encode(), key.encode()):
            abort(403, "This link is not valid any more. Open the newest one that was printed.")
        session["staff"] = name
        return redirect("/")

    return sign_in


def _guard(open_endpoints: frozenset[str]) -> Callable[[], tuple[str, int] | None]:
    def guard() -> tuple[str, int] | None:
        if request.endpoint in open_endpoints or "staff" in session:
            return None
        return render_template_string(CLOSED_PAGE), 401

    return guard
