import socket

import pytest

from deskproctor import free_port as module
from deskproctor.free_port import LOWEST, free_port, is_free, lowest_given_out


def test_a_port_is_none_that_a_connection_could_be_given():
    ports = {free_port() for _ in range(200)}
    assert all(LOWEST <= port < lowest_given_out() for port in ports)
    assert len(ports) > 150, "two sites that start at once should not meet"


def test_a_port_that_somebody_serves_is_not_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not is_free(taken.getsockname()[1])


@pytest.mark.parametrize("told", ["", "none at all"])
def test_a_system_that_does_not_say_is_taken_for_a_usual_one(tmp_path, told):
    (tmp_path / "range").write_text(told)
    assert lowest_given_out(tmp_path / "range") == lowest_given_out(tmp_path / "missing") == 32768


@pytest.mark.parametrize("lowest", [1024, LOWEST, LOWEST + 1])
def test_where_all_ports_are_given_out_any_free_one_will_do(monkeypatch, lowest):
    monkeypatch.setattr(module, "lowest_given_out", lambda: lowest)
    assert is_free(free_port())
