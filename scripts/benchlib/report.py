"""The page: the tables between the marks of docs/bench.md are written anew, the text around them is left alone."""
from __future__ import annotations

import re
import statistics
from pathlib import Path

from .figures import Figure, Result

PROGRAM_COLUMNS = (("events/s", "events_per_s", 0), ("process µs/event", "cpu_us", 2), ("backend µs/event", "backend_us", 2),
                   ("broker CPU s", "broker_cpu_s", 2), ("peak RSS MiB", "peak_rss_mib", 0), ("load", "load", 1))
MARK = re.compile(r"(<!-- bench:(?P<name>[a-z_-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def tables(result: Result) -> str:
    """The tables of one part."""
    lines: list[str] = []
    if result.failure:
        lines += [f"**This part failed:** {result.failure}", ""]
    if result.figures:
        lines += ["| figure | minimum | median | maximum | goal | met |", "|---|---|---|---|---|---|"]
        lines += [_figure_row(figure) for figure in result.figures]
        lines.append("")
    programs = list(dict.fromkeys(program for one in result.rounds for program in one))
    measured = [program for program in programs if any("events_per_s" in one.get(program, {}) for one in result.rounds)]
    if measured:
        lines += ["| program | rounds | " + " | ".join(name for name, _, _ in PROGRAM_COLUMNS) + " | content |",
                  "|---|---|" + "---|" * (len(PROGRAM_COLUMNS) + 1)]
        lines += [_program_row(result, program) for program in measured]
        lines.append("")
    notes = result.notes + ([f"Taken {result.taken}."] if result.taken else [])
    lines += [f"- {note}" for note in notes]
    if notes:
        lines.append("")
    return "\n".join(lines)


def write_page(page: Path, results: dict[str, Result], machine: dict) -> list[str]:
    """Writes the tables into the page; answers with the parts that have no place in it."""
    text = page.read_text()
    placed = set()

    def fill(found: re.Match) -> str:
        name = found.group("name")
        placed.add(name)
        if name == "machine":
            return found.group(1) + machine_line(machine) + "\n" + found.group(3)
        if name == "summary":
            return found.group(1) + summary(results) + "\n" + found.group(3)
        content = tables(results[name]) if name in results else "Not measured yet.\n"
        return found.group(1) + "\n" + content + "\n" + found.group(3)

    page.write_text(MARK.sub(fill, text))
    return [name for name in results if name not in placed]


def machine_line(machine: dict) -> str:
    return (f"\nTaken {machine['taken_at']} at commit {machine['commit']} on {machine['cores']} cores ({machine['processor']}), "
            f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; {machine['rounds']} rounds, {machine['events']:,} events. "
            f"1-minute load before the run: {machine['load']}.\n")


def summary(results: dict[str, Result]) -> str:
    """Every figure that has a goal, in one table."""
    lines = ["", "| part | figure | median | goal | met |", "|---|---|---|---|---|"]
    for result in results.values():
        if result.failure:
            lines.append(f"| {result.name} | failed: {result.failure[:80]} | | | no |")
        for figure in result.figures:
            if figure.goal:
                median = _number(statistics.median(figure.values)) if figure.values else "-"
                lines.append(f"| {result.name} | {figure.what} | {median} | {figure.goal} | {_met(figure)} |")
    return "\n".join([*lines, ""])


def _figure_row(figure: Figure) -> str:
    if not figure.values:
        return f"| {figure.what} | - | - | - | {figure.goal} | not measured |"
    low, middle, high = min(figure.values), statistics.median(figure.values), max(figure.values)
    return f"| {figure.what} | {_number(low)} | {_number(middle)} | {_number(high)} | {figure.goal} | {_met(figure)} |"


def _met(figure: Figure) -> str:
    return {True: "yes", False: "**no**", None: ""}[figure.is_met()]


def _program_row(result: Result, program: str) -> str:
    rounds = [one[program] for one in result.rounds if program in one]
    cells = [_spread([one[value] for one in rounds if one.get(value) is not None], digits) for _, value, digits in PROGRAM_COLUMNS]
    return f"| {program} | {len(rounds)} | " + " | ".join(cells) + f" | {_content(rounds)} |"


def _content(rounds: list[dict]) -> str:
    compared = [one["content"] for one in rounds if "content" in one]
    if not compared:
        return "-"
    if all(one["equal"] for one in compared):
        return "equal"
    worst = max(compared, key=lambda one: one["differing"] + one["missing"] + one["unexpected"])
    parts = [f"{worst[flaw]:,} of {worst['rows']:,} rows {word}" for flaw, word in (
        ("differing", "differ"), ("missing", "missing"), ("unexpected", "too many")) if worst[flaw]]
    if worst["milliseconds_lost"]:
        parts.append(f"{worst['milliseconds_lost']:,} of them only by lost milliseconds")
    return "**" + ", ".join(parts) + "**"


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return "-"
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
