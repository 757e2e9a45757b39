import msgspec
import pytest

from proctoring.errors import BadPolicy
from proctoring.policy import Policy, Retention, load_policy


def test_a_policy_says_how_long_recordings_are_kept():
    policy = load_policy("[retention]\nserver_days = 90\n")
    assert policy.keeps == Retention(desk_days=14, server_days=90)
    assert Policy().keeps == Retention(desk_days=14, server_days=400)


@pytest.mark.parametrize(("days", "desk_days"), [(180, 14), (7, 7)])
def test_an_older_policys_one_number_still_holds_for_whom_it_was_told_to(days, desk_days):
    stored = msgspec.json.encode(Policy())
    older = msgspec.json.decode(stored) | {"retention_days": days}
    policy = msgspec.convert(older, Policy)
    assert policy.keeps == Retention(desk_days=desk_days, server_days=days)


@pytest.mark.parametrize("text", ["desk_days = -1", "server_days = 0", "server_days = 4000", "years = 1"])
def test_terms_that_make_no_sense_are_refused(text):
    with pytest.raises(BadPolicy, match="Correct that line"):
        load_policy(f"[retention]\n{text}\n")
