"""Manners and pleas for effort at the ends of an ask: task and difficulty are the same without them."""

from __future__ import annotations

import re

_REST = rb"[^.!?\n]"
_FORMS = (
    rb"(?:hi|hello|hey|yo|greetings|good (?:morning|evening|afternoon|day))(?: [a-z]{2,12}){0,2}",
    rb"(?:my )?dear [a-z ]{2,24}",
    rb"i hope (?:you|this finds)" + _REST + rb"{0,60}",
    rb"(?:please|pls|plz|kindly|if you don'?t mind|would you be so kind)(?: and thank you)?",
    rb"(?:many |much )?(?:thanks|thank you|thx|ty|cheers)\b" + _REST + rb"{0,60}",
    rb"i(?:'d| would)? (?:really |greatly )?(?:appreciate|be (?:so |very )?grateful)" + _REST + rb"{0,80}",
    rb"sorry (?:to|for) " + _REST + rb"{0,60}",
    rb"(?:best|kind|warm) (?:regards|wishes)" + _REST + rb"{0,30}",
    rb"(?:sincerely|have a (?:nice|great|good) )" + _REST + rb"{0,30}",
    rb"(?:could|can|would|will) you (?:please )?help me(?: with (?:this|the following|something))?\??",
    # Effort: the thinking has to be said to be slow, hard or in steps, or "think of a name" would be one.
    rb"(?:(?:let'?s|please|now|you (?:should|must)|and) )?(?:think|reason|work|reflect|concentrate|focus)\b"
    + _REST
    + rb"{0,60}\b(?:step[- ]by[- ]step|carefully|hard|deep(?:ly)?|thorough(?:ly)?|slowly|again|twice|"
    rb"before (?:you|answering|responding))\b" + _REST + rb"{0,60}",
    rb"(?:take|have) (?:a deep breath|your time)" + _REST + rb"{0,100}",
    rb"be (?:very |extremely |really |as )*(?:thorough|careful|precise|accurate)\b" + _REST + rb"{0,80}",
    rb"(?:this|it)(?: one)?(?: is|'s) (?:a )?(?:very |really |extremely |quite )*"
    rb"(?:hard|difficult|complex|complicated|important|urgent)\b" + _REST + rb"{0,80}",
    rb"my (?:job|career|life) depends on (?:it|this)",
    rb"(?:i will|i'll) (?:tip|pay) you" + _REST + rb"{0,40}",
    rb"you are (?:a |an |the )(?:world[- ]class|leading|top|best|smartest|brilliant)\b" + _REST + rb"{0,60}",
    rb"(?:double[- ]check|check|verify) "
    + _REST
    + rb"{0,40}\b(?:answer|work|twice|steps?)\b"
    + _REST
    + rb"{0,20}",
    rb"(?:explain|show) your (?:reasoning|thinking|work)" + _REST + rb"{0,30}",
    rb"don'?t be lazy",
)
_MANNERS = re.compile(rb"\s*(?:" + b"|".join(_FORMS) + rb")[.!:,;)~*\s-]*", re.IGNORECASE)
_HEAD_ENDS = re.compile(rb"[.!?:,\n]+\s*")
_TAIL_BEGINS = re.compile(rb".*[.!?\n](?=.)", re.DOTALL)
_HEAD, _TAIL = 160, 200  # bytes that are looked at
_MOST = 3  # phrases taken off either end


def without_manners(text: bytes) -> bytes:
    """`text` without such phrases at its ends; all of it where that leaves nothing."""
    start, end = 0, len(text)
    for _ in range(_MOST):
        found = _HEAD_ENDS.search(text, start, min(start + _HEAD, end))
        if found is None or not _MANNERS.fullmatch(text, start, found.end()):
            break
        start = found.end()
    for _ in range(_MOST):
        while end > start and text[end - 1] in b" \n\t":
            end -= 1
        first = max(start, end - _TAIL)
        found = _TAIL_BEGINS.match(text, first, end)
        at = first if found is None else found.end()
        # Without a beginning in sight it is the whole ask, or part of a longer sentence.
        if at == first or not _MANNERS.fullmatch(text, at, end):
            break
        end = at
    return text[start:end].strip() or text
