import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilation.room import Lamp, Room
from invigilation.trail import Standing
from proctoring.errors import Refused
from proctoring.fact import (
    AnalysisReduced,
    CallPressed,
    CameraEnded,
    DiskTrouble,
    Extended,
    FlagEnded,
    FlagRaised,
    Gap,
    Part,
    PartAbsent,
    Reduction,
)
from proctoring.flag import FlagKind
from proctoring.ledger import Line
from proctoring.session import Move, State
from web.clock import SimulatedClock


class Watching:
    """A room, and every event that came out of it."""

    def __init__(self, clock):
        self.clock = clock
        self.room = Room()
        self.events = []

    def take(self, *messages):
        new = [event for message in messages for event in self.room.take(message, self.clock.now())]
        self.events += new
        return new

    def told(self, name):
        return [event.data for event in self.events if event.name == name]

    def card(self, desk="desk-1"):
        return self.room.card(desk, self.clock.now())


@pytest.fixture
def watching(clock):
    return Watching(clock)


# --- presence --------------------------------------------------------------------------------------


def test_a_desk_shows_as_soon_as_it_says_that_it_is_there(watching, desk):
    watching.take(desk.presence(seated=False))
    card = watching.card()
    assert (card.online, card.session, card.state_words, card.lamp) == (True, None, "Free", Lamp.FREE)


def test_an_offline_notice_of_an_older_run_is_ignored(watching, desk):
    watching.take(desk.presence(run=2), desk.presence(run=1, online=False))
    assert watching.card().online


def test_a_desk_that_lost_its_connection_keeps_its_candidate_on_the_card(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()), desk.presence(online=False))
    card = watching.card()
    assert (card.online, card.candidate, card.state, card.lamp) == (False, "Ada Example", State.RUNNING, Lamp.AWAY)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=20))
def test_in_any_order_of_notices_the_newest_run_alone_decides(make_desk, notices):
    clock = SimulatedClock()
    desk, watching = make_desk(clock), Watching(clock)
    for run, online in notices:
        watching.take(desk.presence(run=run, online=online))
    newest = max(run for run, _ in notices)
    assert watching.card().online is [online for run, online in notices if run == newest][-1]


def test_desks_are_in_the_order_of_their_numbers(watching, make_desk):
    for name in ("desk-10", "desk-2", "a-1", "desk-1"):
        watching.take(make_desk(watching.clock, name).presence())
    assert [card.desk for card in watching.room.cards(watching.clock.now())] == ["a-1", "desk-1", "desk-2", "desk-10"]


# --- session ---------------------------------------------------------------------------------------


def test_the_card_follows_the_session(watching, desk):
    watching.take(desk.presence(seated=False), desk.facts(desk.opened()))
    assert watching.card().state is State.CHECKING_IN
    started = desk.moved(Move.PASS_CHECK, State.AWAITING_ADMISSION)
    watching.clock.pass_ms(5_000)
    watching.take(desk.facts(started))
    card = watching.card()
    assert (card.state_words, card.candidate, card.exam) == ("Waiting to be admitted", "Ada Example", "A sample exam")
    assert card.since_utc_ms == watching.clock.now().utc_ms
    assert "admit" in card.orders and "pause" not in card.orders


def test_time_left_runs_only_while_the_exam_runs_and_grows_with_an_extension(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()))
    watching.clock.pass_ms(60_000)
    assert watching.card().left_ms == 29 * 60_000
    watching.take(desk.facts(desk.moved(Move.PAUSE, State.PAUSED, "fire alarm")))
    watching.clock.pass_ms(600_000)
    assert (watching.card().left_ms, watching.card().counting) == (29 * 60_000, False)
    watching.take(desk.facts(Extended(extra_ms=300_000, by="invigilator", reason="alarm")))
    assert watching.card().left_ms == 34 * 60_000


def test_a_reboot_of_the_desk_costs_the_candidate_no_time(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()))
    watching.clock.pass_ms(60_000)
    watching.take(desk.facts(CallPressed()))
    watching.clock.pass_ms(600_000)
    desk.boot = "boot-2"
    watching.take(desk.facts(desk.moved(Move.INTERRUPT, State.INTERRUPTED), desk.moved(Move.RESUME, State.RUNNING)))
    assert watching.card().left_ms == 29 * 60_000


def test_time_left_is_not_guessed_where_the_beginning_was_not_seen(watching, desk):
    desk.facts(*desk.running())
    watching.take(desk.presence(state=State.RUNNING), desk.facts(CallPressed()))
    card = watching.card()
    assert (card.left_ms, card.ledger, card.state) == (None, Standing.JOINED_LATER, State.RUNNING)


def test_a_missed_entry_makes_the_time_left_unknown(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()))
    desk.facts(Extended(extra_ms=300_000, by="invigilator", reason="missed here"))
    watching.take(desk.facts(CallPressed()))
    assert watching.card().left_ms is None


def test_a_ledger_that_does_not_verify_is_said_on_the_card(watching, desk):
    line = desk.line(desk.opened())
    watching.take(desk.presence(), desk.send(Line(line.text.replace("Ada", "Eve"), line.hash)))
    card = watching.card()
    assert (card.ledger, card.lamp) == (Standing.BROKEN, Lamp.TECHNICAL)


def test_entries_of_a_former_session_sent_again_do_not_move_the_desk_back(watching, make_desk):
    former = make_desk(watching.clock, session="s-1")
    late = former.facts(*former.running(), former.raised())
    watching.clock.pass_ms(60_000)
    present = make_desk(watching.clock, session="s-2")
    watching.take(present.presence(), present.facts(present.opened("Grace Example")))
    watching.take(late)
    assert (watching.card().session, watching.card().candidate) == ("s-2", "Grace Example")
    assert [alert.earlier for alert in watching.room.alerts()] == [True]


def test_a_free_desk_stays_free_when_its_last_session_is_sent_again(watching, desk):
    late = desk.facts(*desk.running())
    watching.clock.pass_ms(1_000)
    watching.take(desk.presence(seated=False), late)
    assert watching.card().session is None


# --- alerts ----------------------------------------------------------------------------------------


def test_a_flag_becomes_an_alert_in_plain_words_with_its_picture(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running(), desk.raised(FlagKind.PROHIBITED_OBJECT, "cell phone")))
    (alert,) = watching.told("alert")
    assert alert.words == "Object that is not allowed: cell phone"
    assert (alert.kind, alert.label, alert.technical, alert.start_s) == (
        "prohibited_object",
        "cell phone",
        False,
        5.2,
    )
    assert alert.thumbnail.startswith("data:image/jpeg;base64,")
    assert watching.card().lamp is Lamp.LOOK and watching.card().last_alert == alert.id


ABOUT_THE_EQUIPMENT = {
    FlagKind.CAMERA_COVERED,
    FlagKind.CAMERA_MOVED,
    FlagKind.CAMERA_FROZEN,
    FlagKind.TOO_DARK,
    FlagKind.TOO_BRIGHT,
    FlagKind.BLURRED,
    FlagKind.ANALYSIS_ABSENT,
}


@pytest.mark.parametrize("kind", FlagKind)
def test_every_kind_of_flag_has_words_and_only_technical_kinds_are_technical(watching, desk, kind):
    watching.take(desk.facts(desk.raised(kind)))
    (alert,) = watching.told("alert")
    assert alert.words and "_" not in alert.words
    assert alert.technical is (kind in ABOUT_THE_EQUIPMENT)


def test_an_alert_ends_with_its_flag(watching, desk):
    watching.take(desk.facts(desk.raised()), desk.facts(desk.ended()))
    (ended,) = watching.told("alert_ended")
    assert (ended.id, ended.end_s) == (watching.told("alert")[0].id, 9.8)
    assert watching.room.alerts()[0].end_s == 9.8


def test_a_flag_of_which_only_the_end_was_seen_is_still_shown(watching, desk):
    desk.facts(desk.raised())
    watching.take(desk.facts(desk.ended()))
    assert [(alert.id, alert.end_s, alert.thumbnail) for alert in watching.room.alerts()] == [
        ("several_faces::5200", 9.8, "")
    ]


@given(st.data())
def test_facts_sent_again_in_any_pieces_and_order_never_give_an_alert_or_its_end_twice(make_desk, data):
    clock = SimulatedClock()
    desk, watching = make_desk(clock), Watching(clock)
    facts = [*desk.running(), desk.raised(), desk.raised(FlagKind.TOO_DARK), CallPressed(), desk.ended()]
    lines = [desk.line(fact) for fact in facts]
    pieces = st.tuples(st.integers(0, len(lines)), st.integers(0, len(lines))).map(sorted)
    for begin, end in [*data.draw(st.lists(pieces, max_size=8)), (0, len(lines))]:
        watching.take(desk.send(*lines[begin:end]))
    told = [alert.id for alert in watching.told("alert")]
    assert sorted(told) == ["several_faces::5200", "too_dark::5200"]
    assert len(watching.told("alert_ended")) == 1
    assert len(watching.told("call")) == 1
    assert watching.card().ledger is Standing.VERIFIED


def test_what_is_old_when_it_arrives_is_marked_as_earlier(watching, desk):
    old = desk.facts(desk.raised(), CallPressed())
    watching.clock.pass_ms(11_000)
    watching.take(old, desk.facts(desk.raised(FlagKind.TOO_DARK)))
    assert [alert.earlier for alert in watching.told("alert")] == [True, False]
    assert watching.told("call")[0].earlier


@pytest.mark.parametrize(
    "trouble",
    [
        PartAbsent(part=Part.CAPTURE, since_ms=1000),
        Gap(part=Part.EDGE_AI, from_ms=1000, to_ms=2000, reason="killed"),
        CameraEnded(reason="video ended"),
        AnalysisReduced(at_ms=1000, level=1, was=0, left_out=tuple(Reduction)[:1], reason="The machine was busy."),
    ],
)
def test_trouble_with_the_equipment_is_a_technical_alert(watching, desk, trouble):
    watching.take(desk.presence(), desk.facts(*desk.running(), trouble))
    (alert,) = watching.told("alert")
    assert alert.technical
    assert watching.card().lamp is Lamp.TECHNICAL


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (PartAbsent(part=Part.CAPTURE_SECOND, since_ms=1000), "The desk's second camera's recording does not answer"),
        (
            Gap(part=Part.CAPTURE_SECOND, from_ms=1000, to_ms=2000, reason="unplugged"),
            "Something is missing from the second camera's recording: unplugged",
        ),
        (
            CameraEnded(reason="unplugged", part=Part.CAPTURE_SECOND),
            "The second camera gives no more pictures: unplugged",
        ),
    ],
)
def test_trouble_with_the_second_camera_is_told_as_such(watching, desk, trouble, words):
    watching.take(desk.presence(), desk.facts(*desk.running(), trouble))
    (alert,) = watching.told("alert")
    assert (alert.technical, alert.words) == (True, words)


@pytest.mark.parametrize(
    "told_elsewhere",
    [
        PartAbsent(part=Part.EDGE_AI, since_ms=1000),
        AnalysisReduced(at_ms=1000, level=2, was=1, left_out=tuple(Reduction)[:2], reason="The machine was busy."),
        AnalysisReduced(at_ms=1000, level=0, was=1, left_out=(), reason="There was time to spare again."),
        AnalysisReduced(at_ms=1000, level=0, was=0, left_out=(), reason="So it was when the detectors began."),
        Gap(part=Part.CUSTODY, from_ms=0, to_ms=9000, reason="The disk took nothing.", disk=DiskTrouble.FAILS),
    ],
)
def test_what_another_alert_tells_of_or_is_over_is_no_alert_of_its_own(watching, desk, told_elsewhere):
    watching.take(desk.presence(), desk.facts(*desk.running(), told_elsewhere))
    assert watching.told("alert") == []


def disk_alerts(watching):
    return [
        (alert.kind, alert.session, alert.ended_utc_ms is not None)
        for alert in reversed(watching.room.alerts())
        if alert.kind.startswith("disk_")
    ]


def test_a_disk_that_takes_nothing_is_one_technical_alert_until_the_desk_says_no_more(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()))
    watching.clock.pass_ms(5_000)
    watching.take(desk.presence(disk=DiskTrouble.FAILS), desk.presence(disk=DiskTrouble.FAILS))
    (alert,) = watching.told("alert")
    assert (alert.technical, alert.earlier, alert.raised_utc_ms) == (True, False, watching.clock.now().utc_ms)
    assert "takes nothing" in alert.words
    assert watching.card().lamp is Lamp.TECHNICAL
    watching.clock.pass_ms(20_000)
    watching.take(desk.presence())
    (ended,) = watching.told("alert_ended")
    assert (ended.id, ended.ended_utc_ms - alert.raised_utc_ms) == (alert.id, 20_000)
    assert disk_alerts(watching) == [("disk_fails", "s-1", True)]


def test_a_desk_that_cannot_be_heard_says_nothing_about_its_disk(watching, desk):
    watching.take(desk.presence(disk=DiskTrouble.FAILS), desk.presence(online=False))
    assert watching.told("alert_ended") == []
    watching.take(desk.presence(run=2, disk=DiskTrouble.FAILS))
    assert disk_alerts(watching) == [("disk_fails", "s-1", False)]


def test_a_disk_that_is_first_full_and_then_takes_nothing_is_told_as_each(watching, desk):
    for disk in (DiskTrouble.FULL, DiskTrouble.FAILS, DiskTrouble.FULL, None):
        watching.take(desk.presence(disk=disk))
        watching.clock.pass_ms(1_000)
    assert disk_alerts(watching) == [(kind, "s-1", True) for kind in ("disk_full", "disk_fails", "disk_full")]


def test_a_free_desk_s_bad_disk_is_told_and_told_again_for_who_sits_down(watching, desk):
    watching.take(desk.presence(seated=False, disk=DiskTrouble.FULL))
    assert watching.card().lamp is Lamp.TECHNICAL
    watching.clock.pass_ms(1_000)
    watching.take(desk.presence(disk=DiskTrouble.FULL))
    assert disk_alerts(watching) == [("disk_full", "", True), ("disk_full", "s-1", False)]
    assert watching.card().lamp is Lamp.TECHNICAL


def test_a_disk_alert_that_was_seen_calms_the_lamp(watching, desk):
    watching.take(desk.presence(disk=DiskTrouble.FAILS))
    (alert,) = watching.told("alert")
    watching.room.see_alert("desk-1", "s-1", alert.id, watching.clock.now())
    assert watching.card().lamp is Lamp.CALM


def test_detectors_that_do_not_work_are_one_technical_alert_until_they_are_back(watching, desk):
    flag = desk.raised(FlagKind.ANALYSIS_ABSENT)
    watching.take(desk.presence(), desk.facts(*desk.running(), PartAbsent(part=Part.EDGE_AI, since_ms=0), flag))
    (alert,) = watching.told("alert")
    assert alert.technical
    assert alert.words == "Detectors not working"


@pytest.mark.parametrize("thumbnail", [b"", b"<svg onload=alert(1)>", b"\xff\xd8\xff" + bytes(100_000)])
def test_what_is_no_small_jpeg_is_not_shown_as_a_picture(watching, desk, thumbnail):
    watching.take(desk.facts(FlagRaised(flag=desk.flag(), thumbnail=thumbnail)))
    assert watching.told("alert")[0].thumbnail == ""


def test_a_seen_alert_calms_the_lamp(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running(), desk.raised()))
    events = watching.room.see_alert("desk-1", "s-1", "several_faces::5200", watching.clock.now())
    assert [event.name for event in events] == ["alert_seen", "desk"]
    assert watching.card().lamp is Lamp.CALM
    assert watching.room.alerts()[0].seen


def test_an_alert_that_is_not_kept_cannot_be_seen(watching, desk):
    watching.take(desk.presence())
    with pytest.raises(Refused, match="not kept"):
        watching.room.see_alert("desk-1", "s-1", "nothing", watching.clock.now())


def test_old_alerts_make_room_for_new_ones(watching, make_desk):
    for number in range(250):
        desk = make_desk(watching.clock, session=f"s-{number}")
        watching.take(desk.facts(FlagEnded(flag=desk.flag(ended=True))))
        watching.clock.pass_ms(1000)
    kept = watching.room.alerts()
    assert len(kept) == 200
    assert kept[0].session == "s-249"


# --- calls and changes -----------------------------------------------------------------------------


def test_a_call_comes_before_all_else_until_somebody_goes(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running(), desk.raised(), CallPressed()))
    assert watching.card().lamp is Lamp.CALL
    assert watching.told("call")[0].candidate == "Ada Example"
    watching.room.see_call("desk-1", watching.clock.now())
    assert watching.card().lamp is Lamp.LOOK


def test_a_card_is_sent_when_it_changes_and_not_otherwise(watching, desk):
    watching.take(desk.presence(), desk.facts(*desk.running()))
    watching.clock.pass_ms(30_000)
    assert watching.take(desk.presence(state=State.RUNNING)) == []
    watching.clock.pass_ms(1_000)
    watching.take(desk.facts(desk.moved(Move.PAUSE, State.PAUSED)))
    assert watching.told("desk")[-1].state is State.PAUSED


def test_an_unknown_desk_is_named_in_the_refusal(watching):
    with pytest.raises(Refused, match="desk-77"):
        watching.card("desk-77")
