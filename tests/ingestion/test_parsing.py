"""Text, marks and reasons of each format."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import Mark
from assay.errors import SourceError
from assay.ingestion.decoding import decoded
from assay.ingestion.markdown import headings
from assay.ingestion.media import CODE, MARKDOWN, PLAIN, RICH
from assay.ingestion.parsing import Parsed
from assay.ingestion.plain_parsing import parsed
from assay.ingestion.rich_parsing import RichParser

pytestmark = pytest.mark.anyio


def labels(found: Parsed, kind: str = "heading") -> list[tuple[str, int]]:
    return [(mark.label, mark.level) for mark in found.marks if mark.kind == kind]


def test_markdown_headings_stand_where_they_are() -> None:
    text = (
        "---\ntitle: 'Front'\n# not this\n---\n# One #\n\ntext\n\n```sh\n# no heading\n```\n"
        "Two\n===\n\n~~~\n```\n# no\n~~~\n### **Three** [link](u)\n\npara\nlast line\n---\n#hashtag\n"
    )
    found = parsed(text.encode(), MARKDOWN)
    assert found.text == text
    assert found.title == "Front"
    assert labels(found) == [("One", 1), ("Two", 1), ("Three link", 3)]
    assert [text[mark.start :].split("\n")[0] for mark in found.marks] == [
        "# One #",
        "Two",
        "### **Three** [link](u)",
    ]


def test_windows_line_ends_keep_their_positions() -> None:
    found = parsed(b"# A\r\n\r\ntext\r\n\r\nB\r\n---\r\nmore", MARKDOWN)
    assert labels(found) == [("A", 1), ("B", 2)]
    assert [found.text[mark.start] for mark in found.marks] == ["#", "B"]


@given(st.text())
def test_marks_of_any_text_are_in_order_and_inside(text: str) -> None:
    marks = headings(text)
    starts = [mark.start for mark in marks]
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(text) for start in starts)
    assert all(mark.label.strip() for mark in marks)


def test_titles_of_plain_text_and_code() -> None:
    assert parsed(b"The Handbook\n\nIt begins here.", PLAIN).title == "The Handbook"
    assert parsed(b"The Handbook\n============\nIt begins.", PLAIN).title == "The Handbook"
    assert parsed(b"It is a sentence.\n\nAnother.", PLAIN).title == ""
    assert parsed(b"import os\n\n# no title\n", CODE).title == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = "Die Größe des Hauses – “quoted” – is about 30 €.\nPlain words follow here.\n"
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Привет, как дела сегодня вечером".encode("koi8-r"), "convert it to UTF-8"),
        ("日本語のテキストです。漢字とかな".encode("shift-jis"), "convert it to UTF-8"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (bytes(range(1, 32)) * 10, "binary"),
        (b"\xff\xfea\0b\0c", "not valid utf-16"),
    ],
)
def test_what_is_not_text_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        decoded(content)


@pytest.fixture(scope="module")
def rich() -> RichParser:
    return RichParser()


async def read(rich: RichParser, content: bytes, extension: str) -> Parsed:
    found = await rich.parse(content, RICH[extension])
    starts = [mark.start for mark in found.marks]
    assert starts == sorted(starts)
    assert all(start < len(found.text) for start in starts)
    return found


def at(found: Parsed, kind: str) -> dict[str, str]:
    """The line at which each mark of a kind stands."""
    return {m.label: found.text[m.start :].split("\n")[0] for m in found.marks if m.kind == kind}


async def test_pdf_pages(rich: RichParser, make: SimpleNamespace) -> None:
    found = await read(rich, make.pdf(["Zebras graze.", "Lions hunt.", "Birds fly."]), ".pdf")
    assert at(found, "page") == {"1": "Zebras graze.", "2": "Lions hunt.", "3": "Birds fly."}


async def test_docx_headings(rich: RichParser, make: SimpleNamespace) -> None:
    paragraphs = [("Title", "My doc"), ("Heading1", "Intro"), ("", "Hello."), ("Heading2", "Sub"), ("", "More.")]
    found = await read(rich, make.docx(paragraphs), ".docx")
    assert found.title == "My doc"
    assert labels(found) == [("My doc", 1), ("Intro", 2), ("Sub", 3)]
    assert at(found, "heading")["Intro"] == "## Intro"


async def test_pptx_slides(rich: RichParser, make: SimpleNamespace) -> None:
    found = await read(rich, make.pptx([("First", "alpha"), ("Second", "beta")]), ".pptx")
    assert at(found, "slide") == {"1": "## First", "2": "## Second"}
    assert "\ue000" not in found.text


async def test_xlsx_rows_carry_their_columns(rich: RichParser, make: SimpleNamespace) -> None:
    sheets = {"Prices": [["item", "price"], ["apple", "3"], ["pear", "4"]], "Stock": [["item"], ["fig"]]}
    found = await read(rich, make.xlsx(sheets), ".xlsx")
    assert list(at(found, "sheet")) == ["Prices", "Stock"]
    assert "item: pear; price: 4" in found.text
    assert not at(found, "page")


async def test_csv_and_tsv(rich: RichParser) -> None:
    found = await read(rich, b'name,note\napple,"red, sweet"\npear,\n', ".csv")
    assert found.text.split("\n")[:2] == ["name: apple; note: red, sweet", "name: pear"]
    assert "a: 1; b: 2" in (await read(rich, b"a\tb\n1\t2\n", ".tsv")).text


async def test_html_without_its_head(rich: RichParser) -> None:
    page = (
        "<html><head><meta charset='utf-8'><title>Größe &amp; Gewicht</title><meta name='description' content='d'>"
        "<style>p{}</style></head><body><nav>menu</nav><h1>Grüße</h1><p>Text.</p><ul><li>a<ul><li>b</li></ul></li>"
        "</ul><dl><dt>Term</dt><dd>Meaning</dd></dl><table><tr><th>k</th></tr><tr><td>v</td></tr></table>"
        "<script>bad()</script><h2>End</h2></body></html>"
    )
    found = await read(rich, page.encode(), ".html")
    assert found.title == "Größe & Gewicht"
    assert found.text.startswith("# Grüße")
    assert "Meaning" in found.text
    assert "| v |" in found.text
    assert "bad()" not in found.text
    assert labels(found) == [("Grüße", 1), ("End", 2)]


async def test_epub_email_rtf_and_odt(rich: RichParser, make: SimpleNamespace) -> None:
    book = await read(rich, make.epub([("One", "Chapter text."), ("Two", "More.")]), ".epub")
    assert (book.title, labels(book)) == ("The Book", [("One", 1), ("Two", 1)])
    mail = await read(rich, make.eml("The subject", "Body text"), ".eml")
    assert mail.title == "The subject"
    assert "From: ann@example.org" in mail.text
    assert "Body text" in mail.text
    assert "Hello rtf" in (await read(rich, make.rtf("Hello rtf"), ".rtf")).text
    assert "para two" in (await read(rich, make.odt(["para one", "para two"]), ".odt")).text


@pytest.mark.parametrize(
    ("content", "extension", "reason"),
    [
        (b"%PDF-1.4 broken", ".pdf", "damaged"),
        (b"not a zip", ".docx", "damaged"),
        (b"not a zip", ".epub", "damaged"),
        (b"<p></p>", ".html", "no text"),
    ],
)
async def test_damaged_files_have_a_reason(rich: RichParser, content: bytes, extension: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        await rich.parse(content, RICH[extension])


async def test_a_pdf_without_text_may_be_scanned(rich: RichParser, make: SimpleNamespace) -> None:
    with pytest.raises(SourceError, match="scanned"):
        await rich.parse(make.pdf([""]), RICH[".pdf"])


async def test_a_document_that_hangs_is_given_up_and_the_next_is_read() -> None:
    echo = (
        "import json,sys,time\n"
        "for line in sys.stdin.buffer:\n"
        "    sys.stdin.buffer.read(json.loads(line)['bytes']) == b'hang' and time.sleep(60)\n"
        "    print(json.dumps({'title':'','text':'t','marks':[[0,'page','1',0]]}), flush=True)"
    )
    rich = RichParser(seconds=1, command=(sys.executable, "-c", echo))
    began = time.monotonic()
    with pytest.raises(SourceError, match="more than 1 s"):
        await rich.parse(b"hang", RICH[".pdf"])
    assert time.monotonic() - began < 10
    assert await rich.parse(b"well", RICH[".pdf"]) == Parsed("", "t", (Mark(0, "page", "1"),))
    rich.close()


async def test_a_document_that_crashes_the_extraction() -> None:
    rich = RichParser(command=(sys.executable, "-c", "import os; os.abort()"))
    with pytest.raises(SourceError, match="crash"):
        await rich.parse(b"x", RICH[".pdf"])
    rich.close()


def test_what_a_dead_child_was_still_to_read_does_not_fail_the_end() -> None:
    rich = RichParser(command=(sys.executable, "-c", ""))
    child = rich._started()
    assert child.stdin is not None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    child.stdin.write(b"left in the buffer")
    rich.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps this limit")
def test_a_document_that_unpacks_into_too_much_ends_the_extraction_and_not_the_machine() -> None:
    code = (
        "from assay.ingestion.extraction import limit_memory\nlimit_memory(1)\n"
        "try:\n    bytearray(3_000_000_000)\nexcept MemoryError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "refused\n"
