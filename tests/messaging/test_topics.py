import pytest

from messaging.topics import matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "covered"),
    [
        ("desk/a/facts", "desk/a/facts", True),
        ("desk/+/facts", "desk/a/facts", True),
        ("desk/+/facts", "desk/a/b/facts", False),
        ("desk/+/facts", "desk/a/orders", False),
        ("desk/#", "desk/a/facts", True),
        ("desk/#", "desk", True),
        ("#", "host/state", True),
        ("desk/a", "desk/a/facts", False),
        ("desk/a/facts", "desk/a", False),
    ],
)
def test_a_filter_covers_what_mqtt_says_it_covers(topic_filter, topic, covered):
    assert matches(topic_filter, topic) is covered
