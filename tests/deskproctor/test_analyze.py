from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from appliance.capture.video import VideoReader
from deskproctor.analyze import analyze
from deskproctor.command import Plainly
from deskproctor.compare import compare


def run(*arguments: object) -> Result:
    group = Plainly()
    group.add_command(analyze)
    group.add_command(compare)
    return CliRunner().invoke(group, list(map(str, arguments)))


def picture(video: Path, at_ms: int, out: Path) -> Path:
    reader = VideoReader(video)
    reader.seek(at_ms)
    still = reader.next()
    while still.at_ms < at_ms:
        still = reader.next()
    reader.close()
    cv2.imwrite(str(out), still.picture.to_ndarray(format="bgr24"))
    return out


@pytest.fixture(scope="module")
def analysed(demo_clip, tmp_path_factory) -> tuple[dict, str]:
    """The demo clip's JSON and report."""
    report = tmp_path_factory.mktemp("report") / "report.html"
    result = run("analyze", demo_clip, "--json", "--report", report)
    assert result.exit_code == 0, result.output
    assert "Analysing" in result.stderr
    return json.loads(result.stdout), report.read_text()


def test_the_answer_is_as_documented(analysed) -> None:
    answer, _ = analysed
    assert list(answer) == ["duration_s", "frames_read", "frames_analysed", "models", "flags"]
    assert answer["frames_read"] > answer["frames_analysed"] > answer["duration_s"] * 6
    assert all(len(sha256) == 64 for sha256 in answer["models"].values())


def test_each_flag_says_why(analysed) -> None:
    answer, _ = analysed
    assert answer["flags"], "the demo clip has a second face in it"
    for flag in answer["flags"]:
        assert list(flag) == ["kind", "label", "technical", "start_s", "end_s", "peak_score", "why"]
        why = flag["why"]
        assert flag["peak_score"] >= why["threshold"] and why["dwell_s"] >= 0 and why["rule_version"]
        assert why["scores"][0][0] == flag["start_s"]
        assert flag["end_s"] - flag["start_s"] >= 0.0


def test_boxes_are_in_pixels_of_the_video(analysed) -> None:
    answer, _ = analysed
    boxes = [box for flag in answer["flags"] for box in flag["why"]["boxes"]]
    assert boxes and all(max(box) > 2 for box in boxes)


def test_the_report_is_one_file_with_everything_in_it(analysed) -> None:
    answer, html = analysed
    assert "http://" not in html and "https://" not in html and "<script" not in html
    assert html.count("data:image/jpeg;base64,") >= 2 * len(answer["flags"])
    for number in range(1, len(answer["flags"]) + 1):
        assert f'href="#flag-{number}"' in html and f'id="flag-{number}"' in html
    for flag in answer["flags"]:
        assert all(sha256 in html for sha256 in flag["why"]["models"].values())


@pytest.mark.browser
def test_the_report_opens_in_a_browser_with_nothing_missing(analysed, chromium, tmp_path) -> None:
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_text(analysed[1])
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        loaded = page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth === 320)")
        # The timeline's links work from the keyboard and lead to the reasons.
        page.locator('a[href="#flag-1"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**#flag-1")
        unnamed = page.evaluate("[...document.images].filter(i => !i.alt).length")
        browser.close()
    assert said == [] and loaded and unnamed == 0


def test_a_video_without_flags_has_a_report_that_says_so(demo_clip, tmp_path) -> None:
    policy = tmp_path / "policy.toml"
    kinds = [
        *("face_absent", "several_faces", "second_person", "prohibited_object", "camera_covered", "too_dark"),
        *("different_person", "looking_away", "talking", "left_seat", "face_hidden", "camera_moved"),
        *("camera_frozen", "too_bright", "blurred"),
    ]
    off = "threshold = 0.5\nleave = 0.4\ndwell_ms = 1\nenabled = false\n"
    policy.write_text("".join(f"[rules.{kind}]\n{off}" for kind in kinds))
    report = tmp_path / "report.html"
    result = run("analyze", demo_clip, "--policy", policy, "--report", report)
    assert result.exit_code == 0, result.output
    assert ", 0 flags" in result.stdout and "No flags." in report.read_text()


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [("speed = 3\n", "unknown field `speed`"), ("version = 3\n", "version"), ("version = \n", "Correct that line")],
)
def test_a_policy_that_cannot_be_used_is_refused_before_any_work(demo_clip, tmp_path, policy, sentence) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    result = run("analyze", demo_clip, "--policy", path)
    assert result.exit_code == 1 and sentence in result.stderr and "Analysing" not in result.stderr


def test_a_reference_without_a_face_is_refused_before_any_work(demo_clip, tmp_path) -> None:
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), 128 + 0 * cv2.imread(str(picture(demo_clip, 0, tmp_path / "first.png"))))
    result = run("analyze", demo_clip, "--reference", wall)
    assert result.exit_code == 1 and result.stdout == ""
    assert f"{wall}: There is no face on this photo." in result.stderr


def test_a_video_that_is_not_there_and_a_report_without_a_folder_are_refused(demo_clip, tmp_path) -> None:
    assert "There is no video" in run("analyze", tmp_path / "nowhere.mp4").stderr
    result = run("analyze", demo_clip, "--report", tmp_path / "no" / "report.html")
    assert result.exit_code == 1 and "Make it first." in result.stderr


def test_a_photo_is_like_itself_and_one_without_a_face_cannot_be_compared(demo_clip, tmp_path) -> None:
    photo = picture(demo_clip, 0, tmp_path / "one.png")
    answer = json.loads(run("compare", photo, photo, "--json").stdout)
    assert answer == {"similarity": 1.0, "same": True}
    cut = tmp_path / "cut.png"
    cut.write_bytes(photo.read_bytes()[:5000])
    result = run("compare", photo, cut, "--json")
    assert result.exit_code == 1 and "is cut off" in result.stderr and result.stdout == ""


def test_pairs_of_labelled_photos_are_told_apart(media) -> None:
    pairs = json.loads((media / "labels.json").read_text())["face_pairs"]
    for same in (True, False):
        pair = next(pair for pair in pairs if pair["same"] is same)
        answer = json.loads(run("compare", media / pair["a"], media / pair["b"], "--json").stdout)
        assert answer["same"] is same
