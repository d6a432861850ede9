from __future__ import annotations

import json

import pytest

from assay.evaluation.judges.offline.evidence import clock, evidence
from assay.evaluation.judges.offline.records import records

CAFE = json.dumps(
    {
        "name": "Blue Door",
        "hours": {"Monday": "9:0-17:0", "Tuesday": "9:0-17:0", "Friday": "9:0-21:30"},
        "attributes": {
            "OutdoorSeating": False,
            "WiFi": "free",
            "Music": None,
            "BusinessParking": {"garage": False, "street": True},
        },
        "review_info": [{"review_text": "The staff was kind to us. We waited an hour for the soup, though."}],
    }
)


@pytest.mark.parametrize(
    ("claim", "agreeing", "contradicted", "unknown"),
    [
        ("It offers free Wi-Fi.", 1, 0, 0),
        ("It does not offer WiFi.", 0, 1, 0),
        ("WiFi is not available.", 0, 1, 0),
        ("There is outdoor seating.", 0, 1, 0),
        ("It offers WiFi but no outdoor seating.", 2, 0, 0),
        ("It has no outdoor seating, but it does offer WiFi.", 2, 0, 0),
        ("It plays music.", 0, 0, 1),
        ("Music is not mentioned.", 1, 0, 0),
        ("It stands on a busy street.", 0, 0, 0),
        ("The owner grew up in Ghent.", 0, 0, 0),
    ],
)
def test_records_are_compared_with_their_polarity(claim: str, agreeing: int, contradicted: int, unknown: int) -> None:
    found = records(claim, evidence([CAFE]))
    assert (found.agreeing, found.contradicted, found.unknown) == (agreeing, contradicted, unknown)


def test_parking_and_its_kind_both_count() -> None:
    assert records("There is street parking.", evidence([CAFE])).contradicted == 0
    assert records("There is garage parking.", evidence([CAFE])).contradicted == 1


@pytest.mark.parametrize(
    ("claim", "wrong_hours", "wrong_days"),
    [
        ("It is open from 9:00 AM to 5:00 PM on Mondays and Tuesdays.", 0, 0),
        ("It is open from 9 am to 5 pm on Monday and from 9 am to 9:30 pm on Friday.", 0, 0),
        ("On Monday and Tuesday it is open 9:00 to 17:00, on Friday 9:00 to 21:30.", 0, 0),
        ("It is open from 9:00 AM to 5:00 PM on Fridays.", 0, 1),
        ("It is open from 8 am to 6 pm on Mondays.", 1, 1),
        ("It is closed on Tuesdays.", 0, 1),
        ("It is closed on Sundays.", 0, 0),
        ("It is open seven days a week.", 0, 1),
        ("It is open 24 hours.", 0, 1),
    ],
)
def test_hours_are_compared_by_day(claim: str, wrong_hours: int, wrong_days: int) -> None:
    found = records(claim, evidence([CAFE]))
    assert (found.wrong_hours, found.wrong_days) == (wrong_hours, wrong_days)


def test_prose_has_no_records() -> None:
    found = records("It is open from 9 am to 5 pm on Mondays.", evidence(["It opens at nine."]))
    assert (found.hours, found.wrong_hours, found.wrong_days, found.contradicted) == (1, 0, 0, 0)


def test_json_is_read_as_data_and_its_long_texts_as_sentences() -> None:
    found = evidence([CAFE])
    assert found.structured
    assert frozenset(("staff", "kind")) in found.units
    assert found.hours["friday"] == (540, 1290)


@pytest.mark.parametrize("text", ["{not json}", '{"a": ', "[1, 2", '{"a": NaNo}'])
def test_what_only_looks_like_json_is_prose(text: str) -> None:
    assert not evidence([text]).structured


def test_depth_is_no_danger() -> None:
    assert evidence(["[" * 100_000]).size == 0
    assert evidence(["[" * 300 + '"word"' + "]" * 300]).words == {"word"}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("9 am", 540), ("9:30 p.m.", 1290), ("12 AM", 0), ("noon", 720), ("17:00", 1020), ("12:15 pm", 735)],
)
def test_times_of_day(text: str, minutes: int) -> None:
    assert [found for _, _, found in clock(f"at {text}, then")] == [minutes]


def test_a_ratio_is_no_time() -> None:
    assert clock("version 1.2.3 of 10 parts") == []
