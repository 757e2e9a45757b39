"""The units as systemd itself judges them: offline, in a stand-in root where the programs they start exist."""

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from appliance.edge_ai.settings import EdgeAISettings
from appliance.kiosk_ui.settings import KioskSettings
from deskproctor.site import NICENESS
from proctoring.fact import Part

HERE = Path(__file__).resolve().parents[2] / "systemd"
APPLIANCE = HERE.parent / "appliance"
UNITS = sorted(path.name for path in HERE.glob("*.service"))
OURS = {part: f"deskproctor-{part.value.replace('_', '-')}.service" for part in Part}
BROWSER = "deskproctor-kiosk-browser.service"
STANDBY = "deskproctor-capture-standby.service"
SECOND_STANDBY = "deskproctor-capture-second-standby.service"
SECOND = {OURS[Part.CAPTURE_SECOND], SECOND_STANDBY}
"""What films with the second camera, where a desk has one."""
FILMING = {OURS[Part.CAPTURE], STANDBY, *SECOND}
SYSTEM_UNITS = Path("/usr/lib/systemd/system")

THRESHOLD = {
    # No network, no devices, one folder at the most. What is left: it is not in an image of its own, it talks
    # over local sockets, it reads /proc/sys, what it makes is for its group.
    "deskproctor-custody.service": 0.6,
    "deskproctor-edge-ai.service": 0.6,
    # As above, and its devices: the camera, the pins.
    "deskproctor-capture.service": 1.1,
    STANDBY: 1.1,
    "deskproctor-capture-second.service": 1.1,
    SECOND_STANDBY: 1.1,
    "deskproctor-panel.service": 1.1,
    # Loopback in the host's network, for the browser's sake.
    "deskproctor-kiosk-ui.service": 1.3,
    # The one process with network.
    "deskproctor-sync.service": 1.5,
    # Chromium's sandbox makes namespaces and its JavaScript makes code; cage needs the graphics chip.
    BROWSER: 2.6,
}


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed here")


def settings_of(unit: str) -> dict[str, list[str]]:
    """Every setting of a unit with the drop-in for all of them, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in (HERE / unit, HERE / "deskproctor-.service.d" / "hardened.conf"):
        for line in path.read_text().splitlines():
            if "=" in line and not line.startswith(("#", ";")):
                name, value = line.split("=", 1)
                found[name].append(value)
    return found


def started_programs(unit: str) -> list[str]:
    found = settings_of(unit)
    return [command.split()[0] for command in found["ExecStart"] + found["ExecStopPost"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not SYSTEM_UNITS.is_dir():
        pytest.skip("systemd's own units, which ours refer to, are not installed here")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(SYSTEM_UNITS, root / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(HERE, root / "etc/systemd/system", ignore=shutil.ignore_patterns("*.md"))
    for program in {program for unit in UNITS for program in started_programs(unit)}:
        stand_in = root / program.lstrip("/")
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text("#!/bin/sh\n")
        stand_in.chmod(0o755)
    return root


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", f"--root={root}", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, cwd=root / "etc/systemd/system"
    )


@needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(root: Path) -> None:
    verified = analyze(root, "--man=no", "verify", "deskproctor.target", *UNITS)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@needs("systemd-analyze")
def test_systemd_would_say_so_if_a_unit_were_wrong(root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "root"
    shutil.copytree(root, broken, symlinks=True)
    unit = broken / "etc/systemd/system" / OURS[Part.CUSTODY]
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "Unknown key 'WatchdogSecs'" in analyze(broken, "--man=no", "verify", unit.name).stderr


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_exposed_no_more_than_was_argued(root: Path, unit: str) -> None:
    limit = f"--threshold={round(THRESHOLD[unit] * 10)}"
    judged = analyze(root, "security", "--offline=true", limit, unit)
    assert judged.returncode == 0, judged.stdout[-4000:]


def test_every_part_of_the_desk_has_its_unit_and_the_target_wants_them_all() -> None:
    assert {*OURS.values(), BROWSER, STANDBY, SECOND_STANDBY} == set(UNITS)
    wanted = re.search(r"^Wants=(.*)$", (HERE / "deskproctor.target").read_text(), re.MULTILINE)
    assert wanted is not None
    assert sorted(wanted.group(1).split()) == sorted(set(UNITS) - SECOND)


def test_a_second_camera_is_filmed_with_where_its_units_are_enabled() -> None:
    assert {unit for unit in UNITS if settings_of(unit)["WantedBy"] == ["deskproctor.target"]} == SECOND


@pytest.mark.parametrize("part", list(Part))
def test_a_unit_starts_its_own_part_as_its_own_user(part: Part) -> None:
    found = settings_of(OURS[part])
    settings = "sync.toml" if part is Part.SYNC else "desk.toml"
    second = part is Part.CAPTURE_SECOND
    module, more = (Part.CAPTURE, " --camera second") if second else (part, "")
    assert found["ExecStart"] == [
        f"/opt/deskproctor/bin/python -m appliance.{module} --settings /etc/deskproctor/{settings}{more}"
    ]
    assert (APPLIANCE / module.value).is_dir()
    assert found["User"] == [OURS[module].removesuffix(".service")]
    assert found["Type"] == ["notify"]
    assert int(found["WatchdogSec"][0]) >= 5


@pytest.mark.parametrize("pair", [(OURS[Part.CAPTURE], STANDBY), (OURS[Part.CAPTURE_SECOND], SECOND_STANDBY)])
def test_the_recorder_that_waits_is_the_same_in_all_but_its_name(pair: tuple[str, str]) -> None:
    """Either may be the one that films, so neither may be allowed more or less than the other."""
    units = [(HERE / unit).read_text().splitlines() for unit in pair]
    rests = [[line for line in lines if not line.startswith("Description=")] for lines in units]
    assert rests[0] == rests[1]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_started_again_for_ever(unit: str) -> None:
    found = settings_of(unit)
    assert (found["Restart"], found["StartLimitIntervalSec"]) == (["always"], ["0"])


@pytest.mark.parametrize("unit", UNITS)
def test_a_setting_of_all_units_is_not_said_again_where_it_would_be_lost(unit: str) -> None:
    """A drop-in is read last, so a unit that sets one of its single values would be overruled in silence."""
    adding = {"ReadWritePaths", "Environment", "SystemCallFilter", "RestrictAddressFamilies"}
    found = settings_of(unit)
    shared = settings_of("deskproctor-.service.d/hardened.conf")
    assert not {name for name in shared if len(found[name]) > 1} - adding


@pytest.mark.parametrize("part", list(Part))
def test_zeromq_may_set_the_policy_of_its_threads(part: Part) -> None:
    """libzmq aborts the whole process where it may not (src/thread.cpp), so the last word must be that it may."""
    assert settings_of(OURS[part])["SystemCallFilter"][-1] == "sched_setscheduler"


def test_the_secrets_are_for_sync_alone() -> None:
    lines = [line.split() for line in (HERE / "tmpfiles.d/deskproctor.conf").read_text().splitlines()]
    assert ["z", "/etc/deskproctor/sync.toml", "0640", "root", "deskproctor-sync", "-"] in lines
    members = {
        unit for unit in UNITS if "deskproctor-sync" in " ".join(settings_of(unit)["SupplementaryGroups"]).split()
    }
    assert members == {OURS[Part.SYNC]}


def test_sync_is_the_only_unit_that_reaches_beyond_the_desk() -> None:
    for unit in UNITS:
        found = settings_of(unit)
        alone = found["PrivateNetwork"] == ["yes"]
        loopback = found["RestrictNetworkInterfaces"] == ["lo"] and found["IPAddressAllow"] == ["localhost"]
        assert (unit == OURS[Part.SYNC]) != ((alone or loopback) and found["IPAddressDeny"] == ["any"]), unit


def test_only_custody_writes_evidence_and_only_capture_sees_the_camera() -> None:
    writers = {
        unit for unit in UNITS if "/var/lib/deskproctor" in " ".join(settings_of(unit)["ReadWritePaths"]).split()
    }
    assert writers == {OURS[Part.CUSTODY]}
    cameras = {unit for unit in UNITS if "char-video4linux rw" in settings_of(unit)["DeviceAllow"]}
    assert cameras == FILMING
    microphones = {unit for unit in UNITS if "char-alsa rw" in settings_of(unit)["DeviceAllow"]}
    assert microphones == FILMING - SECOND


def test_what_is_not_sealed_yet_lies_in_memory_of_a_bounded_size_for_capture_and_custody_alone() -> None:
    mount = settings_of("run-deskproctor-incoming.mount")
    assert (mount["What"], mount["Type"], mount["Where"]) == (["tmpfs"], ["tmpfs"], ["/run/deskproctor/incoming"])
    options = mount["Options"][0].split(",")
    assert {"size=128M", "mode=2770", "uid=deskproctor-capture", "gid=deskproctor-incoming"} <= set(options)
    working = {*FILMING, OURS[Part.CUSTODY]}
    for unit in UNITS:
        found = settings_of(unit)
        assert ("deskproctor-incoming" in " ".join(found["SupplementaryGroups"])) == (unit in working), unit
        assert ("/run/deskproctor/incoming" in " ".join(found["RequiresMountsFor"])) == (unit in working), unit


@pytest.mark.parametrize("unit", sorted(set(UNITS) - {OURS[Part.CUSTODY], OURS[Part.SYNC]}))
def test_only_custody_and_sync_see_what_rests_on_the_disk(unit: str) -> None:
    found = settings_of(unit)
    assert "/var/lib/deskproctor" in " ".join(found["InaccessiblePaths"]).split()
    assert "deskproctor-evidence" not in " ".join(found["SupplementaryGroups"])


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(
    ("result", "code", "status", "told"),
    [
        ("signal", "killed", "KILL", "killed by SIGKILL (signal)"),
        ("watchdog", "killed", "ABRT", "killed by SIGABRT (watchdog)"),
        ("exit-code", "exited", "1", "exit status 1"),
    ],
)
def test_how_a_process_ended_is_left_for_its_next_run(
    tmp_path: Path, part: Part, result: str, code: str, status: str, told: str
) -> None:
    note = settings_of(OURS[part])["ExecStopPost"][0]
    script = note.removeprefix("/bin/sh -c '").removesuffix("'").replace("$$", "$")
    script = script.replace("/run/deskproctor", str(tmp_path))
    ended = {"SERVICE_RESULT": result, "EXIT_CODE": code, "EXIT_STATUS": status}
    subprocess.run(["/bin/sh", "-c", script], env=os.environ | ended, check=True)
    assert (tmp_path / f"{part}.exit").read_text() == f"{told}\n"


def weight(unit: str) -> int:
    return int((settings_of(unit)["CPUWeight"] or ["100"])[0])


def test_under_pressure_the_detectors_give_way_first_and_the_recording_and_the_exam_last() -> None:
    first = {OURS[part] for part in (Part.CUSTODY, Part.CAPTURE, Part.KIOSK_UI)}
    most, least = max(map(weight, UNITS)), min(map(weight, UNITS))
    assert {weight(unit) for unit in first} == {most}
    assert [unit for unit in UNITS if weight(unit) == least] == [OURS[Part.EDGE_AI]]
    assert least < weight(OURS[Part.SYNC]) < 100 < weight(BROWSER) < most


def test_the_detectors_quota_is_the_fence_behind_the_share_that_they_allow_themselves() -> None:
    quota = float(settings_of(OURS[Part.EDGE_AI])["CPUQuota"][0].removesuffix("%")) / 100
    raspberry_pi_cores = 4
    assert quota == 1.25 * EdgeAISettings().cpu_share * raspberry_pi_cores


@pytest.mark.parametrize("part", list(Part))
def test_the_laptop_s_supervisor_prefers_the_parts_as_the_units_do(part: Part) -> None:
    assert int((settings_of(OURS[part])["Nice"] or ["0"])[0]) == NICENESS.get(part, 0)


def test_the_browser_opens_the_page_that_the_kiosk_serves() -> None:
    assert settings_of(BROWSER)["ExecStart"][0].endswith(f" http://127.0.0.1:{KioskSettings().port}/")


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("users")
    (root / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={root}", str(HERE / "sysusers.d/deskproctor.conf")]
    made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    return root


def names(users: Path, database: str) -> set[str]:
    return {line.split(":")[0] for line in (users / "etc" / database).read_text().splitlines()}


@needs("systemd-sysusers")
@pytest.mark.skipif(os.geteuid() != 0, reason="making users in a stand-in root needs root")
def test_every_user_and_group_that_a_unit_names_is_made(users: Path) -> None:
    for unit in UNITS:
        found = settings_of(unit)
        assert set(found["User"]) <= names(users, "passwd")
        assert {*found["Group"], *" ".join(found["SupplementaryGroups"]).split()} <= names(users, "group")


@needs("systemd-sysusers")
@pytest.mark.skipif(os.geteuid() != 0, reason="making users in a stand-in root needs root")
def test_none_of_the_users_can_log_in(users: Path) -> None:
    shells = {line.split(":")[6] for line in (users / "etc/passwd").read_text().splitlines()}
    assert shells == {"/usr/sbin/nologin"}


@needs("systemd-tmpfiles")
@needs("systemd-sysusers")
@pytest.mark.skipif(os.geteuid() != 0, reason="giving folders to users in a stand-in root needs root")
def test_the_folders_belong_to_who_works_in_them(users: Path) -> None:
    configuration = HERE / "tmpfiles.d/deskproctor.conf"
    command = ["systemd-tmpfiles", "--create", f"--root={users}", str(configuration)]
    made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    ids = {line.split(":")[0]: int(line.split(":")[2]) for line in (users / "etc/passwd").read_text().splitlines()}
    for folder, owner, mode in (
        ("run/deskproctor", "root", 0o3770),
        ("etc/deskproctor", "root", 0o750),
        ("var/lib/deskproctor/custody", "deskproctor-custody", 0o700),
        ("run/deskproctor/incoming", "deskproctor-capture", 0o2770),
        ("var/lib/deskproctor/segments", "deskproctor-custody", 0o2750),
    ):
        status = (users / folder).stat()
        assert stat.S_IMODE(status.st_mode) == mode, folder
        assert status.st_uid == (pwd.getpwnam("root").pw_uid if owner == "root" else ids[owner]), folder
