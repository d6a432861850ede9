"""A pipeline over real stores, and small real files of each format, made byte by byte."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.ingestion.chunking.chunkers import CHUNKERS
from assay.ingestion.ingest import IngestReport, Pipeline, ingest
from assay.ingestion.ledger import Ledger
from assay.ingestion.parsing import Parser, revision
from assay.ingestion.plain_parsing import PlainParser
from assay.ingestion.recipe import Recipe
from assay.ingestion.rich_parsing import RichParser
from assay.ingestion.sources import Source
from assay.ingestion.verify import Verification, verify
from assay.stores.database import Database
from assay.stores.embedded_index import EmbeddedIndex
from assay.stores.embeddings import EmbeddingStore
from assay.stores.index import Scope
from assay.testing.embedder import HashEmbedder

_OFFICE = "http://schemas.openxmlformats.org"
_RELATIONSHIPS = f"{_OFFICE}/package/2006/relationships"
_OFFICE_RELATIONSHIPS = f"{_OFFICE}/officeDocument/2006/relationships"


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, compress_type=stored)
    return buffer.getvalue()


def _relationships(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE_RELATIONSHIPS}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets, start=1)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{_RELATIONSHIPS}">{rows}</Relationships>'


def _content_types(parts: dict[str, str]) -> str:
    rows = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in parts.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Types xmlns="{_OFFICE}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{rows}</Types>'
    )


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF with one line of Helvetica per line of each page's text."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in pages:
        drawn = "".join(f"({line}) Tj 0 -16 Td " for line in page.split("\n") if line)
        stream = f"BT /F1 12 Tf 72 720 Td {drawn}ET"
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>"
            f"/Contents {len(objects) + 2} 0 R>>"
        )
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()


def docx(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """A DOCX of (style, text) paragraphs; style "" is body text, "Heading1" a heading."""
    word = f"{_OFFICE}/wordprocessingml/2006/main"
    body = "".join(
        f"<w:p>{f'<w:pPr><w:pStyle w:val={style!r}/></w:pPr>' if style else ''}<w:r><w:t>{text}</w:t></w:r></w:p>"
        for style, text in paragraphs
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return _zip(
        {
            "[Content_Types].xml": _content_types({"word/document.xml": kind}),
            "_rels/.rels": _relationships(("officeDocument", "word/document.xml")),
            "word/document.xml": f'<?xml version="1.0"?><w:document xmlns:w="{word}"><w:body>{body}</w:body>'
            "</w:document>",
        }
    )


def pptx(slides: Sequence[tuple[str, str]]) -> bytes:
    """A PPTX of (title, text) slides."""
    draw, show = f"{_OFFICE}/drawingml/2006/main", f"{_OFFICE}/presentationml/2006/main"
    office = "application/vnd.openxmlformats-officedocument.presentationml"
    parts = {"ppt/presentation.xml": f"{office}.presentation.main+xml"}
    files = {"_rels/.rels": _relationships(("officeDocument", "ppt/presentation.xml"))}
    for number, (title, text) in enumerate(slides, start=1):
        name = f"ppt/slides/slide{number}.xml"
        parts[name] = f"{office}.slide+xml"
        shapes = "".join(
            f'<p:sp><p:nvSpPr><p:cNvPr id="{i}" name="s{i}"/><p:cNvSpPr/><p:nvPr>{place}</p:nvPr></p:nvSpPr>'
            f"<p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{content}</a:t></a:r></a:p></p:txBody></p:sp>"
            for i, (place, content) in enumerate([('<p:ph type="title"/>', title), ('<p:ph idx="1"/>', text)], start=2)
        )
        files[name] = (
            f'<?xml version="1.0"?><p:sld xmlns:p="{show}" xmlns:a="{draw}"><p:cSld><p:spTree>'
            '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
            f"{shapes}</p:spTree></p:cSld></p:sld>"
        )
    ids = "".join(f'<p:sldId id="{255 + i}" r:id="rId{i}"/>' for i in range(1, len(slides) + 1))
    files["ppt/presentation.xml"] = (
        f'<?xml version="1.0"?><p:presentation xmlns:p="{show}" xmlns:r="{_OFFICE_RELATIONSHIPS}">'
        f"<p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    )
    files["ppt/_rels/presentation.xml.rels"] = _relationships(
        *(("slide", f"slides/slide{i}.xml") for i in range(1, len(slides) + 1))
    )
    return _zip({"[Content_Types].xml": _content_types(parts), **files})


def xlsx(sheets: dict[str, Sequence[Sequence[str]]]) -> bytes:
    """An XLSX of named sheets of rows of text cells."""
    space = f"{_OFFICE}/spreadsheetml/2006/main"
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {"xl/workbook.xml": f"{office}.sheet.main+xml"}
    files = {"_rels/.rels": _relationships(("officeDocument", "xl/workbook.xml"))}
    listed = ""
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        path = f"xl/worksheets/sheet{number}.xml"
        parts[path] = f"{office}.worksheet+xml"
        listed += f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>'
        cells = "".join(
            f'<row r="{r}">'
            + "".join(
                f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{value}</t></is></c>'
                for c, value in enumerate(row, start=1)
            )
            + "</row>"
            for r, row in enumerate(rows, start=1)
        )
        files[path] = f'<?xml version="1.0"?><worksheet xmlns="{space}"><sheetData>{cells}</sheetData></worksheet>'
    files["xl/workbook.xml"] = (
        f'<?xml version="1.0"?><workbook xmlns="{space}" xmlns:r="{_OFFICE_RELATIONSHIPS}">'
        f"<sheets>{listed}</sheets></workbook>"
    )
    files["xl/_rels/workbook.xml.rels"] = _relationships(
        *(("worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(sheets) + 1))
    )
    return _zip({"[Content_Types].xml": _content_types(parts), **files})


def epub(chapters: Sequence[tuple[str, str]]) -> bytes:
    """An EPUB 3 of (heading, text) chapters."""
    page = "http://www.w3.org/1999/xhtml"
    items = "".join(
        f'<item id="c{i}" href="c{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<?xml version="1.0"?><container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "book.opf": '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Book</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for i, (heading, text) in enumerate(chapters):
        files[f"c{i}.xhtml"] = (
            f'<?xml version="1.0"?><html xmlns="{page}"><head><title>{heading}</title></head>'
            f"<body><h1>{heading}</h1><p>{text}</p></body></html>"
        )
    return _zip(files)


def odt(paragraphs: Sequence[str]) -> bytes:
    names = "urn:oasis:names:tc:opendocument:xmlns:"
    body = "".join(f"<text:p>{text}</text:p>" for text in paragraphs)
    return _zip(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<?xml version="1.0"?><office:document-content xmlns:office="{names}office:1.0" '
            f'xmlns:text="{names}text:1.0"><office:body><office:text>{body}</office:text></office:body>'
            "</office:document-content>",
            "META-INF/manifest.xml": f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{names}manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/" '
            'manifest:media-type="application/vnd.oasis.opendocument.text"/></manifest:manifest>',
        }
    )


def eml(subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ann@example.org", "bob@example.org"
    message.set_content(text)
    return bytes(message)


def rtf(text: str) -> bytes:
    return rf"{{\rtf1\ansi {text}\par}}".encode()


@pytest.fixture
def make() -> SimpleNamespace:
    """Builders of sample files: ``make.pdf([...])`` and so on, each returning bytes."""
    builders: dict[str, Callable[..., bytes]] = {
        "pdf": pdf, "docx": docx, "pptx": pptx, "xlsx": xlsx, "epub": epub, "odt": odt, "eml": eml, "rtf": rtf,
    }  # fmt: skip
    return SimpleNamespace(**builders)


@dataclass
class Bench:
    """A pipeline over real stores in a folder, with a counting embedder."""

    folder: Path
    embedder: HashEmbedder
    parsers: list[Parser]
    pipeline: Pipeline
    source: Source

    @property
    def docs(self) -> Path:
        return self.source.path

    def write(self, **files: str) -> None:
        """Write Markdown files: ``write(a="text")`` makes ``a.md``."""
        for name, text in files.items():
            (self.docs / f"{name}.md").write_text(text, encoding="utf-8")

    async def ingest(self, *sources: Source) -> IngestReport:
        return await ingest(sources or [self.source], self.pipeline)

    def verify(self, *sources: Source) -> Verification:
        found = sources or [self.source]
        return verify(found, self.pipeline.ledger, self.pipeline.index, index_id=self.pipeline.recipe.id)

    def texts(self) -> dict[str, list[str]]:
        """What the index holds: each document's chunk texts, whoever may read them."""
        inventory, groups = self.pipeline.index.inventory(), frozenset({"public", "staff", "board"})
        documents = sorted(set(inventory.chunks.values()))
        return {d: [c.text for c in self.pipeline.index.document(d, Scope(groups))] for d in documents}

    def recut(self, max_tokens: int) -> Bench:
        """The same sources under another recipe: a new index beside this one."""
        recipe = replace(self.pipeline.recipe, max_tokens=max_tokens)
        index = EmbeddedIndex(self.folder / recipe.id, self.embedder.dimensions)
        others = {self.pipeline.recipe.id: self.pipeline.index}
        return replace(self, pipeline=replace(self.pipeline, recipe=recipe, index=index, others=others))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    docs = tmp_path / "docs"
    docs.mkdir()
    embedder = HashEmbedder()
    rich = RichParser()
    parsers: list[Parser] = [PlainParser(), rich]
    database = Database.at(tmp_path / "state.sqlite")
    recipe = Recipe(
        "structure", 120, 0, embedder.identity, embedder.dimensions, embedder.max_tokens, "embedded", revision(parsers)
    )
    index = EmbeddedIndex(tmp_path / recipe.id, embedder.dimensions)
    pipeline = Pipeline(
        recipe=recipe,
        parsers=parsers,
        chunker=CHUNKERS["structure"],
        embedder=embedder,
        embeddings=EmbeddingStore(database),
        index=index,
        ledger=Ledger(database),
        lock=tmp_path / "ingest.lock",
    )
    yield Bench(tmp_path, embedder, parsers, pipeline, Source("docs", docs))
    index.close()
    database.close()
    rich.close()
