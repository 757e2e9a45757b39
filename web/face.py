"""A Flask application with the defaults that every face of Deskproctor has."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from flask import Flask, Response, send_from_directory
from flask_wtf.csrf import CSRFProtect

HERE = Path(__file__).parent

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""No inline script or style, no foreign origin: what a page shows is ours."""


def make_face(
    import_name: str, cookie: str, hosts: list[str], max_body: int = 1 << 20, secret: str | None = None
) -> Flask:
    """An application whose forms carry a CSRF token, whose cookie stays its own, and that serves only `hosts`.

    Cookies are signed with a key made from `secret`, so that people stay signed in over a restart; without one the
    key lives as long as the process.
    `cookie` differs between faces, because browsers share cookies between ports of one host.
    """
    app = Flask(import_name, template_folder="templates", static_folder="static")
    app.config.update(
        SECRET_KEY=_cookie_key(secret),
        SESSION_COOKIE_NAME=cookie,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        TRUSTED_HOSTS=hosts,
        MAX_CONTENT_LENGTH=max_body,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    CSRFProtect(app)
    app.after_request(_add_headers)
    app.add_url_rule("/shared/<path:filename>", "shared", _shared)
    return app


def _shared(filename: str) -> Response:
    return send_from_directory(HERE / "static", filename)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _cookie_key(secret: str | None) -> str:
    if secret is None:
        return secrets.token_hex(32)
    return hmac.digest(secret.encode(), b"cookies", "sha256").hex()
