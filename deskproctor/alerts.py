"""Watches the console's alerts as an invigilator's browser would, and notes when each arrived."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

Alert = dict[str, Any]


class AlertWatch:
    """A reader of the console's event stream. `arrived_ms`: flag id to the monotonic time of its alert."""

    def __init__(self, console_url: str, sign_in_url: str, on_alert: Callable[[Alert], None]) -> None:
        self.arrived_ms: dict[str, int] = {}
        self._url = f"{console_url}/events"
        self._sign_in_url = sign_in_url
        self._on_alert = on_alert
        self._browser = requests.Session()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def __enter__(self) -> AlertWatch:
        self._browser.get(self._sign_in_url, timeout=10).raise_for_status()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def _run(self) -> None:
        """Reads until stopped; a lost stream is opened again, as a browser does."""
        while not self._stopping.wait(0.2):
            try:
                with self._browser.get(self._url, stream=True, timeout=(5, 60)) as stream:
                    self._read(stream)
            except requests.RequestException:
                continue

    def _read(self, stream: requests.Response) -> None:
        event = ""
        for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
            if self._stopping.is_set():
                return
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "alert":
                self._take(json.loads(value))

    def _take(self, alert: Alert) -> None:
        if alert["id"] not in self.arrived_ms:
            self.arrived_ms[alert["id"]] = time.monotonic_ns() // 1_000_000
            self._on_alert(alert)
