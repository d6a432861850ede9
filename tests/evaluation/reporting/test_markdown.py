"""The summary for a pull request."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.records import Run
from assay.evaluation.reporting.markdown import markdown_summary, plain
from assay.evaluation.reporting.summary import Report, report
from assay.evaluation.verdicts import Fail


def test_the_verdict_comes_first_and_the_command_last(make_report: Callable[..., Report]) -> None:
    text = markdown_summary(make_report(60, verdict=Fail("worse than allowed")), command="assay eval --against live")
    assert text.startswith("## ❌ Fail: ")
    assert text.index("worse than allowed") < text.index("| metric |")
    assert text.rindex("assay eval --against live") > text.index("Flips")
    assert text.count("<details>") == text.count("</details>") == 3


def test_tables_have_as_many_cells_in_each_row(compared_report: Report) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown_summary(compared_report), re.MULTILINE)
    assert len(blocks) >= 3
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
        assert len(widths) == 1


def test_a_comment_of_a_large_run_fits_where_comments_may_be_65536_characters(
    make_report: Callable[..., Report],
) -> None:
    assert len(markdown_summary(make_report(1000))) < 65_536


def test_a_run_alone_has_a_table_and_marks_what_is_uncorrected(make_report: Callable[..., Report]) -> None:
    text = markdown_summary(make_report(20, alone=True))
    assert text.startswith("## Evaluation of ")
    assert "*(uncorrected)*" in text
    assert "| difference" not in text


@given(st.text(max_size=80))
def test_any_text_is_literal_and_on_one_line(text: str) -> None:
    found = plain(text)
    assert "\n" not in found
    bare = found.replace("<!-- -->", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|~$]", bare)
    assert "<" not in bare
    assert ">" not in bare


def test_nobody_is_called_and_nothing_is_linked() -> None:
    assert plain("@team see #12") == "@<!-- -->team see #<!-- -->12"
    assert "https://" not in plain("https://example.org")
    assert "www." not in plain("www.example.org")
    assert plain(":tada:") != ":tada:"


def test_hostile_names_break_no_table(make_run: Callable[..., Run], spoil: Callable[[Run, str], Run]) -> None:
    text = markdown_summary(report(spoil(make_run(3), "</details>|<b>`x`\n## Pass")), command="x ``` y")
    assert text.count("</details>") == 1
    assert "\n## Pass" not in text
    assert "````console" in text
