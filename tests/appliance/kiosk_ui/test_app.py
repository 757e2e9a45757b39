"""The pages and what they ask of custody: over a desk in memory and over the real custody alike."""

import pytest

from appliance.kiosk_ui.app import make_app
from appliance.kiosk_ui.simulated import SimulatedCamera, SimulatedDesk
from appliance.kiosk_ui.words import NOTICE
from proctoring import wire
from proctoring.check_in import TRIES, PhotoFault
from proctoring.exam import Exam, TextQuestion
from proctoring.fact import DiskTrouble
from proctoring.policy import Mode, Policy
from proctoring.wire import Paper


def saved(room):
    return {question: value for question, (value, _) in room.ask(wire.AskPaper(), Paper).answers.items()}


def test_a_booked_candidate_walks_from_sign_in_to_the_record(room, screen):
    pages = [screen.page()]
    for path, fields in (
        ("/sign-in", {"code": "K7M2QX"}),
        ("/notice", {"agree": "yes"}),
        ("/camera", {}),
        ("/ready", {}),
        ("/exam", {}),
    ):
        assert screen.do(path, **fields).status_code == 200
        pages.append(screen.page())
    room.seal()
    pages.append(screen.page())
    screen.do("/record")
    pages.append(screen.page())
    assert pages == ["sign_in", "notice", "camera", "ready", "exam", "handed_in", "record", "sign_in"]


def test_a_page_that_does_not_fit_leads_to_the_one_that_does(screen):
    screen.reach("notice")
    for path in ("/sign-in", "/camera", "/admission", "/ready", "/exam", "/handed-in", "/record", "/"):
        reply = screen.client.get(path)
        assert (reply.status_code, reply.location) == (302, "/notice")


def test_an_unknown_code_is_said_beside_the_field_and_stays_typed(screen):
    reply = screen.do("/sign-in", code="XXXX99")
    assert reply.status_code == 422
    assert 'value="XXXX99"' in reply.text
    assert "There is no booking" in reply.text
    assert reply.text.count("autofocus") == 1
    assert 'aria-invalid="true"' in reply.text
    assert screen.page() == "sign_in"


def test_a_code_may_be_typed_with_spaces_dashes_and_small_letters(screen):
    screen.do("/sign-in", code=" k7m-2qx ")
    assert screen.page() == "notice"


def test_signing_in_with_nothing_typed_says_what_to_type(screen):
    assert "Type your booking code" in screen.do("/sign-in", code=" ", name="").text


def test_a_candidate_without_booking_signs_in_by_name(room, screen):
    screen.do("/sign-in", code="", name="  Grace   Hopper ")
    assert room.view().candidate == "Grace Hopper"


def test_where_a_booking_is_required_no_name_is_asked_for(room, screen):
    room.prepare(Mode.LIVE)
    assert 'name="name"' not in screen.see().text


def test_sign_in_keeps_what_was_typed_while_custody_is_away(room, screen):
    token = screen.token()
    room.away = True
    reply = screen.client.post("/sign-in", data={"csrf_token": token, "code": "", "name": "Grace"})
    assert reply.status_code == 422
    assert 'value="Grace"' in reply.text
    assert "does not answer" in reply.text


def test_without_the_tick_there_is_no_consent(room, screen):
    screen.reach("notice")
    reply = screen.do("/notice")
    assert reply.status_code == 422
    assert "speak to the invigilator" in reply.text
    assert screen.page() == "notice"


def test_the_notice_says_how_long_the_recording_is_kept(screen):
    text = " ".join(screen.reach("notice").see().text.split())
    assert "until the review server has all of it and 14 days more" in text
    assert "for 400 days after the decision" in text


def test_the_consent_carries_the_version_of_the_notice(room, screen):
    asked = []
    ask = room.ask
    room.ask = lambda request, *more: asked.append(request) or ask(request, *more)
    screen.reach("camera")
    assert [request.notice for request in asked if isinstance(request, wire.Consent)] == [NOTICE]


def reach_camera(room, screen):
    room.start_detectors()
    return screen.reach("camera")


def test_the_photo_is_taken_before_the_candidate_goes_on(room, screen):
    reach_camera(room, screen)
    assert "one photo of your face" in screen.see().text
    assert "Taking your photo" in screen.do("/camera").text
    assert screen.page() == "camera"
    room.photograph()
    assert screen.page() == "ready"


def test_the_page_says_plainly_what_is_wrong_and_the_button_tries_again(room, screen):
    reach_camera(room, screen).do("/camera")
    room.photograph(PhotoFault.TOO_DARK)
    text = screen.see().text
    assert "We cannot see your face well: it is too dark." in text
    assert "Take the photo again" in text
    assert 'id="without" hidden' in text
    assert screen.client.get("/state.json").json["photo"]["fault"]
    screen.do("/camera")
    room.photograph()
    assert screen.page() == "ready"


def test_after_several_tries_the_candidate_may_go_on_without_and_is_told_that_it_is_not_held_against_them(
    room, screen
):
    reach_camera(room, screen)
    for _ in range(TRIES):
        screen.do("/camera")
        room.photograph(PhotoFault.NO_FACE)
    text = screen.see().text
    assert "not held against you" in text
    assert 'id="without">' in text
    screen.do("/camera", without_photo="yes")
    assert screen.page() == "ready"


def test_nobody_goes_on_without_a_photo_before_it_was_tried(room, screen):
    reach_camera(room, screen)
    assert "let the camera take your photo first" in screen.do("/camera", without_photo="yes").text
    assert screen.page() == "camera"


def test_where_faces_are_not_compared_the_pages_say_so_and_take_no_photo(room, screen):
    room.prepare(identity=False)
    room.start_detectors()
    screen.reach("notice")
    assert "No photo of you is taken" in screen.see().text
    assert "not the one of your check-in" not in screen.see().text
    screen.do("/notice", agree="yes")
    assert "no photo of you is taken" in screen.see().text
    screen.do("/camera")
    assert screen.page() == "ready"


@pytest.mark.parametrize("cameras", [1, 2])
def test_the_notice_says_how_many_cameras_there_are(room, screen, cameras):
    if cameras > 1:
        room.add_camera()
    text = " ".join(screen.reach("notice").see().text.split())
    assert ("Two cameras record films of you" in text) == (cameras > 1)
    assert ("The camera records a film of you" in text) == (cameras == 1)


def test_a_camera_that_comes_after_sign_in_is_none_of_this_candidates(room, screen):
    screen.reach("notice")
    room.add_camera()
    assert "The camera records a film of you" in " ".join(screen.see().text.split())


@pytest.mark.parametrize("microphone", [True, False])
def test_the_notice_says_whether_sound_is_recorded(room, screen, microphone):
    room.prepare(microphone=microphone)
    text = " ".join(screen.reach("notice").see().text.split())
    assert ("A microphone records the sound" in text) == microphone
    assert ("it does not recognise what is said" in text) == microphone
    assert ("No sound is recorded." in text) != microphone


def test_where_faces_are_compared_the_notice_says_so(screen):
    text = screen.reach("notice").see().text
    assert "One photo of your face" in text
    assert "not the one of your check-in" in text


@pytest.mark.parametrize("taken", [True, False])
def test_the_record_says_whether_a_photo_is_kept(room, screen, taken):
    if taken:
        reach_camera(room, screen).do("/camera")
        room.photograph()
    else:
        screen.reach("ready")
    screen.do("/ready")
    screen.do("/exam")
    room.seal()
    assert ("one, kept in the record of the exam" in screen.see().text) is taken


def test_own_picture_is_shown_in_the_camera_check_alone(screen, camera):
    screen.reach("notice")
    assert screen.client.get("/camera.jpg").status_code == 404
    screen.do("/notice", agree="yes")
    assert screen.client.get("/camera.jpg").data == camera.shown
    screen.do("/camera")
    assert screen.client.get("/camera.jpg").status_code == 404


def test_a_camera_without_a_picture_is_no_error_page(screen, camera):
    camera.shown = None
    screen.reach("camera")
    assert screen.client.get("/camera.jpg").status_code == 503
    assert screen.see().status_code == 200


def test_in_live_mode_a_person_admits(room, screen):
    room.prepare(Mode.LIVE)
    screen.reach("camera")
    screen.do("/camera")
    assert screen.page() == "admission"
    room.admit()
    assert screen.page() == "ready"


@pytest.mark.parametrize(
    ("question", "value"),
    [("q1", "stop"), ("q2", ["goggles", "shield"]), ("q3", 3000), ("q4", "Clean."), ("q1", None)],
)
def test_an_answer_of_each_kind_is_saved_and_shown_again(room, screen, question, value):
    screen.reach("exam")
    assert screen.save(question, value).json["saved"] > 0
    held = saved(room)[question]
    assert held == (tuple(value) if isinstance(value, list) else value)
    page = screen.see().text
    assert f'data-question="{question}" data-kind=' in page
    assert page.count('data-revision="1"') == 1


def test_the_same_revision_twice_has_effect_once(room, screen):
    screen.reach("exam")
    assert screen.save("q1", "stop").json == screen.save("q1", "stop").json
    assert saved(room) == {"q1": "stop"}


@pytest.mark.parametrize(("question", "value"), [("q1", "nonsense"), ("q9", "a"), ("q3", "three"), ("q2", "goggles")])
def test_what_cannot_be_an_answer_is_refused_with_a_sentence(room, screen, question, value):
    screen.reach("exam")
    reply = screen.save(question, value)
    assert reply.status_code == 409
    assert reply.json["reason"].endswith(".")
    assert saved(room) == {}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"question": "q1"}', b'{"question": 1, "value": {}, "revision": 1}']
)
def test_bytes_that_are_no_answer_are_refused(room, screen, body):
    screen.reach("exam")
    reply = screen.client.post("/answers", data=body, headers={"X-CSRFToken": screen.token()})
    assert (reply.status_code, reply.json["code"]) == (422, "bad_answer")


def test_saved_is_never_said_while_custody_is_away(room, screen):
    screen.reach("exam")
    token = screen.token()
    room.away = True
    body = {"question": "q1", "value": "stop", "revision": 1}
    reply = screen.client.post("/answers", json=body, headers={"X-CSRFToken": token})
    assert (reply.status_code, "saved" in reply.json) == (503, False)


def test_the_questions_are_not_sent_while_the_exam_is_paused(room, screen):
    screen.reach("exam")
    assert "lathe" in screen.see().text
    room.pause("Fire alarm")
    page = screen.see().text
    assert "lathe" not in page
    assert "Fire alarm" in page
    assert screen.save("q1", "stop").json["code"] == "move_not_allowed"
    room.resume()
    assert "lathe" in screen.see().text


def test_when_the_time_is_up_the_page_says_that_the_exam_is_handed_in(room, screen):
    screen.reach("exam")
    assert screen.client.get("/state.json").json["left_ms"] == 15 * 60_000
    room.pass_ms(16 * 60_000)
    page = screen.see().text
    assert "Your exam is handed in" in page
    assert "Time is up." in page


def test_an_exam_that_was_ended_is_told_with_its_reason(room, screen):
    screen.reach("exam")
    room.end("The building is being cleared.")
    page = screen.see().text
    assert "Your exam was ended" in page
    assert "The building is being cleared." in page


def test_the_call_reaches_custody(room, screen):
    screen.reach("exam")
    assert "has been called" not in screen.see().text
    screen.do("/call")
    assert room.view().called
    assert "has been called" in screen.see().text


def test_the_invigilators_message_is_on_the_page(room, screen):
    screen.reach("exam")
    room.say("Please speak less loudly <thank you>.")
    assert "Please speak less loudly &lt;thank you&gt;." in screen.see().text


@pytest.mark.parametrize("cameras", [1, 2])
def test_the_record_says_by_how_many_cameras_the_film_was_made(room, screen, cameras):
    if cameras > 1:
        room.add_camera()
    screen.reach("exam")
    screen.do("/exam")
    room.seal()
    films = room.ask(wire.AskRecord(), wire.Record).segments and cameras
    assert ("by two cameras" in screen.see("/record").text) == (films == 2)


def test_the_record_shows_the_numbers_that_an_appeal_needs(room, screen):
    screen.reach("exam")
    screen.save("q1", "stop")
    screen.do("/exam")
    room.seal()
    record = room.ask(wire.AskRecord(), wire.Record)
    page = screen.see("/record").text
    assert record.session in page
    assert record.head_hash in page
    assert "1 of 4 questions" in page
    assert "The program flagged nothing." in page


def test_every_change_needs_a_token(screen):
    screen.reach("exam")
    for path in ("/sign-in", "/notice", "/camera", "/ready", "/exam", "/record", "/call"):
        reply = screen.client.post(path)
        assert (reply.status_code, reply.location) == (302, "/")
    assert screen.page() == "exam"
    assert screen.client.post("/answers", json={}).json["code"] == "old_page"


def test_a_step_that_does_not_fit_any_more_leads_back_with_the_reason(screen):
    screen.reach("notice")
    reply = screen.do("/exam")
    assert "What is recorded" in reply.text
    assert "cannot submit" in reply.text


def test_while_custody_is_away_a_page_says_so_and_state_still_gives_a_token(room, screen):
    room.away = True
    reply = screen.see("/exam")
    assert reply.status_code == 503
    assert "tries again by itself" in reply.text
    state = screen.client.get("/state.json")
    assert (state.status_code, state.json["away"]) == (503, True)
    assert state.json["token"]
    assert screen.client.get("/health").text == "ok"


def test_nothing_is_kept_by_the_browser(screen):
    for path in ("/", "/sign-in", "/state.json"):
        assert screen.client.get(path).headers["Cache-Control"] == "no-store"


def test_a_foreign_host_name_is_not_served(screen):
    assert screen.client.get("/sign-in", headers={"Host": "example.org"}).status_code == 400


def test_a_desk_without_exams_waits(camera):
    from appliance.kiosk_ui.app import make_app
    from appliance.runtime.simulated import SimulatedCustody

    custody = SimulatedCustody(wire.View(desk="desk-1", prepared=False, walk_in=False))
    reply = make_app(lambda: custody, camera).test_client().get("/", follow_redirects=True)
    assert "waiting for today" in reply.text


def test_trouble_with_the_disk_stands_on_the_page_and_goes_with_it():
    exam = Exam(id="sample", title="Sample", minutes=10, questions=(TextQuestion(id="q1", text="Why?"),))
    desk = SimulatedDesk(wire.Prepare(exams=(exam,), policy=Policy(), walk_in_exam="sample"))
    client = make_app(lambda: desk, SimulatedCamera()).test_client()
    for disk, said in ((DiskTrouble.FULL, "is nearly full"), (DiskTrouble.FAILS, "takes nothing"), (None, "")):
        desk.disk = disk
        told = client.get("/state.json").json["trouble"]
        assert (said in told, bool(told)) == (True, bool(said))
        page = client.get("/sign-in").text
        assert said in page
        assert ("This desk&#39;s disk" in page) == bool(said)
