"""OpenAI's wire formats, written from the server's side: chat completions, responses, embeddings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assay.models.chat import Usage
from assay.testing.replies import Cut, Say

Json = dict[str, Any]


def embeddings(body: Mapping[str, Any], dimensions: int) -> Json:
    """Vectors that depend on each text alone, not of unit length."""
    given = body.get("input", "")
    texts = [given] if isinstance(given, str) else list(given)
    data = []
    for i, text in enumerate(texts):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = (3 * np.random.default_rng(seed).standard_normal(dimensions)).tolist()
        data.append({"object": "embedding", "index": i, "embedding": vector})
    # In reverse: the order of a reply is by index, not by position.
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "model": body.get("model", ""), "data": data[::-1], "usage": usage}


def whole(reply: Say, path: str) -> Json:
    """The reply to a request that does not stream: the text, or where only pieces were given all of them."""
    reply = replace(reply, text=reply.text or "".join(reply.pieces or ()))
    if path.endswith("/responses"):
        return _response(reply, "completed", [_output_message(reply.text)])
    message: Json = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = _tool_calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": reply.reason, "logprobs": None}
    return {**_head(reply.model, "chat.completion"), "choices": [choice], "usage": _usage(reply.usage)}


def frames(reply: Say | Cut, path: str, body: Mapping[str, Any]) -> Iterator[bytes]:
    """The server-sent events of a reply, one a frame."""
    if isinstance(reply, Cut):
        yield from _cut(reply, path)
    elif path.endswith("/responses"):
        yield from _response_events(reply)
    else:
        yield from _chunks(reply, usage=bool((body.get("stream_options") or {}).get("include_usage")))


def _chunks(reply: Say, *, usage: bool) -> Iterator[bytes]:
    yield _chunk(reply.model, {"role": "assistant", "content": ""})
    if reply.reasoning:
        yield _chunk(reply.model, {"reasoning_content": reply.reasoning})
    for piece in _pieces(reply):
        yield _chunk(reply.model, {"content": piece})
    for i, call in enumerate(_tool_calls(reply)):
        yield _chunk(reply.model, {"tool_calls": [{"index": i, **call}]})
    yield _chunk(reply.model, {}, reply.reason)
    if usage:
        yield _event({**_head(reply.model, "chat.completion.chunk"), "choices": [], "usage": _usage(reply.usage)})
    yield b"data: [DONE]\n\n"


def _cut(reply: Cut, path: str) -> Iterator[bytes]:
    name = "scripted-2026"
    if path.endswith("/responses"):
        yield from _response_beginning(name)
        yield from (_named("response.output_text.delta", _piece(piece)) for piece in reply.pieces)
    elif reply.how == "empty":
        yield _event({**_head(name, "chat.completion.chunk"), "choices": []})
    else:
        yield _chunk(name, {"role": "assistant", "content": ""})
        yield from (_chunk(name, {"content": piece}) for piece in reply.pieces)
    if reply.how == "malformed":
        yield b'data: {"id": "x", "choices": [{"delta"\n\n'
    elif reply.how == "error":
        yield _event({"error": {"code": 500, "message": "slot was lost", "type": "server_error"}})
    elif reply.how in ("unfinished", "empty"):
        yield b"data: [DONE]\n\n"


def _response_events(reply: Say) -> Iterator[bytes]:
    """The Responses API: named events around one message."""
    yield from _response_beginning(reply.model)
    for piece in _pieces(reply):
        yield _named("response.output_text.delta", _piece(piece))
    message = _output_message(reply.text)
    done = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "text": reply.text, "logprobs": []}
    yield _named("response.output_text.done", done)
    yield _named("response.output_item.done", {"output_index": 0, "item": message})
    yield _named("response.completed", {"response": _response(reply, "completed", [message])})


def _response_beginning(model: str) -> Iterator[bytes]:
    created = {"id": "resp_1", "object": "response", "created_at": 0, "model": model, "status": "in_progress"}
    common = {"output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    yield _named("response.created", {"response": {**created, **common}})
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    yield _named("response.output_item.added", {"output_index": 0, "item": item})
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield _named(
        "response.content_part.added",
        {"item_id": "msg_1", "output_index": 0, "content_index": 0, "part": part},
    )


def _response(reply: Say, status: str, output: list[Json]) -> Json:
    usage = {
        "input_tokens": reply.usage.input,
        "output_tokens": reply.usage.output,
        "total_tokens": reply.usage.input + reply.usage.output,
        "input_tokens_details": {"cached_tokens": reply.usage.cached},
        "output_tokens_details": {"reasoning_tokens": reply.usage.reasoning},
    }
    common = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage}
    head = {"id": "resp_1", "object": "response", "created_at": 0, "model": reply.model, "status": status}
    return {**head, "output": output, **common}


def _output_message(text: str) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}


def _piece(piece: str) -> Json:
    return {"item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": piece, "logprobs": []}


def _pieces(reply: Say) -> list[str]:
    if reply.pieces is not None:
        return list(reply.pieces)
    return re.findall(r"\s*\S+\s*$|\s*\S+", reply.text) or ([reply.text] if reply.text else [])


def _tool_calls(reply: Say) -> list[Json]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.calls
    ]


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _head(model: str, kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": model}


def _chunk(model: str, delta: Json, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _event({**_head(model, "chat.completion.chunk"), "choices": [choice]})


def _event(value: Json) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _named(name: str, value: Json) -> bytes:
    return f"event: {name}\n".encode() + _event({"type": name, "sequence_number": 0, **value})
