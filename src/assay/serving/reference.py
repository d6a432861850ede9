"""The API's documentation as one page of HTML, made here: it needs no script and no other server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884; padding-bottom: .2rem }
h3 { margin: 1.6rem 0 .3rem } h3 code { font-size: 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: #8881; padding: .8rem; overflow-x: auto; border-radius: 4px }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-top: 1px solid #8883 }
th { font-weight: 600 } .method { font-weight: 700; text-transform: uppercase }
"""

Schema = Mapping[str, Any]


def page(openapi: Schema) -> str:
    """The page for an OpenAPI 3.1 document."""
    title = escape(openapi["info"]["title"])
    example = """from openai import OpenAI

client = OpenAI(base_url="http://HOST:PORT/v1", api_key="none")
stream = client.chat.completions.create(
    model="NAME", messages=[{"role": "user", "content": "…"}], stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")"""
    body = "\n".join(
        [
            f"<h1>{title} <small>{escape(openapi['info']['version'])}</small></h1>",
            _prose(openapi["info"].get("description", "")),
            f"<pre>{escape(example)}</pre>",
            '<p><a href="openapi.json">openapi.json</a></p>',
            "<h2>Paths</h2>",
            *_paths(openapi["paths"]),
            "<h2>Objects</h2>",
            *_objects(openapi.get("components", {}).get("schemas", {})),
        ]
    )
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>'


def _paths(paths: Schema) -> Iterator[str]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield f'<h3><code><span class="method">{escape(method)}</span> {escape(path)}</code></h3>'
            yield _prose(operation.get("description", ""))
            rows = [
                (f"{parameter['in']} <code>{escape(parameter['name'])}</code>", _type(parameter.get("schema", {})))
                for parameter in operation.get("parameters", [])
            ]
            if "requestBody" in operation:
                rows.append(("body", _content(operation["requestBody"])))
            for status, reply in operation["responses"].items():
                rows.append((escape(status), f"{_content(reply)} {_inline(reply.get('description', ''))}"))
            yield _table(rows)


def _objects(schemas: Schema) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>'
        yield _prose(schema.get("description", ""))
        needed = schema.get("required", [])
        yield _table(
            (
                f"<code>{escape(field)}</code>",
                f"{_type(inner)}{'' if field in needed else ' (optional)'} {_inline(inner.get('description', ''))}",
            )
            for field, inner in schema.get("properties", {}).items()
        )


def _table(rows: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th>{left}</th><td>{right}</td></tr>" for left, right in rows)
    return f'<div class="scroll"><table>{lines}</table></div>' if lines else ""


def _content(part: Schema) -> str:
    kinds = [_type(inner.get("schema", {})) for inner in part.get("content", {}).values()]
    return " or ".join(dict.fromkeys(kinds))


def _type(schema: Schema) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}"><code>{name}</code></a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(map(_type, schema[several]))
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}" if "items" in schema else "array"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "any")))


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part)


def _inline(text: str) -> str:
    """Of Markdown, what descriptions here use: code and bold."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", coded)
