"""The exam page in a real browser: what is saved, when it says so, and what survives."""

import re

import pytest

from proctoring import wire
from proctoring.flag import Flag, FlagKind, Why
from proctoring.session import Move
from proctoring.wire import View

pytestmark = pytest.mark.browser

WHY = Why(threshold=0.6, dwell_ms=700, share=0.6, rule_version="1", scores=(), boxes=(), models={})


def at_the_exam(desk):
    desk.ask(wire.SignIn(code="K7M2QX"), View)
    desk.ask(wire.Consent(notice="1"), View)
    desk.ask(wire.FinishCheck(), View)
    desk.ask(wire.Begin(), View)


def values(desk):
    return {question: value for question, (value, _) in desk.answers.items()}


@pytest.fixture
def exam(desk, served, tab):
    at_the_exam(desk)
    tab.goto(served)
    tab.wait_for_selector("#q1:visible")
    return tab


def saved(tab, question, status="saved"):
    tab.wait_for_selector(f'#{question}[data-status="{status}"]', state="attached")


def status(tab, question):
    return tab.locator(f"#saved-{question}").inner_text()


def go(tab, question):
    tab.click(f'a[data-for="{question}"]')


def test_a_candidate_goes_from_sign_in_to_finish_by_keyboard_alone(desk, served, tab):
    desk.seals = True
    tab.goto(served)
    tab.locator("input:focus").wait_for()
    tab.keyboard.type("k7m2qx")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/notice")
    tab.locator("#agree").focus()
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/camera")
    tab.wait_for_selector("#picture:visible")
    tab.locator("#take button").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/ready")
    tab.locator("main button").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/exam*")
    tab.locator("#q1 input").first.focus()
    tab.keyboard.press("ArrowDown")
    saved(tab, "q1")
    tab.locator("#hand-in").focus()
    tab.keyboard.press("Enter")
    tab.locator("#submit button").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/record")
    tab.locator("main button").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/sign-in")


def test_every_kind_of_answer_saves_itself(desk, exam):
    exam.check("#q1 input[value=call]")
    saved(exam, "q1")
    go(exam, "q2")
    exam.check("#q2 input[value=goggles]")
    exam.check("#q2 input[value=shield]")
    saved(exam, "q2")
    go(exam, "q3")
    exam.fill("#q3 input", "3000")
    saved(exam, "q3")
    go(exam, "q4")
    exam.fill("#q4 textarea", "I clean it.")
    saved(exam, "q4")
    assert values(desk) == {"q1": "call", "q2": ("goggles", "shield"), "q3": 3000.0, "q4": "I clean it."}
    assert exam.locator('a[data-mark="answered"]').count() == 4


def test_an_answer_taken_back_is_saved_as_none(desk, exam):
    exam.check("#q1 input[value=call]")
    saved(exam, "q1")
    exam.click("#q1 .clear")
    exam.wait_for_selector('a[data-for="q1"][data-mark="open"]')
    assert values(desk) == {"q1": None}


def test_what_is_no_number_is_said_and_not_sent(desk, exam):
    go(exam, "q3")
    exam.fill("#q3 input", "3,5")
    saved(exam, "q3", "refused")
    assert "write a number" in status(exam, "q3")
    assert exam.locator("#q3 input").get_attribute("aria-invalid") is not None
    exam.fill("#q3 input", "3.5")
    saved(exam, "q3")
    assert values(desk) == {"q3": 3.5}


def test_saved_is_said_only_after_custody_is_back(desk, exam):
    desk.away = True
    exam.check("#q1 input[value=stop]")
    saved(exam, "q1", "waiting")
    assert "Not saved yet" in status(exam, "q1")
    assert desk.answers == {}
    exam.wait_for_selector("#away p")
    desk.away = False
    saved(exam, "q1")
    assert status(exam, "q1") == "Saved"
    assert values(desk) == {"q1": "stop"}
    exam.wait_for_selector("#away p", state="detached")


def test_a_change_while_an_older_one_waits_is_the_one_that_counts(desk, exam):
    desk.away = True
    exam.check("#q1 input[value=stop]")
    saved(exam, "q1", "waiting")
    exam.check("#q1 input[value=leave]")
    desk.away = False
    saved(exam, "q1")
    assert values(desk) == {"q1": "leave"}


def test_a_reload_while_custody_is_away_loses_nothing(desk, exam):
    go(exam, "q4")
    desk.away = True
    exam.fill("#q4 textarea", "Half a sentence")
    saved(exam, "q4", "waiting")
    exam.reload()
    exam.wait_for_selector("text=One moment, please")
    desk.away = False
    exam.wait_for_selector("#q4", state="attached")
    saved(exam, "q4")
    assert values(desk) == {"q4": "Half a sentence"}
    assert exam.locator("#q4 textarea").input_value() == "Half a sentence"


def test_leaving_the_page_sends_what_was_just_typed(desk, served, exam):
    go(exam, "q4")
    exam.locator("#q4 textarea").press_sequentially("Last words")
    exam.goto(served + "/health")
    exam.goto(served)
    saved(exam, "q4")
    assert values(desk) == {"q4": "Last words"}


def test_a_pause_hides_the_questions_with_its_reason_and_they_come_back(desk, exam):
    desk.move(Move.PAUSE, "Fire alarm")
    exam.wait_for_selector("#standing:visible")
    assert "Fire alarm" in exam.locator("#standing").inner_text()
    assert not exam.locator("#questions").is_visible()
    assert exam.evaluate("document.activeElement.id") == "standing-title"
    exam.reload()
    exam.wait_for_selector("#standing:visible")
    assert exam.locator("#questions").count() == 0
    desk.move(Move.RESUME)
    exam.wait_for_selector("#q1:visible")


def test_handing_in_asks_first_and_names_what_is_open(desk, exam):
    exam.check("#q1 input[value=stop]")
    saved(exam, "q1")
    exam.click("#hand-in")
    assert exam.locator("#check-list li").all_inner_texts() == [f"Question {n} of 4" for n in (2, 3, 4)]
    exam.click("#check-list >> text=Question 3 of 4")
    assert exam.locator("#q3").is_visible()
    exam.click("#hand-in")
    exam.click("text=Hand in now")
    exam.wait_for_url("**/handed-in")
    assert exam.evaluate("sessionStorage.length") == 0


def test_nothing_is_handed_in_while_an_answer_is_not_saved(desk, exam):
    desk.away = True
    exam.check("#q1 input[value=stop]")
    saved(exam, "q1", "waiting")
    exam.click("#hand-in")
    exam.click("text=Hand in now")
    assert "Saving your last answers" in exam.locator("#check-news").inner_text()
    desk.away = False
    exam.wait_for_url("**/handed-in")
    assert values(desk) == {"q1": "stop"}


def test_the_clock_and_the_message_follow_custody(desk, exam):
    desk.say("Five minutes more for everybody.")
    exam.wait_for_selector("#message >> text=Five minutes more")
    assert re.fullmatch(r"1[45]:\d\d", exam.locator("#timer").inner_text())
    assert exam.locator("#timer").get_attribute("aria-live") == "off"


def test_a_call_is_confirmed_without_leaving_the_question(desk, exam):
    go(exam, "q2")
    exam.click("text=I need help")
    exam.wait_for_selector("#called p")
    assert desk.calls == 1
    assert exam.locator("#q2").is_visible()


def test_the_desk_goes_on_by_itself_when_exams_arrive(desk, prepared, served, tab):
    desk.prepare(None)
    tab.goto(served)
    tab.wait_for_selector("text=waiting for today")
    desk.prepare(prepared)
    tab.wait_for_selector("#code")


def test_the_record_tells_flags_in_words_and_when_all_has_arrived(desk, served, tab):
    at_the_exam(desk)
    desk.flags = (flag(FlagKind.SEVERAL_FACES, 5200, 9800), flag(FlagKind.TOO_DARK, 30_000, None, technical=True))
    desk.ask(wire.Submit(), View)
    desk.move(Move.SEAL)
    tab.goto(served)
    text = tab.locator("main").inner_text()
    assert "The camera saw more than one face from 0:05 to 0:10." in text
    assert "It was too dark for the camera to see well from 0:30 to the end." in text
    desk.receipted = True
    tab.wait_for_selector("text=It has everything.")


def flag(kind, started_ms, ended_ms, technical=False):
    return Flag(
        id=f"{kind}:{started_ms}",
        kind=kind,
        label=None,
        technical=technical,
        started_ms=started_ms,
        raised_ms=started_ms,
        ended_ms=ended_ms,
        peak_score=0.8,
        why=WHY,
    )


CHECK = """() => {
  const wrong = [];
  const shown = (e) => e.checkVisibility();
  for (const field of document.querySelectorAll("input:not([type=hidden]), textarea"))
    if (!field.labels.length) wrong.push(`no label: ${field.name}`);
  for (const group of document.querySelectorAll("fieldset"))
    if (!group.querySelector("legend")?.textContent.trim()) wrong.push("no legend");
  for (const image of document.querySelectorAll("img")) if (!image.alt) wrong.push("no alt");
  for (const place of ["header", "main"])
    if (document.querySelectorAll(place).length !== 1) wrong.push(`not one ${place}`);
  const levels = [...document.querySelectorAll("h1, h2, h3")].filter(shown).map((h) => Number(h.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) wrong.push(`headings ${levels}`);
  if (levels.some((level, i) => level > (levels[i - 1] ?? 0) + 1)) wrong.push(`heading order ${levels}`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size < ids.length) wrong.push("an id twice");
  for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const kind of ["aria-describedby", "aria-labelledby"])
      for (const id of (e.getAttribute(kind) ?? "").split(" "))
        if (id && !document.getElementById(id)) wrong.push(`names nothing: ${id}`);
  for (const e of [...document.querySelectorAll("button, a.button, .list a, label.choice")].filter(shown))
    if (e.getBoundingClientRect().height < 24 && !e.closest(".skip")) wrong.push(`too small: ${e.textContent}`);
  if (!document.documentElement.lang || !document.title) wrong.push("no language or title");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("scrolls sideways");
  return wrong;
}"""


@pytest.mark.parametrize("width", [1280, 640])
def test_every_page_has_labels_landmarks_and_headings_in_order(desk, served, tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto(served)
    wrong = {"sign_in": tab.evaluate(CHECK)}
    steps = [
        (wire.SignIn(code="K7M2QX"), "notice"),
        (wire.Consent(notice="1"), "camera"),
        (wire.FinishCheck(), "ready"),
        (wire.Begin(), "exam"),
        (wire.Submit(), "handed-in"),
    ]
    for request, page in steps:
        desk.ask(request, View)
        tab.wait_for_url(f"**/{page}*")
        tab.wait_for_load_state()
        wrong[page] = tab.evaluate(CHECK)
    desk.move(Move.SEAL)
    tab.wait_for_url("**/record")
    wrong["record"] = tab.evaluate(CHECK)
    assert {page: found for page, found in wrong.items() if found} == {}
