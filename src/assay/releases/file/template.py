"""The text of a new ``assay.toml``: every key explained, the defaults as comments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from assay.releases.file.governance import Evaluation, Limits, Tracing
from assay.releases.file.rollout_section import RolloutGuard, RolloutPlan
from assay.releases.file.sections import AnswerRecipe, IndexRecipe, Retrieval, Source

_SOURCE = Source(path=".")
_INDEX, _RETRIEVAL, _ANSWER = IndexRecipe(), Retrieval(), AnswerRecipe()
_LIMITS, _TRACING, _EVALUATION, _ROLLOUT = Limits(), Tracing(), Evaluation(), RolloutPlan()


@dataclass(frozen=True, slots=True)
class NewSource:
    """One ``[[sources]]`` entry; the globs are relative to ``path``."""

    path: str
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


def toml(value: object) -> str:
    """A value as TOML: text, numbers, true, false and arrays of these."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(item) for item in value)}]"
    return json.dumps(value)


def application(name: str, sources: Sequence[NewSource], *, prompt: str, datasets: str) -> str:
    """The whole file."""
    return "\n".join(
        [
            "# An application of Assay. Paths are relative to this file; unknown keys are errors.",
            "# A line that begins with `# key = value` shows a default: remove the `# ` to change it.",
            "",
            "[app]",
            f"name = {toml(name)}",
            "",
            *(line for number, source in enumerate(sources) for line in _source(source, explain=not number)),
            _REST.format(
                index=_INDEX,
                retrieval=_RETRIEVAL,
                answer=_ANSWER,
                limits=_LIMITS,
                linked=toml(_RETRIEVAL.linked),
                rerank=toml(_RETRIEVAL.rerank),
                content=toml(_TRACING.content),
                prompt=toml(prompt),
                datasets=toml([datasets]),
                evaluation=_EVALUATION,
                scorers=toml(_EVALUATION.scorers),
                rollout=_ROLLOUT,
                stages=toml(_ROLLOUT.stages),
                shadow=f"share = {_ROLLOUT.shadow.share}, answers = {_ROLLOUT.shadow.answers}",
                guards=", ".join(_guard(name, guard) for name, guard in _ROLLOUT.guards.items()),
            ),
        ]
    )


def _source(source: NewSource, *, explain: bool) -> list[str]:
    """One entry; the first of several explains the keys, and all of them in comments."""
    lines = [_line("[[sources]]", "one such table for each place" if explain else "")]
    lines.append(
        _line(
            f"path = {toml(source.path)}",
            "a folder, a file, or .jsonl with a document a line" if explain else "",
        )
    )
    if source.include:
        lines.append(f"include = {toml(source.include)}")
    elif explain:
        lines.append(_line('# include = ["**/*.md"]', "which files; without it all that can be read"))
    if source.exclude:
        lines.append(f"exclude = {toml(source.exclude)}")
    elif explain:
        lines.append(_line('# exclude = ["drafts/**"]', "which files not"))
    lines.append(
        _line(
            f"access = {toml(_SOURCE.access)}",
            'groups that may read; "public" is everybody' if explain else "",
        )
    )
    if explain:
        lines += [
            _line('# metadata = { team = "support" }', "given to every document, to filter by"),
            _line('# prefix = "handbook/"', "put before document ids, to keep sources apart"),
            _line(f"# max_bytes = {_SOURCE.max_bytes}", "a larger document is reported and left out"),
        ]
    return [*lines, ""]


def _guard(name: str, guard: RolloutGuard) -> str:
    bound = f"margin = {toml(guard.margin)}" if guard.margin is not None else f"ratio = {toml(guard.ratio)}"
    return f"{name} = {{ {bound} }}"


def _line(code: str, comment: str) -> str:
    return f"{code:<39}# {comment}" if comment else code


_REST = """\
[index]
# chunker = "{index.chunker}"                # structure | tokens | sentences
# max_tokens = {index.max_tokens}                     # of a chunk, by the embedder's tokenizer
# overlap = {index.overlap}                          # tokens that neighbouring chunks share
# embedder = "{index.embedder}"                  # comes with Assay; or a name from [embedders.NAME]
# store = "{index.store}"                   # embedded | lance (larger corpora, object storage)

[retrieval]
# mode = "{retrieval.mode}"                      # dense | lexical | hybrid
# candidates = {retrieval.candidates}                      # looked at
# keep = {retrieval.keep}                             # given to the model
# dense_weight = {retrieval.dense_weight}                   # the dense side's share in hybrid, 0 to 1
# rerank = {rerank}                       # or the name of a reranker
# neighbours = {retrieval.neighbours}                       # chunks on each side that are joined to a hit
# linked = {linked}                       # a second hop, for questions that need two documents

# The model that answers. "local" needs no key, no server and no network: it quotes the
# best-supported sentences. For a language model, fill in the next table and name it in `route`.
[models.local]
uses = "extractive"

# [models.main]
# uses = "openai:gpt-5-mini"             # provider:model; or "openai-compatible" with the next two
# base_url = "http://localhost:8000/v1"  # vLLM, Ollama, llama.cpp, …
# model = "name-at-that-server"
# api_key_env = "OPENAI_API_KEY"         # the variable's name, never the key
# timeout = "60 s"

[answer]
prompt = {prompt}
route = ["local"]                      # tried in order, for example ["main", "local"]
# context_tokens = {answer.context_tokens}                # evidence given to the model
# unsupported = "{answer.unsupported}"             # what no source supports: withhold | mark
# abstain_below = 0.5                  # say nothing below this confidence; without it a fitted threshold

[limits]
# data = "{limits.data}"                         # "local" refuses any model that would leave this machine
# cost_per_answer = "0.02 USD"         # this and the next two: declared, not yet enforced
# cost_per_day = "50 USD"
# latency_p95 = "4 s"

[evaluation]                           # what `assay eval` measures
datasets = {datasets}
# scorers = {scorers}
# judge = "{evaluation.judge}"                    # or a model's name, "panel:a,b", "cascade:offline,main"
# repeats = {evaluation.repeats}                          # how often each case is asked

[evaluation.gate]                      # how much worse than live a release may be
# faithfulness = {{ margin = 0.05 }}
# latency_p95 = {{ ratio = 1.2 }}

[rollout]                              # how `assay rollout` moves users from live to a new release
# stages = {stages}     # shares of them, growing to 1
# sticky = "{rollout.sticky}"                      # what keeps its release: user | session | request
# alpha = {rollout.alpha}                         # chance of a false way back, and of a false promotion
# risk_per_quarter = {rollout.risk_per_quarter}               # all false promotions of a quarter, added up
# least_answers = {rollout.least_answers}                  # users of the candidate in a stage, before the next
# least_time = "10 min"                # a stage, at least
# longest = "7 d"                      # all of it; what is not shown to be safe by then does not ship
# judged = {rollout.judged}                         # share of the answers that a judge scores, for judged guards
# shadow = {{ {shadow}, time = "1 h", cost = "1 USD" }}  # copies, seen by no user
# How much worse than live a release may be. To these may come any metric of a scorer, which is then
# judged on live answers, such as "faithfulness", and "feedback", people's thumbs: {{ margin = 0.05 }}.
# guards = {{ {guards} }}

[tracing]
# content = {content}                       # false keeps questions, answers and passages out of traces
# otlp = "http://localhost:4318"       # also send traces to this OpenTelemetry collector
"""
