"""A client of a real broker: MQTT 3.1.1, QoS 1, a session that outlives the connection. Only this file imports paho.

paho keeps what is not acknowledged in memory and sends it again after a reconnect; what must survive this process is
kept by whoever publishes it.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from messaging.inbox import Inbox
from messaging.ports import BusFull, Handler, ReportGarbled, Will
from messaging.settings import BrokerSettings
from proctoring import wire
from proctoring.errors import DeskproctorError
from proctoring.wire import Remote

log = logging.getLogger(__name__)

QOS = 1
KEEPALIVE_S = 10
"""A power cut shows as the will after one and a half times this (MQTT 3.1.1, 3.1.2.10)."""
CONNECT_TIMEOUT_S = 3.0
INFLIGHT = 20
WAITING_LIMIT = 1000
"""Messages that may wait for a broker that is away."""
RETRY_LIMIT_S = 8
FLUSH_S = 1.0
JOIN_S = 1.0


class BadBrokerFiles(DeskproctorError, OSError):
    """The certificate files of the settings cannot be used."""


class MqttBus:
    """A Bus over MQTT. `client_id` must be the same at every start: it names the session that the broker keeps."""

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        will: Will | None = None,
        report_garbled: ReportGarbled | None = None,
    ) -> None:
        self._settings = settings
        self._inbox = Inbox(report_garbled)
        self._calls: list[Callable[[], None]] = []
        self._last: paho.MQTTMessageInfo | None = None
        self._client = _client(settings, client_id)
        if will:
            self._client.will_set(will.topic, wire.encode(will.message), QOS, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._arrived

    @property
    def connected(self) -> bool:
        """See Bus."""
        return self._client.is_connected()

    @property
    def garbled(self) -> int:
        """See Bus."""
        return self._inbox.garbled

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """See Bus."""
        self._inbox.add(topic_filter, handler)
        if self.connected:
            self._client.subscribe(topic_filter, QOS)

    def on_connected(self, call: Callable[[], None]) -> None:
        """See Bus."""
        self._calls.append(call)

    def start(self) -> None:
        """See Bus."""
        self._client.connect_async(self._settings.host, self._settings.port, KEEPALIVE_S)
        self._client.loop_start()

    def publish(self, topic: str, message: Remote, retain: bool = False) -> None:
        """See Bus."""
        info = self._client.publish(topic, wire.encode(message), QOS, retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise BusFull(f"{WAITING_LIMIT} messages wait for the broker already. Try again when it is back.")
        self._last = info

    def close(self) -> None:
        """See Bus."""
        self._flush()
        self._client.disconnect()
        # paho joins its thread without a limit, and that thread may be in the middle of connecting.
        stopper = threading.Thread(target=self._client.loop_stop, daemon=True)
        stopper.start()
        stopper.join(JOIN_S)

    def _flush(self) -> None:
        if self._last and self.connected:
            try:
                self._last.wait_for_publish(FLUSH_S)
            except (RuntimeError, ValueError):
                log.warning("the last messages may not have reached the broker")

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:
            log.error("the broker refuses us (%s): check username, password and certificate", reason)
            return
        log.info("connected to the broker")
        for topic_filter in self._inbox.filters:
            client.subscribe(topic_filter, QOS)
        for call in self._calls:
            call()

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:
            log.warning("the broker is away (%s); trying again", reason)

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._inbox.take(message.topic, bytes(message.payload))


def _client(settings: BrokerSettings, client_id: str) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False, protocol=paho.MQTTv311)
    client.on_socket_open = _no_delay
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_inflight_messages_set(INFLIGHT)
    client.max_queued_messages_set(WAITING_LIMIT)
    # Every desk of a site loses its broker at once; they should not all come back at once.
    client.reconnect_delay_set(random.randint(1, 2), RETRY_LIMIT_S)  # noqa: S311
    if settings.username:
        client.username_pw_set(settings.username, settings.password)
    if settings.ca:
        client.tls_set_context(_tls(settings))
    return client


def _tls(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key)
    except OSError as error:  # ssl.SSLError is one
        raise BadBrokerFiles(
            f"The broker's certificate files cannot be used ({error}). Check ca, cert and key in the settings."
        ) from error
    return context


def _no_delay(_client: paho.Client, _data: Any, sock: Any) -> None:
    # Without it an acknowledgement waits for Nagle's algorithm: 5.7 instead of 230 MB/s on loopback.
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
