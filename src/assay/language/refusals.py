"""A model's own words for not knowing.

A refusal is not a statement about the world, so no passage can support it: it turns into
an abstention instead of being shown. The patterns are English, and anchored where a
sentence speaks of the evidence or of the speaker; "The API cannot answer requests above
10 MB" is no refusal.
"""

from __future__ import annotations

import re

_EVIDENCE = (
    r"(?:the |these |those |this |your |any of the |none of the |my )?"
    r"(?:given |provided |available |retrieved |supplied |quoted |numbered )*"
    r"(?:passages?|context|documents?|documentation|sources?|texts?|excerpts?|information|materials?|evidence)"
    r"(?: (?:that (?:was|were|is|are) )?(?:given|provided|available|supplied|above|here))?"
)
_ABLE = r"(?:can ?not|can['’]t|could ?n[o'’]?t|could not|(?:am|was|are) (?:not able|unable)|do(?: not|n['’]t))"
_PATTERNS = (
    rf"(?:i['’]?m |i am |we are )?(?:sorry|afraid)\b.*\b(?:i|we) {_ABLE}\b",
    rf"(?:i|we) {_ABLE}(?: to)? (?:answer|find|locate|determine|tell|say|help|provide|know|have|see|confirm|verify)\b",
    rf"(?:unfortunately,? )?(?:based on {_EVIDENCE},? )?(?:there is|there are) (?:no|not (?:any|enough)) "
    rf"(?:\w+ ){{0,3}}(?:information|mention|answer|details?|data|evidence|passages?|context)\b",
    rf"(?:unfortunately,? |however,? )?(?:none of )?{_EVIDENCE},? "
    r"(?:do(?:es)?(?: not|n['’]t)|did(?: not|n['’]t)|do(?:es)? not seem to|lacks?|is not|are not|isn['’]t|fails? to) ?"
    r"(?:\w+ ){0,2}(?:answer|contain|mention|provide|say|state|include|specify|cover|discuss|address|have|give|"
    r"describe|enough|sufficient|explicitly|information|reveal|indicate|clear|relevant)\b",
    rf"(?:unfortunately,? |however,? )?none of {_EVIDENCE} "
    r"(?:answers?|mentions?|contains?|says?|states?|provides?|covers?)\b",
    rf"(?:the |an )?(?:answer|question|information|that|this|it)\b.{{0,80}}\b(?:is|was|are) "
    rf"(?:not|n['’]t|neither|nowhere) (?:\w+ )?(?:in|answered|found|mentioned|provided|given|contained|stated|"
    rf"specified|available|present|covered|addressed|discussed|included)\b.{{0,40}}\b{_EVIDENCE}",
    r"(?:this |the |your )?question (?:can ?not|can['’]t|could not) be answered\b",
    rf"(?:it|this) (?:can ?not|can['’]t) be (?:determined|answered|inferred)\b.*\b{_EVIDENCE}",
    r"(?:i|we) (?:have|had) (?:no|insufficient) (?:information|knowledge|data|context|evidence)\b",
    r"not (?:answerable|enough information|in the (?:context|passages|documents))\b",
    r"as an ai\b",
)
_REFUSAL = re.compile(rf"\W*(?:{'|'.join(_PATTERNS)})", re.IGNORECASE | re.DOTALL)


def refuses(sentence: str) -> bool:
    """Whether a sentence of a draft says that it has no answer."""
    return _REFUSAL.match(" ".join(sentence.split())[:400]) is not None
