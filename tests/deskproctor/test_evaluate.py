from __future__ import annotations

import json

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from appliance.capture.video import VideoReader
from appliance.edge_ai.picture import from_rgb
from deskproctor.command import Plainly
from deskproctor.evaluate import evaluate
from deskproctor.evaluation.clips import ABSENCE, AWAY, COMPANY, OBJECTS, SWAPPED, claims, clip_figures, score_clip
from deskproctor.evaluation.conditions import CONDITIONS
from deskproctor.evaluation.labels import Event, Item, LabelsUnusable, read_labels
from deskproctor.evaluation.pairs import pair_figures, threshold_at
from deskproctor.evaluation.photos import (
    Sight,
    face_figures,
    fairness_figures,
    lightness_of,
    object_figures,
    wilson,
)
from proctoring import observation
from proctoring.flag import Flag, FlagKind, Why
from proctoring.observation import Face
from proctoring.policy import Policy

POLICY = Policy()
WHY = Why(threshold=0.5, dwell_ms=0, share=0.6, rule_version="1", scores=(), boxes=(), models={})


def flag(kind: FlagKind, start_s: float, end_s: float, label: str | None = None, technical: bool = False) -> Flag:
    return Flag(
        id=f"{kind}:{start_s}",
        kind=kind,
        label=label,
        technical=technical,
        started_ms=round(1000 * start_s),
        raised_ms=round(1000 * start_s),
        ended_ms=round(1000 * end_s),
        peak_score=0.9,
        why=WHY,
    )


def event(key: str, value: object, *intervals: tuple[float, float]) -> Event:
    return Event(key, value, intervals)


def scored(events: list[Event], *flags: Flag, duration_s: float = 60.0):
    return score_clip("clip.mp4", duration_s, tuple(events), flags, POLICY)


PHONE = FlagKind.PROHIBITED_OBJECT


def test_an_event_is_found_where_flags_cover_half_of_it() -> None:
    labelled = [event("cell_phone", True, (10, 14))]
    (found,) = scored(labelled, flag(PHONE, 12, 15, "cell phone")).events
    assert (found["overlap"], found["found"], found["delay_s"]) == (0.5, True, 2.0)
    (missed,) = scored(labelled, flag(PHONE, 12.1, 15, "cell phone")).events
    assert not missed["found"]


def test_two_flags_that_overlap_count_once() -> None:
    (found,) = scored(
        [event("face_count", 2, (0, 10))],
        flag(FlagKind.SEVERAL_FACES, 0, 4),
        flag(FlagKind.SECOND_PERSON, 2, 4),
    ).events
    assert found["overlap"] == 0.4


def test_a_flag_with_another_label_finds_nothing_and_is_false() -> None:
    clip = scored([event("cell_phone", True, (10, 14)), event("book", False, (0, 60))], flag(PHONE, 10, 14, "book"))
    assert [line["label"] for line in clip.false_flags] == ["book"]
    assert not clip.events[0]["found"]


def test_an_event_shorter_than_the_dwell_is_not_asked_for() -> None:
    figures = clip_figures([scored([event("cell_phone", True, (10, 10.2), (20, 30))])])
    assert (figures["events"], figures["found"], figures["recall"]) == (1, 0, 0.0)


@pytest.mark.parametrize("value", [1, 2])
def test_flags_inside_what_labels_ignore_are_neither_right_nor_false(value) -> None:
    labelled = [event("person_count", value, (0, 5)), event("ignore", None, (5, 7))]
    assert scored(labelled, flag(FlagKind.SECOND_PERSON, 5.5, 6.5)).false_flags == []


def test_a_flag_where_nothing_is_asserted_is_left_out() -> None:
    labelled = [event("person_count", 1, (0, 8))]
    assert scored(labelled, flag(FlagKind.SECOND_PERSON, 7.8, 10)).false_flags == []
    assert len(scored(labelled, flag(FlagKind.SECOND_PERSON, 6, 9)).false_flags) == 1


def test_a_kind_that_no_label_speaks_of_is_false_unless_it_is_technical() -> None:
    clip = scored([], flag(FlagKind.TALKING, 1, 9), flag(FlagKind.TOO_DARK, 1, 9, technical=True))
    assert [line["kind"] for line in clip.false_flags] == ["talking"]
    assert [line["kind"] for line in clip.technical_flags] == ["too_dark"]
    assert clip_figures([clip])["false_flags_per_hour"] == 60.0


def test_labels_are_read_as_claims() -> None:
    def said(*events: Event) -> set[tuple[str, bool | None]]:
        return {(claim.topic.name, claim.happens) for claim in claims(events)}

    assert said(event("near_face_count", 1, (0, 1))) == {(COMPANY.name, False), (ABSENCE.name, False)}
    assert said(event("person_count", 0, (0, 1))) == {(COMPANY.name, False), (ABSENCE.name, True)}
    assert said(event("person_count", 1, (0, 1))) == {(COMPANY.name, False)}
    assert said(event("face_visible", False, (0, 1))) == {(ABSENCE.name, True)}
    assert said(event("head_turned_strong", "image left", (0, 1))) == {(AWAY.name, True)}
    assert said(event("head_down_or_mild_turn_ignore", None, (0, 1))) == {(AWAY.name, None)}
    assert said(event("ignore_cell_phone", None, (0, 1))) == {(OBJECTS["cell_phone"].name, None)}
    swap = [event("identity", "M", (0, 5)), event("identity", "O", (5, 9))]
    assert [(claim.topic.name, claim.happens) for claim in claims(swap)] == [
        (SWAPPED.name, False),
        (SWAPPED.name, True),
    ]


def test_two_labels_that_say_one_thing_are_one_event() -> None:
    clip = scored([event("face_count", 2, (5, 9)), event("person_count", 2, (5, 9))])
    assert [line["topic"] for line in clip.events] == [COMPANY.name]


def photo(
    faces: int | None = None, scores: tuple[float, ...] = (), lightness: float | None = None, **labels
) -> Sight:
    seen = tuple(Face(score=score, box=(0, 0, 1, 1)) for score in scores)
    if faces is not None:
        labels["face_count"] = faces
    return Sight(Item("folder/photo.jpg", "image", labels), seen, (), lightness)


def test_faces_are_counted_by_photo() -> None:
    figures = face_figures(
        [
            photo(1, (0.9, 0.3)),
            photo(1, (0.5,)),
            photo(0, (0.7,)),
            photo(0),
            photo(4, (0.9, 0.9, 0.9)),
            photo(7),
            photo(None, (0.9,)),
        ],
        0.6,
    )
    assert figures["single"] == {"photos": 2, "counted_right": 0.5}
    assert figures["empty"] == {"photos": 2, "false_faces": 1, "photos_with_any": 1}
    assert figures["groups_of_2_to_5"] == {"photos": 1, "counted_right": 0.0, "within_one": 1.0}


def test_objects_have_precision_and_recall_at_each_threshold() -> None:
    def phone(there: bool | None, score: float, area: float = 0.1) -> Sight:
        labels = {"cell_phone": there, "largest_item_area": {"cell phone": area}}
        items = (observation.Item("cell phone", score, (0, 0, 1, 1)),)
        return Sight(Item("desk/photo.jpg", "image", labels), (), items, None)

    sights = [phone(True, 0.9), phone(True, 0.32, 0.001), phone(False, 0.34), phone(None, 0.9)]
    figures = object_figures(sights, {"cell phone": 0.38, "laptop": 0.28})["cell phone"]
    at = {line["threshold"]: line for line in figures["thresholds"]}
    assert (at[0.3]["recall"], at[0.3]["precision"]) == (1.0, 0.667)
    assert (at[0.38]["recall"], at[0.38]["precision"], at[0.38]["false"]) == (0.5, 1.0, 0)
    assert (figures["small"]["photos_with"], figures["small"]["recall"]) == (1, 0.0)
    assert figures["by_folder"]["desk"]["photos_without"] == 1
    assert figures["shipped_threshold"] == 0.38
    # One row in the page for each label, so all have the same columns.
    assert {0.28, 0.38} <= set(at)


def test_the_fairness_table_parts_photos_by_lightness() -> None:
    figures = fairness_figures([photo(1, (0.9,), 20.0), photo(1, (), 20.0), photo(1, (0.9,), 80.0), photo(0)], 0.6)
    assert figures["dark"]["found"] == 0.5 and figures["light"]["found"] == 1.0 and figures["middle"]["photos"] == 0
    assert wilson(0, 0) is None
    low, high = wilson(1, 2)
    assert low == pytest.approx(0.095, abs=0.002) and high == pytest.approx(0.905, abs=0.002)


def test_lightness_is_that_of_the_faces_region_alone() -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[:, 50:] = 255
    labelled = Item("a.jpg", "image", {"face_count": 1, "face_boxes": [[0.6, 0.2, 0.9, 0.8]]})
    assert lightness_of(labelled, from_rgb(rgb), ()) == pytest.approx(100, abs=1)
    unboxed = Item("a.jpg", "face", {})
    assert lightness_of(unboxed, from_rgb(rgb), (Face(0.9, (0.1, 0.1, 0.4, 0.9)),)) == pytest.approx(0, abs=1)
    assert lightness_of(Item("a.jpg", "image", {"person": False}), from_rgb(rgb), ()) is None


def test_one_false_accept_in_a_hundred_sets_the_limit() -> None:
    different = [i / 200 for i in range(200)]
    limit = threshold_at(different, 0.01)
    assert sum(value >= limit for value in different) == 2
    figures = pair_figures([0.99, 0.5], different, 0.4, 3)
    assert figures["tar_at_far_1_percent"] == 0.5 and figures["tar_shipped"] == 1.0
    assert figures["pairs_without_a_face"] == 3 and figures["far_shipped"] == 0.6
    assert pair_figures([], [], 0.4, 0)["tar_at_far_1_percent"] is None


def test_poor_conditions_do_what_their_names_say() -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    picture = from_rgb(rgb)
    changed = {name: change(picture) for name, change in CONDITIONS.items()}
    assert all((new.width, new.height) == (640, 360) for new in changed.values())
    assert changed["darkened"].luma.mean() - 16 == pytest.approx(0.35 * (picture.luma.mean() - 16), abs=1)
    assert changed["blurred"].luma.std() < picture.luma.std() / 2
    assert changed["low_resolution"].luma.std() < picture.luma.std()
    assert changed["colour_shifted"].red.mean() > picture.red.mean() + 10 > changed["colour_shifted"].blue.mean()
    assert changed["colour_shifted"].luma is picture.luma


@pytest.fixture
def folder(demo_clip, tmp_path):
    """A labelled folder made of the demo clip."""
    reader = VideoReader(demo_clip)
    cv2.imwrite(str(tmp_path / "one.png"), reader.next().picture.to_ndarray(format="bgr24"))
    reader.close()
    cv2.imwrite(str(tmp_path / "none.png"), np.full((360, 640, 3), 90, np.uint8))
    items = [
        {"file": "one.png", "type": "image", "labels": {"face_count": 1, "cell_phone": False}, "source": []},
        {"file": "none.png", "type": "image", "labels": {"person": False, "cell_phone": False}},
    ]
    (tmp_path / "labels.json").write_text(json.dumps({"set": "test", "items": items, "face_pairs": []}))
    return tmp_path


def run(*arguments: object) -> Result:
    group = Plainly()
    group.add_command(evaluate)
    return CliRunner().invoke(group, ["evaluate", *map(str, arguments)])


def test_a_folder_is_evaluated_under_every_condition_and_the_page_is_written(folder) -> None:
    only = ("--only", "faces", "--only", "objects")
    result = run(folder, *only, "--json", "--page", folder / "page.md")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert list(figures["faces"]) == list(figures["fairness"]) == list(figures["objects"]) == list(CONDITIONS)
    assert figures["faces"]["as_they_are"]["single"]["counted_right"] == 1.0
    assert figures["faces"]["as_they_are"]["empty"] == {"photos": 1, "false_faces": 0, "photos_with_any": 0}
    assert len(figures["models"]["face_detection_full_range"]) == 64
    page = (folder / "page.md").read_text()
    assert "| as they are | 100 % of 1 | 0 of 1 | – of 0 |" in page
    assert "\n\n|" not in page.split("For whom it works less well")[1].split("## Objects")[0].split("|---|")[1]


def test_labels_that_cannot_be_used_are_refused(tmp_path, folder) -> None:
    with pytest.raises(LabelsUnusable, match="No such file"):
        read_labels(tmp_path / "nowhere")
    (folder / "one.png").unlink()
    assert "which is not there" in run(folder, "--json").stderr
    (folder / "labels.json").write_text('{"items": 3}')
    result = run(folder, "--json")
    assert result.exit_code == 1 and "cannot be used" in result.stderr
    labels = {"items": [{"file": "labels.json", "type": "clip", "labels": {"events": [{"key": 1}]}}]}
    (folder / "labels.json").write_bytes(msgspec.json.encode(labels))
    with pytest.raises(LabelsUnusable, match="cannot be used"):
        read_labels(folder)
