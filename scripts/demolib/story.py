"""Tells what happens: a bad deployment, what the agent sees and does, and when, in seconds from the moment it was asked for."""
from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .shop import SERVICE, Ground, subject
from .traffic import Traffic

LIMIT_S = 120
ENDS = ("agent.healing.completed", "agent.healing.escalated")
PERSON = "demo"
# What is worth a line; all events are listed by `brainops explain`.
TOLD = {
    "tool.call.requested": "somebody asks for a call",
    "deployment.started": "the host builds and starts it",
    "deployment.succeeded": "healthy by its own word; it is sent the requests",
    "deployment.failed": "it never became healthy; it was sent no requests",
    "monitor.high_error_rate": "too many requests fail",
    "agent.healing.diagnosed": "the agent has asked for the history and the log, and names what it takes for the cause",
    "agent.command.rollback": "the agent decides to go back",
    "agent.task.analyze_root_cause": "people are asked to look into it",
    "deployment.rolled_back": "the sensor sees that it was rolled back",
    "agent.healing.escalated": "the agent does not go on by itself: a person has to decide",
    "agent.healing.completed": "the service is well, without a person",
}

Run = Callable[..., dict]


@dataclass(frozen=True)
class Case:
    title: str
    revision: str
    """What is deployed on top of v1."""
    end: str
    """How the healing must end."""


CASES = (
    Case("A commit that is healthy by its own word, and fails requests", "v2", "agent.healing.completed"),
    Case("A commit that never becomes healthy", "v3", "agent.healing.completed"),
    Case("A commit with a migration of the database", "v4", "agent.healing.escalated"),
)


class StoryError(Exception):
    """The story does not go as it must."""


class Story:
    """One telling: three cases, each in an environment of its own. `brainops` runs our command and answers its JSON."""

    def __init__(self, ground: Ground, brainops: Run, say: Callable[[str], None]) -> None:
        self.ground, self.brainops, self.say = ground, brainops, say
        self.repository = ground.folder / "shop"

    def tell(self) -> list[dict]:
        """Lives through all of it, prints it, and answers with the figures of each case."""
        return [self._case(case, environment, port)
                for case, (environment, port) in zip(CASES, self.ground.environments().items(), strict=True)]

    def _case(self, case: Case, environment: str, port: int) -> dict:
        self.say(f"\n{case.title}: {SERVICE}/{environment}")
        self._deploy(environment, "v1", lambda: self._types(self.call), "deployment.succeeded")
        with Traffic(port) as traffic:
            self._until(lambda: traffic.is_well_since(0, 20), "v1 to answer requests")
            before = len(traffic.answers)
            self._deploy(environment, case.revision, lambda: self._types(self.call), *ENDS)
            began = next(_seconds(event["recorded_at"]) for event in self.events if event["id"] == self.call)
            is_healed = case.end == "agent.healing.completed"
            if is_healed:
                now = time.time()
                self._until(lambda: traffic.is_well_since(now, 50), "requests to be answered well again")
        failures = [at for at in traffic.failures() if at >= began]
        self._tell_timeline(began, failures, before)
        told = self._tell_why()
        ended = next(event for event in self.events if event["type"] in ENDS)
        if ended["type"] != case.end:
            raise StoryError(f"{case.title}: it ended with {ended['type']} instead of {case.end}: {told}")
        self.say(f"  every event  brainops explain {self.call}   ({len(self.events)} events)")
        healed_s = round(_seconds(ended["recorded_at"]) - began, 2) if is_healed else None
        if not is_healed:
            self._person_puts_right(environment)
        return {"case": case.title, "revision": case.revision, "end": ended["type"], "healed_s": healed_s, "requests": len(traffic.answers),
                "failed_requests": len(failures), "culprit": told["culprit"], "events": len(self.events), "call": self.call}

    def _deploy(self, environment: str, revision: str, types: Callable[[], set[str]], *until: str) -> None:
        call = self.brainops("tool", "call", "deploy.start", f"service={SERVICE}", f"environment={environment}", f"revision={revision}", "--by",
                             PERSON)
        self.call, self.events = call["id"], []
        self._until(lambda: types() & set(until), f"{revision} to come to {' or '.join(until)}")

    def _types(self, call: str) -> set[str]:
        """The types of what came of a call; what came before it, such as the deployment that is well, is not of this story."""
        flow = self.brainops("explain", call)["events"]
        asked_at = next((event["recorded_at"] for event in flow if event["id"] == call), "")
        self.events = [event for event in flow if event["recorded_at"] >= asked_at]
        return {event["type"] for event in self.events}

    def _tell_timeline(self, began: float, failures: list[float], before: int) -> None:
        lines = [(self._when(event) - began, self._line(event)) for event in self.events if event["type"] in TOLD]
        if failures:
            lines.append((failures[0] - began, f"{'':<32}the first request fails; {before} were answered well before"))
            lines.append((failures[-1] - began, f"{'':<32}the last request fails, {len(failures)} in all"))
        for seconds, line in sorted(lines):
            self.say(f"  {seconds:6.2f} s  {line}")

    def _when(self, event: dict) -> float:
        """When it happened: what sensors tell of deployments is recorded at their next look."""
        if event["type"].startswith("deployment."):
            return _seconds(self._shown(event)["time"])
        return _seconds(event["recorded_at"])

    def _line(self, event: dict) -> str:
        words = TOLD[event["type"]]
        if event["type"] == "tool.call.requested":
            who = "a person" if event["source"] == "brainops/cli" else f"the agent {event['source'].rsplit('/', 1)[-1]}"
            words = f"{who} asks for {self._data(event)['tool']}"
        return f"{event['type']:<32}{words}"

    def _tell_why(self) -> dict:
        """What the agent takes for the cause, and what speaks for it."""
        told = self._data(next(event for event in self.events if event["type"] == "agent.healing.diagnosed"))
        culprit = told["culprit"]
        name = f'{culprit[:12]} "{subject(self.repository, culprit)}"' if culprit else "not known"
        between = f"of {told['commits']} between {told['good_sha'][:12]} and {told['sha'][:12]}"
        self.say(f"  culprit      {name}, {between}")
        for suspect in told["suspects"]:
            self.say(f"    {suspect['score']:4}  {suspect['sha'][:12]}  {', '.join(suspect['reasons'])}")
        if told["errors"]:
            self.say(f"    its log names {', '.join(told['errors'])} at {', '.join(told['frames'][:3])}")
        for event in self.events:
            if event["type"] == "agent.healing.escalated":
                self.say(f"  escalated    {self._data(event)['reason_code']}: {', '.join(told['migrations'])}")
        return told

    def _person_puts_right(self, environment: str) -> None:
        """What a person does about it: deploys what can live with the new tables, here v1 again."""
        self._deploy(environment, "v1", lambda: self._types(self.call), "deployment.succeeded")
        self.say("  a person deploys v1 anew, which ends the matter")

    def _data(self, event: dict) -> dict:
        return self._shown(event)["data"]

    def _shown(self, event: dict) -> dict:
        return self.brainops("events", "show", event["source"], event["id"])["event"]

    def _until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise StoryError(f"waited {LIMIT_S} s for {what}, in vain; the events so far: "
                                 + ", ".join(event["type"] for event in getattr(self, "events", [])))
            time.sleep(0.2)


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def keep(folder: Path, cases: list[dict]) -> None:
    """Keeps the figures of a telling beside the others."""
    (folder / "told.json").write_text(json.dumps(cases, indent=1) + "\n")
