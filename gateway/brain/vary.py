"""The same request in other words, which change neither its task nor its difficulty.

Training sees some rows so, with one half of the phrases; what is measured is measured with the other half.
Development time only.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from gateway.brain.rows import Row


class Phrases(NamedTuple):
    """What is put around an ask: (before, after) pairs."""

    politeness: tuple[tuple[str, str], ...]
    effort: tuple[tuple[str, str], ...]
    keywords: tuple[tuple[str, str], ...]
    replies: tuple[str, ...]  # to another ask, which stands before in the conversation


TRAINED = Phrases(
    politeness=(
        ("Please, ", ""),
        ("please ", ""),
        ("Hi! ", " Thank you!"),
        ("Hi there, ", ""),
        ("Hello, I hope you are well. ", ""),
        ("Good morning. ", " Have a nice day!"),
        ("", " Thanks in advance :)"),
        ("", " thanks!!"),
        ("", "\n\nThank you so much, you are the best."),
        ("", " Best, Tom"),
        ("", "\n\nSincerely, M. Brown"),
        ("Could you please help me with this? ", ""),
        ("I would be very grateful for your help with the following.\n\n", ""),
        ("hey ", " pls"),
        ("yo ", " thx"),
        ("", " I really appreciate your help."),
        ("Sorry to bother you again. ", ""),
        ("If you don't mind: ", ""),
        ("My dear friend, ", ""),
        ("", " Please and many thanks."),
        ("Bitte: ", " Vielen Dank!"),
        ("Por favor, ", " ¡Gracias!"),
        ("Bonjour, ", " Merci d'avance."),
        ("Здравствуйте! ", " Спасибо!"),
        ("你好，", "谢谢！"),
        ("すみません、", " よろしくお願いします。"),
    ),
    effort=(
        ("", " Let's think step by step."),
        ("", " Think step by step."),
        ("Think very carefully. ", ""),
        ("", "\n\nTake a deep breath and work on this slowly, it is extremely important to me."),
        ("You are a world-class expert. ", ""),
        ("You are the smartest assistant in the world, act like it. ", ""),
        ("", " Give me your best possible answer, I will tip you."),
        ("Don't be lazy! ", " Check your answer twice."),
        ("", " Explain your reasoning in detail."),
        ("", " Think hard about this, take your time."),
        ("This one is really difficult, so concentrate. ", ""),
        ("", " It is a very complicated question."),
        ("", " My career depends on it."),
        ("Before answering, reflect deeply on every aspect. ", ""),
        ("", " Be as careful and precise as possible."),
        ("Use your full intelligence: ", ""),
        ("", " Do not answer before you have thought it all through."),
        ("", " No mistakes please, verify each step."),
        ("Denk gut nach. ", ""),
        ("", " Piensa paso a paso."),
        ("", " Réfléchis bien étape par étape."),
        ("", " Подумай шаг за шагом."),
        ("请一步一步仔细思考。", ""),
    ),
    keywords=(
        ("", " (asking for a friend who is a python developer)"),
        ("My maths teacher told me to ask you. ", ""),
        ("", " I already translated the other page myself."),
        ("I was reading a summary of a poem when this came to my mind. ", ""),
        ("", " No need to write code or an essay."),
        ("Before I debug my SQL query: ", ""),
        ("", " My brother studies computer science and could not tell me."),
        ("I just finished my algebra homework. ", ""),
        ("", " Later we will talk about the translation and the story."),
        ("", " (I am an engineer, by the way)"),
        ("After the data analysis meeting I wondered: ", ""),
        ("", " My boss writes novels and poems."),
        ("I have an exam in physics and calculus on Monday. ", ""),
        ("", " You helped me with a Java function yesterday."),
        ("We were discussing strategy and architecture at lunch. ", ""),
        ("", " I do not need a table or JSON."),
        ("My friend, a famous author, says hi. ", ""),
        ("", " Tomorrow I have to extract invoices again, boring."),
        ("I am learning German and Spanish. ", ""),
        ("", " PS: nice summary last time!"),
        ("Here is a quick one while my tests compile. ", ""),
        ("", " I read about it in a book on logic puzzles."),
    ),
    replies=(
        "Sure, here it is.",
        "Of course! I hope that this is what you had in mind.",
        "Done. Is there anything else?",
        "Here you go:\n\n1. The first part\n2. The second part",
        "Certainly. Let me know if I should change something.",
        "好的，已经完成。",
        "Готово.",
        "Claro, aquí lo tienes.",
        "",
    ),
)
MEASURED = Phrases(
    politeness=(
        ("Good evening! Would you be so kind: ", ""),
        ("", " Many thanks for your time and patience!"),
        ("Dear assistant, ", " Kind regards, Anna"),
        ("", " please and thank you"),
    ),
    effort=(
        ("", " Reason step by step, as deeply as you can, before you answer."),
        ("This is a very hard and complex problem, so think hard. ", ""),
        ("", " Be extremely thorough: think about it, then think again."),
    ),
    keywords=(
        ("", " By the way, my sister works as a JavaScript programmer."),
        ("We had a statistics exam today. ", ""),
        ("", " I have to summarize a story for school later."),
        ("My translator friend says hello. ", ""),
    ),
    replies=("I have finished that for you.", "There it is! Tell me if you need more.", "Voilà."),
)
_TYPO_RATE = 0.06  # of the letters
_OTHER = 400  # characters of another ask


def variations(phrases: Phrases) -> dict[str, Callable[[Row, random.Random], Row]]:
    """Each kind of change by its name, as a function of a row and what to draw from."""

    def around(pairs: tuple[tuple[str, str], ...]) -> Callable[[Row, random.Random], Row]:
        def changed(row: Row, draw: random.Random) -> Row:
            before, after = draw.choice(pairs)
            return _rewritten(row, lambda text: before + text + after)

        return changed

    return {
        "politeness": around(phrases.politeness),
        "think step by step": around(phrases.effort),
        "misleading keywords": around(phrases.keywords),
        "typos": lambda row, draw: _rewritten(row, lambda text: _mistyped(text, draw)),
    }


def after_another(row: Row, other: Row, phrases: Phrases, draw: random.Random) -> Row | None:
    """A first message as the third of a conversation that was about `other`; None where either is no such."""
    if "messages" in row or "messages" in other:
        return None
    turns = (
        ("user", other["prompt"][:_OTHER]),
        ("assistant", draw.choice(phrases.replies)),
        ("user", row["prompt"]),
    )
    changed = {**row, "messages": [{"role": role, "content": content} for role, content in turns]}
    del changed["prompt"]
    return changed


def _rewritten(row: Row, change: Callable[[str], str]) -> Row:
    """The row with the last thing that its user says changed."""
    if "messages" not in row:
        return {**row, "prompt": change(row["prompt"])}
    messages = list(row["messages"])
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is not None:
        messages[last] = {**messages[last], "content": change(str(messages[last]["content"]))}
    return {**row, "messages": messages}


def _mistyped(text: str, draw: random.Random) -> str:
    letters = list(text)
    for at in range(1, len(letters) - 1):
        if letters[at].isalpha() and letters[at - 1].isalpha() and draw.random() < _TYPO_RATE:
            if draw.random() < 0.5:
                letters[at], letters[at - 1] = letters[at - 1], letters[at]
            else:
                letters[at] = ""
    return "".join(letters)
