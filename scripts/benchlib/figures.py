"""What a part has measured, and what it says beside its goal."""
from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class Figure:
    """A number with a goal: one value per round."""

    what: str
    goal: str  # ">= 0.75", "<= 100 ms"; "" when there is none
    values: list[float]

    def is_met(self) -> bool | None:
        """Whether the median is as good as its goal; None when there is no goal or no value."""
        if not self.goal or not self.values:
            return None
        comparison, number = self.goal.split()[:2]
        median = statistics.median(self.values)
        return median >= float(number) if comparison == ">=" else median <= float(number)

    def as_json(self) -> dict:
        return {"what": self.what, "goal": self.goal, "values": self.values, "met": self.is_met()}


@dataclass
class Result:
    """One part: its figures, and every round of every program as it was measured."""

    name: str
    figures: list[Figure] = field(default_factory=list)
    rounds: list[dict[str, dict]] = field(default_factory=list)  # program -> figures of the round
    notes: list[str] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0
    taken: str = ""  # when, of which commit, and on which processor

    def of(self, program: str, value: str) -> list[float]:
        """A value of a program in every round that has it; nothing can be said of a call that never ended in its time."""
        return [one[program][value] for one in self.rounds if one.get(program, {}).get(value) is not None]

    def ratio(self, what: str, goal: str, above: str, below: str, value: str = "events_per_s") -> None:
        """A figure: a value of one program by that of another, round by round."""
        pairs = [(one[above].get(value), one[below].get(value)) for one in self.rounds if above in one and below in one]
        self.figures.append(Figure(what, goal, [over / under for over, under in pairs if over is not None and under]))

    def plain(self, what: str, goal: str, program: str, value: str) -> None:
        """A figure: a value of a program as it is."""
        self.figures.append(Figure(what, goal, self.of(program, value)))

    def as_json(self) -> dict:
        return {"figures": [figure.as_json() for figure in self.figures], "rounds": self.rounds, "notes": self.notes,
                "failure": self.failure, "seconds": round(self.seconds, 1)}

    @classmethod
    def from_json(cls, name: str, kept: dict) -> Result:
        figures = [Figure(one["what"], one["goal"], one["values"]) for one in kept["figures"]]
        taken = f"{kept['taken_at']} at commit {kept['commit']}" if "taken_at" in kept else ""
        taken += f" on {kept['processor']}" if "processor" in kept else ""
        return cls(name, figures, kept["rounds"], kept["notes"], kept["failure"], kept["seconds"], taken)
