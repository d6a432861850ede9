"""Scorers by name, as ``[evaluation] scorers`` in the application's file names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from assay import plugins
from assay.errors import InputError, PluginError
from assay.evaluation.judging import Judge
from assay.evaluation.scorers.abstention import Abstention
from assay.evaluation.scorers.citations import Citations
from assay.evaluation.scorers.context import Context
from assay.evaluation.scorers.correctness import Correctness
from assay.evaluation.scorers.cost import Cost
from assay.evaluation.scorers.errors import Errors
from assay.evaluation.scorers.faithfulness import Faithfulness
from assay.evaluation.scorers.final_state import FinalState
from assay.evaluation.scorers.latency import Latency
from assay.evaluation.scorers.relevance import Relevance
from assay.evaluation.scorers.retrieval import Retrieval
from assay.evaluation.scorers.tool_calls import ToolCalls
from assay.evaluation.scorers.trajectory import Trajectory
from assay.evaluation.scoring import Scorer

NAMES = (
    "retrieval",
    "faithfulness",
    "relevance",
    "context",
    "correctness",
    "citations",
    "abstention",
    "latency",
    "cost",
    "errors",
    "final_state",
    "tool_calls",
    "trajectory",
)
"""The scorers that come with Assay."""
ASKING = frozenset({"faithfulness", "relevance", "context", "correctness", "citations"})
"""Those that ask a judge, where there is one."""
JUDGED = frozenset({"faithfulness", "relevance"})
"""Those that are nothing without a judge."""
PORT = "scorer"
"""A plug-in is an entry point of group ``assay.scorer``: a callable that takes the judge, a Judge or None, and
returns a Scorer."""


def open_scorers(names: Sequence[str], *, judge: Judge | None = None) -> tuple[Scorer, ...]:
    """The scorers with these names, in this order; a name that stands twice is opened once.

    Names without a scorer of Assay's are looked for among the plug-ins. Raises InputError for an unknown name,
    with the nearest one, for a scorer that lacks its judge, and for two that give the same metric; PluginError
    for a plug-in that cannot be loaded.
    """
    scorers = tuple(_open(name, judge) for name in dict.fromkeys(names))
    owners: dict[str, str] = {}
    for scorer in scorers:
        for metric in scorer.metrics:
            if metric.name in owners:
                raise InputError(f"scorers {owners[metric.name]!r} and {scorer.name!r} both give {metric.name!r}")
            owners[metric.name] = scorer.name
    return scorers


def asks_judge(name: str) -> bool:
    """Whether the scorer may ask a judge; of a plug-in nobody knows before it is opened."""
    return name in ASKING or name not in NAMES


def scorer_names() -> list[str]:
    """All names that can be opened: Assay's, then plug-ins by name."""
    return [*NAMES, *(name for name in plugins.names(PORT) if name not in NAMES)]


def _open(name: str, judge: Judge | None) -> Scorer:
    if name in JUDGED and judge is None:
        raise InputError(f"scorer {name!r} needs a judge")
    if (make := _makers(judge).get(name)) is not None:
        return make()
    if name in plugins.names(PORT):
        return _plugin(name, judge)
    near = get_close_matches(name, scorer_names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(scorer_names())}"
    raise InputError(f"there is no scorer {name!r}; {hint}")


def _makers(judge: Judge | None) -> Mapping[str, Callable[[], Scorer]]:
    makers: dict[str, Callable[[], Scorer]] = {
        "retrieval": Retrieval,
        "context": lambda: Context(judge),
        "correctness": lambda: Correctness(judge),
        "citations": lambda: Citations(judge),
        "abstention": Abstention,
        "latency": Latency,
        "cost": Cost,
        "errors": Errors,
        "final_state": FinalState,
        "tool_calls": ToolCalls,
        "trajectory": Trajectory,
    }
    if judge is not None:
        makers |= {"faithfulness": lambda: Faithfulness(judge), "relevance": lambda: Relevance(judge)}
    return makers


def _plugin(name: str, judge: Judge | None) -> Scorer:
    made: Scorer = plugins.load(PORT, name)(judge)
    missing = [part for part in ("name", "identity", "metrics", "score") if not hasattr(made, part)]
    if missing:
        raise PluginError(f"scorer {name!r} of a plug-in is no Scorer: it lacks {', '.join(missing)}")
    return made
