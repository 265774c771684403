"""The command line: which parts, how many rounds, where the results go."""
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from stacklib.folder import cache_home
from stacklib.talk import StackError, say

from .figures import Result
from .measure import Bench
from .parts import LONG, PARTS
from .report import tables, write_page
from .stand import ROOT, CallFailed, Stand

OK, FAILED = 0, 1

DESCRIPTION = """\
Measures speed beside plain loops and a peer, in interleaved rounds, on a stack of its own.

  scripts/bench --quick            everything in a few minutes, printed only: the figures are good for nothing else
  scripts/bench                    everything, about half an hour; writes docs/bench.json and the tables of docs/bench.md
  scripts/bench --only peer,kill   these parts anew; what is known of the others stays
"""


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    began = time.monotonic()
    stand = Stand(options.stack)
    try:
        results = _run(stand, options)
    except StackError as error:
        say("bench", f"failed: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("bench", "interrupted; what was measured is kept")
        return 130
    finally:
        if not options.keep:
            stand.down()
    failed = [name for name, result in results.items() if result.failure]
    say("bench", f"done in {(time.monotonic() - began) / 60:.1f} min" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return FAILED if failed else OK


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help=f"these parts of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each part (default: 3, of a rebuild 5; quick: 1)")
    parser.add_argument("--events", type=int, default=0, help="events of the largest comparison (default: 2,000,000, quick: 200,000)")
    parser.add_argument("--long", action="store_true", help="also a rebuild of a history five times as long")
    parser.add_argument("--quick", action="store_true", help="few events, one round; prints and writes nothing")
    parser.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    parser.add_argument("--stack", type=Path, default=cache_home() / "bench-stack", help="the stack's folder")
    options = parser.parse_args(arguments)
    options.stack = options.stack.resolve()
    options.names = options.only.split(",") if options.only else [name for name in PARTS if options.long or name not in LONG]
    unknown = [name for name in options.names if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    options.replay_rounds = options.rounds or (1 if options.quick else 5)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.events = options.events or (200_000 if options.quick else 2_000_000)
    return options


def _run(stand: Stand, options: argparse.Namespace) -> dict[str, Result]:
    machine = _machine(options)
    stand.up()
    bench = Bench(stand, options.events, options.rounds, options.replay_rounds)
    results: dict[str, Result] = {}
    for name in options.names:
        results[name] = _measure(bench, name)
        print(f"\n## {name} ({results[name].seconds:.0f} s)\n\n{tables(results[name])}", flush=True)
        if not options.quick:
            _keep({name: results[name]}, machine)
    return results


def _measure(bench: Bench, name: str) -> Result:
    """One part; if it fails, its failure is the result and the others go on."""
    say("bench", f"part {name}")
    began = time.monotonic()
    try:
        result = PARTS[name](bench)
    except (CallFailed, KeyError, OSError, ValueError, ZeroDivisionError, subprocess.SubprocessError) as error:
        say("bench", f"part {name} failed: {error}")
        result = Result(name, failure=f"{type(error).__name__}: {error}")
    result.seconds = time.monotonic() - began
    return result


def _keep(fresh: dict[str, Result], machine: dict) -> None:
    """Puts new results beside those that are kept, and writes the page anew."""
    file = ROOT / "docs" / "bench.json"
    kept = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    kept["machine"] = machine
    for name, result in fresh.items():
        taken = {fact: machine[fact] for fact in ("taken_at", "commit", "processor")}
        kept["parts"][name] = result.as_json() | taken
    half = file.with_suffix(".half")
    half.write_text(json.dumps(kept, indent=1) + "\n")
    half.replace(file)
    results = {name: Result.from_json(name, kept["parts"][name]) for name in PARTS if name in kept["parts"]}
    for name in write_page(ROOT / "docs" / "bench.md", results, machine):
        say("bench", f"docs/bench.md has no place for part {name}")


def _machine(options: argparse.Namespace) -> dict:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    processor = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {"taken_at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"), "commit": commit.stdout.strip() or "unknown",
            "cores": os.cpu_count(), "processor": processor, "memory_gib": round(memory), "kernel": platform.release(),
            "load": round(os.getloadavg()[0], 2), "rounds": options.rounds, "events": options.events,
            "disk_free_gib": round(shutil.disk_usage(ROOT).free / 1024**3)}
