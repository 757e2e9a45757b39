"""The adapter against a real, tiny HTTP server."""

import http.server
import threading

import pytest

from appliance.sync.http import HttpStore
from appliance.sync.ports import Put
from appliance.sync.settings import SyncSettings
from proctoring import ledger
from proctoring.wire import PendingSegment

TOKEN = "a-token-of-this-desk"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.requests, made.status = [], 201
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def segment(tmp_path):
    data = b"a segment" * 1000
    (tmp_path / "s.mp4").write_bytes(data)
    return PendingSegment("s", ledger.sha256(data), len(data), str(tmp_path / "s.mp4"))


def store(server):
    return HttpStore(SyncSettings(server_url=f"http://127.0.0.1:{server.server_port}/", token=TOKEN))


def test_the_bytes_go_under_their_hash_with_the_desks_token(server, segment):
    assert store(server).put(segment) is Put.STORED
    [(path, authorization, body)] = server.requests
    assert path == f"/segments/{segment.sha256}"
    assert authorization == f"Bearer {TOKEN}"
    assert ledger.sha256(body) == segment.sha256


@pytest.mark.parametrize(
    ("status", "put"),
    [
        (200, Put.STORED),
        (201, Put.STORED),
        (302, Put.REFUSED),
        (400, Put.HASH_DIFFERS),
        (401, Put.UNKNOWN_DESK),
        (404, Put.REFUSED),
        (413, Put.TOO_LARGE),
        (500, Put.AWAY),
        (503, Put.AWAY),
        (507, Put.SERVER_FULL),
    ],
)
def test_every_answer_of_the_server_has_a_meaning(server, segment, status, put):
    server.status = status
    assert store(server).put(segment) is put


def test_a_server_that_is_not_there_is_away(segment):
    assert HttpStore(SyncSettings(server_url="http://127.0.0.1:1", token=TOKEN)).put(segment) is Put.AWAY


def test_a_file_that_is_not_there_is_said(server):
    assert store(server).put(PendingSegment("s", "0" * 64, 1, "/nowhere/s.mp4")) is Put.NO_FILE
    assert server.requests == []
