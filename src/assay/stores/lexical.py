"""The lexical recipe: fields and their weights, the analysis of words, and the query made of them.

Change a constant and raise LEXICAL_REVISION: every index is then built anew when next opened.
Weights apply to queries and need no new revision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import tantivy
from tantivy import Filter, Occur, Query, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from assay.documents import Chunk
from assay.sayable import sayable
from assay.stores.index import Scope
from assay.stores.scoping import (
    access_terms_of,
    group_terms,
    metadata_terms_of,
    term,
    where_terms,
)

LEXICAL_REVISION = 2

WEIGHTS = {"title": 0.5, "place": 0.5, "headings": 0.5, "body": 1.0}
"""What a match in each field counts; BM25 scores of the fields are added. ``place`` holds the words of
a document's path or address. Chosen by benchmarks/retrieval.py: a match in a short field scores high
by itself, since BM25 divides by length."""

LANGUAGE = "english"
STOPWORDS = True
LONGEST_WORD = 64
MOST_TERMS = 64
"""Terms of a question beyond this many are dropped, the commonest first."""

_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]+")
_ANALYSED_CHARACTERS = 50_000
_ANALYZER = f"assay-{LEXICAL_REVISION}"


def analyzer() -> TextAnalyzer:
    """The one analysis, of chunks and of questions: words, lower case, no accents, stems."""
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(LONGEST_WORD))
    builder = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    if STOPWORDS:
        builder = builder.filter(Filter.stopword(LANGUAGE))
    return builder.filter(Filter.stemmer(LANGUAGE)).build()


def schema() -> tantivy.Schema:
    """Weighted text fields, raw fields to filter by, the chunk's id and row, and the index's own stamp."""
    builder = tantivy.SchemaBuilder()
    for field in WEIGHTS:
        builder.add_text_field(field, tokenizer_name=_ANALYZER, index_option="freq")
    for field in ("access", "metadata", "document", "role"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic", stored=True)
    builder.add_text_field("stamp", tokenizer_name="raw", index_option="basic", stored=True)
    builder.add_unsigned_field("row", indexed=True, fast=True)
    return builder.build()


def prepare(index: tantivy.Index) -> tantivy.Index:
    """What an index must know before it reads or writes: our analysis, and to reload only when told."""
    index.register_tokenizer(_ANALYZER, analyzer())
    index.config_reader("manual", 0)
    return index


def entry(row: int, chunk: Chunk) -> tantivy.Document:
    """A chunk as it is indexed, under the number of its row."""
    document = tantivy.Document(
        id=chunk.id,
        document=term(chunk.document),
        access=access_terms_of(chunk),
        metadata=metadata_terms_of(chunk),
        title=sayable(chunk.title),
        headings=[sayable(heading) for heading in chunk.headings if heading != chunk.title],
        body=sayable(chunk.text),
        place=sayable(place_words(chunk.document)),
    )
    document.add_unsigned("row", row)  # a keyword would make it a signed one, which the field refuses
    return document


def place_words(document: str) -> str:
    """The path in a document's id, without scheme and host; empty for an id that is no path."""
    return _HOST.sub("", document) if "/" in document else ""


def words(analysis: TextAnalyzer, text: str) -> list[str]:
    """The distinct terms of a text in order of their first occurrence; no character has a meaning."""
    return list(dict.fromkeys(analysis.analyze(sayable(text[:_ANALYSED_CHARACTERS]))))


def question_query(searcher: tantivy.Searcher, schema: tantivy.Schema, terms: Sequence[str]) -> Query | None:
    """Any of the terms in any field, by weighted BM25; None when no chunk has one of them."""
    known = [(frequency, term) for term in terms if (frequency := sum(_frequencies(searcher, term))) > 0]
    if not known:
        return None
    kept = {term for _, term in sorted(known)[:MOST_TERMS]}
    return Query.boolean_query(
        [
            (Occur.Should, Query.boost_query(Query.term_query(schema, field, term, "freq"), weight))
            for term in terms
            if term in kept
            for field, weight in WEIGHTS.items()
        ]
    )


def containing_query(schema: tantivy.Schema, terms: Sequence[str]) -> Query:
    """Chunks that have every term, each in some field."""
    return Query.boolean_query([(Occur.Must, _in_some_field(schema, term)) for term in terms])


def scope_query(schema: tantivy.Schema, scope: Scope) -> Query:
    """Chunks that the scope admits; adds nothing to a score."""
    parts = [_any_of(schema, "access", group_terms(scope))]
    parts += [_any_of(schema, "metadata", [wanted]) for wanted in where_terms(scope)]
    if scope.documents is not None:
        parts.append(_any_of(schema, "document", sorted(term(document) for document in scope.documents)))
    return Query.boolean_query([(Occur.Must, Query.const_score_query(part, 0.0)) for part in parts])


def _any_of(schema: tantivy.Schema, field: str, terms: Sequence[str]) -> Query:
    if not terms:
        return Query.empty_query()
    if len(terms) == 1:
        return Query.term_query(schema, field, terms[0], "basic")
    return Query.term_set_query(schema, field, terms)


def _in_some_field(schema: tantivy.Schema, term: str) -> Query:
    return Query.boolean_query([(Occur.Should, Query.term_query(schema, field, term, "basic")) for field in WEIGHTS])


def _frequencies(searcher: tantivy.Searcher, term: str) -> list[int]:
    return [searcher.doc_freq(field, term) for field in WEIGHTS]
