from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.runtime.settings import Desk
from appliance.runtime.sounds import BLOCK, HELD, Sound, SoundListener, SoundTeller, pack, unpack
from proctoring.errors import WireError


def sound(number: int) -> Sound:
    return Sound(1000 + 40 * number, bytes([number % 256, 0]) * BLOCK)


def test_a_block_is_the_same_after_its_way() -> None:
    assert unpack(pack(sound(7))) == sound(7)
    assert sound(7).length_ms == 40


@pytest.mark.parametrize("data", [b"", b"12345678", b"123456789"])
def test_what_is_no_block_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(desk="desk-1", run_dir=tmp_path, data_dir=tmp_path)


def test_blocks_come_in_their_order_and_none_is_replaced_by_a_newer_one(desk: Desk) -> None:
    with SoundTeller(desk) as teller, SoundListener(desk) as listener:
        meet(teller, listener)
        for number in range(1, 21):
            teller.offer(sound(number))
        assert wait_for(listener, 20) == [sound(number) for number in range(1, 21)]


def test_a_listener_that_does_not_listen_holds_nobody_up_and_costs_a_bounded_row(desk: Desk) -> None:
    with SoundTeller(desk) as teller, SoundListener(desk) as listener:
        meet(teller, listener)
        for number in range(1, 5001):
            teller.offer(sound(number))
        heard = listener.heard()
    assert len(heard) < 5000
    assert HELD > 0


def meet(teller: SoundTeller, listener: SoundListener) -> None:
    """A listener misses what is told before it has joined."""
    until_s = time.monotonic() + 20
    while not listener.heard():
        assert time.monotonic() < until_s
        teller.offer(sound(0))
        time.sleep(0.01)
    time.sleep(0.05)
    listener.heard()


def wait_for(listener: SoundListener, count: int) -> list[Sound]:
    heard: list[Sound] = []
    until_s = time.monotonic() + 20
    while len(heard) < count:
        assert time.monotonic() < until_s
        heard += listener.heard()
    return heard
