"""What films say of themselves, nonsense included."""

from __future__ import annotations

import pytest

from searchengine.containers.video_facts import VideoFacts, read_facts


def test_a_phones_film_says_when_where_and_with_what() -> None:
    facts = read_facts(
        {
            "creation_time": "2024-06-01T10:30:00.000000Z",
            "com.apple.quicktime.creationdate": "2024-06-01T12:30:00+0200",
            "com.apple.quicktime.location.ISO6709": "+48.8566+002.3522+035.000/",
            "com.apple.quicktime.make": "Apple",
            "com.apple.quicktime.model": "iPhone 15",
        }
    )
    assert facts.taken_at(61.4) == "2024-06-01T12:31:01+02:00"
    assert facts.camera == "Apple iPhone 15"
    assert (facts.latitude, facts.longitude) == (48.8566, 2.3522)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"creation_time": "1904-01-01T00:00:00.000000Z"},
        {"creation_time": "1970-01-01T00:00:00Z", "location": "+00.0000+000.0000/"},
        {"creation_time": "yesterday", "location": "Paris", "make": "\0\n"},
        {"location": "+99.0+002.0/"},
    ],
)
def test_nonsense_is_unknown(metadata: dict[str, str]) -> None:
    facts = read_facts(metadata)
    assert facts == VideoFacts()
    assert facts.taken_at(3.0) is None


def test_a_time_beyond_the_calendar_is_unknown() -> None:
    assert read_facts({"creation_time": "9999-12-31T23:59:59Z"}).taken_at(60.0) is None
