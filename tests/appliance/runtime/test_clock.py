import time

from appliance.runtime.clock import SIMULATED_BOOT, SystemClock


def test_a_boot_is_the_kernels_and_its_clock_the_machines(monkeypatch):
    monkeypatch.delenv(SIMULATED_BOOT, raising=False)
    before_ms = time.monotonic_ns() // 1_000_000
    clock = SystemClock()
    assert clock.boot() == SystemClock().boot()
    assert clock.mono_ms() >= before_ms


def test_a_simulated_boot_has_its_own_name_and_a_clock_that_starts_anew(monkeypatch):
    monkeypatch.delenv(SIMULATED_BOOT, raising=False)
    kernel = SystemClock()
    began_ms = kernel.mono_ms()
    monkeypatch.setenv(SIMULATED_BOOT, f"boot-2 {began_ms}")
    clock = SystemClock()
    assert clock.boot() == "boot-2" != kernel.boot()
    before_ms = kernel.mono_ms()
    now_ms = clock.mono_ms()
    assert before_ms - began_ms <= now_ms <= kernel.mono_ms() - began_ms
