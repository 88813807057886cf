"""Which attribution an episode is shown by, step by step."""

from __future__ import annotations

from rltools.recording._attribution import Question
from rltools.recording._given import check_recording
from rltools.recording._questions import HEADLINE
from rltools.recording._recording import Recording


def every_step_first(recording: Recording, method: str | None = None, target: str | None = None) -> str:
    """The folder name of the attribution that speaks first, and of those of every step where it is one of a sample.

    What explains one step of 27 leaves a replay empty most of the time. A method that is asked for by its name, and a
    recording in which nothing explains every step, are shown as they are.

    Raises:
        ArgumentError: what is given is no recording.
        RecordingError: nothing that fits was explained.
    """
    check_recording(recording)
    return _every_step(recording, recording.find(method, target), method, target)


def every_step_order(recording: Recording, method: str | None = None, target: str | None = None) -> list[str]:
    """The folder names of all attributions that fit: that of `every_step_first`, then the others as `fitting` has them.

    Several that differ only in other settings, say in their references, are no fault where all of them are shown.

    Raises:
        ArgumentError: what is given is no recording.
        RecordingError: nothing that fits was explained.
    """
    check_recording(recording)
    fitting = recording.fitting(method, target)
    first = _every_step(recording, fitting[0] if fitting else recording.find(method, target), method, target)
    return [first, *(key for key in fitting if key != first)]


def _every_step(recording: Recording, first: str, method: str | None, target: str | None) -> str:
    asked = recording.question(first)
    if method is not None or asked.every == 1:
        return first

    def precedence(key: str) -> tuple[bool, int, str]:
        question = recording.questions[key]
        place = HEADLINE.index(question.method) if question.method in HEADLINE else len(HEADLINE)
        return question.target != asked.target, place, question.target

    whole = [
        key for key, question in recording.questions.items() if _whole(question, target) and recording.complete(key)
    ]
    return min(whole, key=precedence, default=first)


def _whole(question: Question, target: str | None) -> bool:
    """Whether it explains every step, of the moment, and is no control."""
    fits = target in (None, question.target) and not question.window
    return fits and question.every == 1 and question.unit != "rank"
