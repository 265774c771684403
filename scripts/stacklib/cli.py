"""The command line: arguments in, one verb, an exit code out."""
from __future__ import annotations

import argparse
import json
import os
import shlex
import sys

from . import operations, supervisor
from .folder import StackFolder
from .talk import StackError, say

PARTS = ("postgres", "kafka", "registry")
OK, FAILED, NOT_RUNNING = 0, 1, 3

DESCRIPTION = """\
Kafka, a schema registry and Postgres on this machine, on loopback only, for one person or one test.

  scripts/stack up                    start what is not running; the first time it fetches ~260 MB
  eval "$(scripts/stack env)"         tell this shell where the stack is
  scripts/stack down                  stop everything; the data stays
"""
EPILOGUE = """\
environment:
  STACK_DIR       the stack's folder (default: ~/.cache/brainops/stack); another folder is another stack beside it
  STACK_PROFILE   "test" notices dead consumers within seconds; "default" is Kafka's patience; remembered
  STACK_SUPERVISE "yes" starts again in the background what dies, "no" does not (default: yes, in the profile "test" no);
                  remembered
  STACK_KAFKA_DATA, STACK_POSTGRES_DATA
                  a folder on another disk for the data of a new stack; remembered
  XDG_CACHE_HOME  where fetched programs are kept, shared by all stacks (default: ~/.cache)
  MAVEN_OPTS, PIP_*  are passed on to the package managers
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.run(StackFolder.from_environment(), options)
    except (StackError, OSError) as error:
        say("stack", f"failed: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("stack", "interrupted; scripts/stack up goes on from here, scripts/stack down stops what runs")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/stack", description=DESCRIPTION, epilog=EPILOGUE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="command", required=True)

    def command(name: str, run, help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.set_defaults(run=run)
        return added

    command("up", _up, "start what is not running, wait until it answers, write brainops.toml")
    command("down", _down, "stop everything (a `brainops serve` of this stack first); the data stays")
    command("status", _status, "what runs, with pid, port and memory; exit code 3 unless all parts run").add_argument(
        "--json", action="store_true", help="for programs")
    supervise = command("supervise", _supervise, "start again what dies, in the foreground, until Ctrl-C")
    supervise.add_argument("--give-up-after", type=int, default=supervisor.GIVE_UP_AFTER, metavar="N",
                           help=f"starts in a row that did not hold (default: {supervisor.GIVE_UP_AFTER})")
    for name, run, help_text in (("restart", _restart, "stop one part in good order and start it again"),
                                 ("kill", _kill, "end one part with SIGKILL, as a crash would")):
        command(name, run, help_text).add_argument("part", choices=PARTS)
    logs = command("logs", _logs, "the end of the logs")
    logs.add_argument("part", nargs="?", choices=(*PARTS, supervisor.NAME), help="one part only")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    logs.add_argument("-n", "--lines", type=int, default=50, help="how many lines of each (default: 50)")
    command("reset", _reset, "destroy the stack: stop everything, remove data, passwords and settings").add_argument(
        "--yes", action="store_true", help="do not ask")
    command("env", _env, "shell lines that point at this stack, for eval")
    return parser


def _up(stack: StackFolder, _: argparse.Namespace) -> int:
    operations.up(stack)
    return OK


def _down(stack: StackFolder, _: argparse.Namespace) -> int:
    operations.down(stack)
    return OK


def _status(stack: StackFolder, options: argparse.Namespace) -> int:
    rows = operations.status(stack)
    if options.json:
        watching = {"pid": supervisor.process(stack).pid()}
        print(json.dumps({"stack": str(stack.path), "profile": stack.profile(), "supervisor": watching, "parts": rows}, indent=1))
    else:
        for row in rows:
            details = f"pid {row['pid']:<8} port {row['port']:<6} {row['memory_mib']} MiB" if row["pid"] else ""
            print(f"{row['part']:<9} {row['state']:<8} {details} {_restarts(row)}".rstrip())
        print(f"supervisor {'running' if supervisor.process(stack).pid() else 'none'}")
    return OK if all(row["pid"] for row in rows) else NOT_RUNNING


def _restarts(row: dict) -> str:
    times = row.get("restarts")
    return f" started again {times} times; died last {row['last_death'][:120]}" if times else ""


def _supervise(stack: StackFolder, options: argparse.Namespace) -> int:
    operations.supervise(stack, options.give_up_after)
    return OK


def _restart(stack: StackFolder, options: argparse.Namespace) -> int:
    operations.restart(stack, options.part)
    return OK


def _kill(stack: StackFolder, options: argparse.Namespace) -> int:
    operations.kill(stack, options.part)
    return OK


def _logs(stack: StackFolder, options: argparse.Namespace) -> int:
    wanted = [options.part] if options.part else (*PARTS, supervisor.NAME)
    files = [str(stack.process(part).log) for part in wanted if stack.process(part).log.exists()]
    if not files:
        raise StackError(f"no logs yet in {stack / 'logs'}")
    os.execvp("tail", ["tail", "-n", str(options.lines), *(["-F"] if options.follow else []), *files])


def _reset(stack: StackFolder, options: argparse.Namespace) -> int:
    if not stack.exists():
        say("stack", f"there is none in {stack.path}")
        return OK
    say("stack", f"this destroys every event, schema, table and password of the stack in {stack.path};")
    say("stack", "the fetched programs stay in the cache")
    if not options.yes and not _agrees():
        say("stack", "nothing was done")
        return FAILED
    operations.reset(stack)
    return OK


def _agrees() -> bool:
    if not sys.stdin.isatty():
        say("stack", "nobody is there to ask; say --yes")
        return False
    print("type yes to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def _env(stack: StackFolder, _: argparse.Namespace) -> int:
    config = stack / "brainops.toml"
    if not config.exists():
        raise StackError(f"no stack in {stack.path} yet; begin with scripts/stack up")
    ports = stack.ports()
    print(f"export STACK_DIR={shlex.quote(str(stack.path))}")
    print(f"export BRAINOPS_CONFIG={shlex.quote(str(config))}")
    print(f"# Kafka      127.0.0.1:{ports['kafka']} (SASL_PLAINTEXT, SCRAM-SHA-256)")
    print(f"# registry   http://127.0.0.1:{ports['registry']}/apis/ccompat/v7")
    print(f"# Postgres   127.0.0.1:{ports['postgres']}, database brainops")
    print(f"# brainops   http://127.0.0.1:{ports['server']} once `brainops serve` runs")
    return OK
