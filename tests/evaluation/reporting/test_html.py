"""The page: whole, escaped, self-contained, small."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.evaluation.comparison import compare
from assay.evaluation.records import Run
from assay.evaluation.reporting import svg
from assay.evaluation.reporting.html import html_report
from assay.evaluation.reporting.markup import element, joined
from assay.evaluation.reporting.summary import Report, report
from assay.evaluation.samples import Answered, Failed
from assay.evaluation.verdicts import Fail, Guard, Inconclusive, Pass, Verdict

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style><script>x</script>",
    "</textarea></title><iframe src=//evil>",
    "]]>--><!-- <b>",
    "javascript:alert(1)",
    "&lt;script&gt; &amp;#60;",
    "\x00\x08\x1b[31m \ud800 \ufffe \u202e",
    "{{7*7}} ${7*7} <% x %>",
]
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, scripts, and whether everything is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def check(text: str) -> Page:
    """A page that is well formed, asks nobody for anything, and runs no script but its own."""
    page = Page(text)
    assert page.open == []
    assert len(page.scripts) == 1
    assert "alert" not in page.scripts[0]
    allowed = {tag for tag, _ in page.elements}
    assert not allowed & {"img", "iframe", "object", "embed", "link", "base", "a:href", "audio", "video"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "src" not in attributes
        href = attributes.get("href")
        assert href is None or href.startswith("#"), href
    return page


def test_the_page_has_a_language_a_title_headings_in_order_and_every_section(compared_report: Report) -> None:
    page = check(html_report(compared_report))
    assert page.tags("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[:2] == [1, 2]
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {"metrics", "comparison", "regressed", "flips", "differences", "confidence", "distributions", "slices",
            "missing", "all", "provenance"} <= ids  # fmt: skip
    labelled = [a["aria-labelledby"] for a in page.tags("section") if "aria-labelledby" in a]
    assert set(labelled) <= ids
    assert all(attributes.get("aria-label") for attributes in page.tags("svg"))


def test_every_reference_within_the_page_leads_somewhere(compared_report: Report) -> None:
    page = check(html_report(compared_report))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for attributes in page.tags("a")]
    assert len(targets) > 10
    assert {str(target)[1:] for target in targets} <= set(ids)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_texts_are_only_shown(
    attack: str, make_report: Callable[..., Report], spoil: Callable[[Run, str], Run]
) -> None:
    whole = make_report(12)
    assert whole.baseline is not None
    run, baseline = spoil(whole.run, attack), spoil(whole.baseline, attack)
    hostile = report(run, comparison=compare(run, baseline, [Guard("correctness", margin=0.02)]), baseline=baseline)
    calm = Page(html_report(whole))
    page = check(html_report(hostile))
    known = {tag for tag, _ in calm.elements} | {"rect", "circle", "polygon", "polyline"}
    assert {tag for tag, _ in page.elements} <= known


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.sampled_from(ATTACKS))
def test_any_text_leaves_the_page_whole(
    make_report: Callable[..., Report], spoil: Callable[[Run, str], Run], text: str, attack: str
) -> None:
    run = spoil(make_report(3, alone=True).run, f"{text}{attack}{text}")
    page = check(html_report(report(run)))
    html_report(report(run)).encode()
    assert all(ord(c) >= 32 or c in "\t\n\r" for c in page.text)


@given(st.text(max_size=50), st.text(max_size=50))
def test_an_element_holds_any_text_and_any_attribute(text: str, value: str) -> None:
    page = Page(element("p", text, title=value))
    assert [tag for tag, _ in page.elements] == ["p"]
    assert len(page.elements[0][1]) == 1
    assert page.open == []


def test_only_markup_made_here_is_inserted_as_it_is() -> None:
    assert joined(["<b>", element("b", "<"), None, 1200]) == "&lt;b&gt;<b>&lt;</b>1,200"
    assert element("p", class_="x", hidden=True, title=None, data_n=1.50) == '<p class="x" hidden data-n="1.5"></p>'


def test_a_policy_in_the_page_forbids_all_scripts_but_its_own(compared_report: Report) -> None:
    import hashlib
    from base64 import b64encode

    page = check(html_report(compared_report))
    policy = next(a["content"] for a in page.tags("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-inline'; script" in policy  # for styles only
    assert b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode() in policy


def test_nothing_outside_the_page_is_named(compared_report: Report) -> None:
    assert not re.search(r"https?://|@import|url\(", html_report(compared_report))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Pass("4 guards passed"), "Pass: not worse than live"),
        (Fail("worse"), "Fail: worse than live"),
        (Inconclusive("too few", 240), "Inconclusive"),
    ],
)
def test_the_verdict_stands_first(verdict: Verdict, words: str, make_report: Callable[..., Report]) -> None:
    page = check(html_report(make_report(40, verdict=verdict)))
    assert words in page.text
    assert page.text.index(words) < page.text.index("Metrics")


def test_a_run_alone_has_no_verdict_and_no_comparison(make_report: Callable[..., Report]) -> None:
    page = check(html_report(make_report(20, alone=True, repeats=2)))
    assert "there is no baseline" in page.text
    assert "repeat 2" in page.text
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert "comparison" not in ids
    assert "flips" not in ids


def test_failures_only_and_a_single_case_are_pages_too(make_run: Callable[..., Run]) -> None:
    run = make_run(3)
    failed = replace(run, results=tuple(replace(r, outcome=Failed("X", "y"), scores={}) for r in run.results))
    assert "not scored" in check(html_report(report(failed))).text
    check(html_report(report(replace(run, results=run.results[:1]))))
    check(html_report(report(replace(run, results=()))))


def test_uncorrected_judgements_are_marked(compared_report: Report) -> None:
    text = check(html_report(compared_report)).text
    assert "uncorrected" in text
    assert "judge alone" in text


def test_every_case_is_there_with_its_answer_and_scores(compared_report: Report) -> None:
    text = html_report(compared_report)
    page = check(text)
    cases = [a for a in page.tags("details") if a.get("class") == "case"]
    assert len(cases) == 120
    for result in compared_report.run:
        assert result.case.id in page.text
    assert "ModelTimeout" in page.text or "RateLimited" in page.text


@pytest.mark.parametrize("letters", ["x", "<&>", "文書の"])
def test_a_thousand_cases_with_long_answers_stay_under_three_megabytes(
    letters: str, make_report: Callable[..., Report]
) -> None:
    found = make_report(1000)

    def longer(run: Run) -> Run:
        text = f"{letters} word " * 400
        results = (
            replace(r, outcome=replace(r.outcome, text=text)) if isinstance(r.outcome, Answered) else r for r in run
        )
        return replace(run, results=tuple(results))

    assert found.baseline is not None
    page = html_report(replace(found, run=longer(found.run), baseline=longer(found.baseline)))
    assert len(page.encode()) < 3_000_000
    assert "more characters)" in page


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_pair_of_colours_that_meet_has_enough_contrast_in_both_schemes(compared_report: Report) -> None:
    style = html_report(compared_report).partition("<style>")[2].partition("</style>")[0]
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", scheme))
        texts = [("ink", "paper"), ("quiet", "paper"), ("quiet", "fill"), ("ink", "fill"), ("subject", "paper"),
                 ("better", "paper"), ("worse", "paper"), ("ink", "card"), ("quiet", "card"),
                 *((side, f"{side}-fill") for side in ("better", "worse", "open")),
                 *(("ink", f"{side}-fill") for side in ("better", "worse", "open"))]  # fmt: skip
        shapes = [("baseline", "paper"), ("better", "paper"), ("worse", "paper"), ("subject", "paper")]
        for least, pairs in ((4.5, texts), (3.0, shapes)):
            for front, back in pairs:
                one, two = sorted((luminance(colour[front]), luminance(colour[back])))
                assert (two + 0.05) / (one + 0.05) >= least, (front, back)


def test_scales_end_at_their_ends_and_tick_at_round_values() -> None:
    scale = svg.Scale(0, 1, 10, 110)
    assert (scale(0), scale(1), scale(2), scale(float("inf"))) == (10, 110, 110, 110)
    assert scale.ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert svg.Scale(200, 6000, 0, 1, logarithmic=True).ticks() == [200, 500, 1000, 2000, 5000]
    assert svg.Scale(3, 3, 0, 1).ticks() == [3]


def test_drawings_are_well_formed(compared_report: Report) -> None:
    drawings = re.findall(r"<svg.*?</svg>", html_report(compared_report), re.DOTALL)
    assert len(drawings) > 20
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "nan" not in drawing
        assert "inf" not in drawing
