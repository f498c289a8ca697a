"""Predict, run, compare: a question before an experiment, and afterwards the prediction beside what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course.study.card import GREEN, ORANGE, QUIET, Card, folded, inline, legible, paragraph
from course.study.settings import grading

if TYPE_CHECKING:  # drawing takes a second to import
    from course.effects import Effect, Picture


class NoPrediction(LookupError):
    """An experiment that asks nothing beforehand; the message lists those that do."""


def predict(name: str) -> Guess:
    """Ask before an experiment: shown by itself it is a question with options, and `show()` runs and compares.

    Args:
        name: the experiment, e.g. "descent.local_minimum".

    Raises:
        UnknownEffect: there is no such experiment. NoPrediction: it asks nothing beforehand.
    """
    from course import effects

    effect = effects.get(name)
    if effect.prediction is None:
        asking = ", ".join(e.name for e in effects.every() if e.prediction)
        raise NoPrediction(f"{name} asks nothing beforehand; these do: {asking}")
    return Guess(effect)


class Guess:
    """A question about an experiment, and what was chosen."""

    def __init__(self, effect: Effect) -> None:
        assert effect.prediction is not None
        self.effect, self.prediction = effect, effect.prediction
        self._choice: Any = None

    @property
    def chosen(self) -> int | None:
        """The number of the option that was chosen, from 0; None before."""
        return None if self._choice is None or self._choice.chosen < 0 else int(self._choice.chosen)

    def choose(self, option: int) -> None:
        """Choose an option by its number, from 0, as a click does.

        Raises:
            ValueError: there is no option of that number.
        """
        if isinstance(option, bool) or not isinstance(option, int) or not 0 <= option < len(self.prediction.options):
            last = len(self.prediction.options) - 1
            raise ValueError(f"option must be 0 … {last} (A is 0, {_LETTERS[last]} is {last}), got {option!r}")
        self._widget().chosen = option

    def show(self, seed: int = 0) -> Compared:
        """Run the experiment, draw it, and set the prediction beside what was measured."""
        if grading():
            return Compared(self.effect.show(seed), None)
        numbers, picture = self.effect.measure(seed), self.effect.show(seed)
        right, told = self.prediction.answer(numbers), self.prediction.told(numbers)
        if self.chosen is None:
            return Compared(picture, self._unasked(picture, right, told), folded=True)
        return Compared(picture, self._card(self.chosen, right, told))

    def _unasked(self, picture: Picture, right: int, told: str) -> Card:
        """The question once more; the picture, which gives the answer away, is folded together with it."""
        from course.effects.picture import typeset

        head = "No prediction was made. A guess beforehand, even a wrong one, makes the answer stick."
        measured = f"Measured: {self.prediction.options[right]}. {typeset(told)}"
        shown = folded("What was measured", picture._repr_html_() + paragraph(measured))
        return Card(self._question() + paragraph(head, QUIET) + shown, f"{self!r}\n{head}\n{measured}", width="none")

    def _card(self, chosen: int, right: int, told: str) -> Card:
        from course.effects.picture import typeset

        options, told = self.prediction.options, typeset(told)
        verdict, colour = ("✓ as predicted", GREEN) if chosen == right else ("↯ a surprise", ORANGE)
        cells = "".join(
            f'<tr style="background:none"><th scope="row" style="{_CELL}">{name}</th>'
            f'<td style="{_CELL}">{inline(options[i])}</td></tr>'
            for name, i in (("predicted", chosen), ("measured", right))
        )
        table = f'<table style="border-collapse:collapse;margin:.3em 0;font-size:92%">{cells}</table>'
        head = f'<p style="margin:0 0 .3em"><b style="{legible(colour)}">{verdict}</b></p>'
        text = f"{verdict}\npredicted: {options[chosen]}\nmeasured: {options[right]}\n{told}"
        return Card(head + table + paragraph(told), text, colour)

    def _question(self) -> str:
        items = "".join(f"<li>{inline(option)}</li>" for option in self.prediction.options)
        asked = f"<p style='margin:.3em 0'><b>Predict.</b> {inline(self.prediction.question)}</p>"
        return f'{asked}<ol style="margin:.3em 0;list-style:upper-alpha">{items}</ol>'

    def _widget(self) -> Any:
        if self._choice is None:
            from course.widgets.choice import Choice

            self._choice = Choice(question=self.prediction.question, options=list(self.prediction.options))
        return self._choice

    def __repr__(self) -> str:
        letters = [f"  {letter}  {option}" for letter, option in zip(_LETTERS, self.prediction.options, strict=False)]
        return "\n".join([f"Predict: {self.prediction.question}", *letters])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live question; where there is no front end the same to read."""
        if grading():
            return {"text/plain": "Predictions are skipped while a notebook is graded or validated."}
        data, metadata = self._widget()._repr_mimebundle_(**kwargs) or ({}, {})
        still = Card(self._question() + paragraph("The next cell measures it.", QUIET), repr(self))
        return {**data, "text/plain": repr(self), "text/html": still._repr_html_()}, metadata


_LETTERS = "ABCDE"
_CELL = "text-align:left;padding:.1em .8em .1em 0;background:none;border:none"


class Compared:
    """An experiment's picture and, below it, what was predicted and what came out; or a card with both `folded` in."""

    def __init__(self, picture: Picture, card: Card | None, folded: bool = False) -> None:
        self.picture, self.card, self.folded = picture, card, folded

    def __repr__(self) -> str:
        return f"{self.picture!r}\n\n{self.card!r}" if self.card else repr(self.picture)

    def _repr_html_(self) -> str:
        above = "" if self.folded else self.picture._repr_html_()
        return above + (self.card._repr_html_() if self.card else "")
