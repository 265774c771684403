"""The measurements of replay: a rebuild beside live catch-up and a bare loop, past moments, proof, swaps, two instances."""
from __future__ import annotations

from .figures import Figure, Result
from .measure import OURS_TABLE, Bench

BATCH = 5_000
LIVE, REBUILT, BARE = "live catch-up, one writer, batches of 5,000", "rebuild", "bare consumer, then COPY of final rows"


def rebuild(bench: Bench) -> Result:
    """9: a rebuild beside live catch-up and a bare loop."""
    return _rebuild(bench, "rebuild", "tenfold", bench.events, bench.replay_rounds)


def rebuild_long(bench: Bench) -> Result:
    """9, once, with a history five times as long."""
    return _rebuild(bench, "rebuild_long", "long", bench.events * 5, 1)


def _rebuild(bench: Bench, name: str, kind: str, events: int, rounds: int) -> Result:
    result, events = Result(name), bench.topic(kind, events)
    for _ in range(rounds):
        database, live = _lived(bench, kind, events)
        rebuilt = _call(bench, "rebuild", kind, events, database)
        for figures, table in ((live, OURS_TABLE), (rebuilt, rebuilt["table"])):
            figures["content"] = bench.compare(kind, events, database, table)
        bench.stand.drop(database)
        database = bench.stand.database("bench_bare", False)
        bare = bench.stand.call("bare", "--kind", kind, "--events", events, "--database", database, "--broker", bench.stand.broker)
        bare["content"] = bench.compare(kind, events, database, "bare.line")
        bench.stand.drop(database)
        result.rounds.append({LIVE: live, REBUILT: rebuilt, BARE: bare})
    result.ratio("events/s, rebuild / live catch-up", ">= 3", REBUILT, LIVE)
    result.ratio("events/s, rebuild / bare consumer and COPY", ">= 0.6", REBUILT, BARE)
    result.ratio("CPU of the process an event, rebuild / live catch-up", "", REBUILT, LIVE, "cpu_us")
    result.plain("rebuild: beginning it, s", "", REBUILT, "begin_s")
    result.plain("rebuild: until all is folded, s", "", REBUILT, "fold_s")
    result.plain("rebuild: indexes, statistics, ready, s", "", REBUILT, "end_s")
    result.plain("bare: reading, s", "", BARE, "read_s")
    result.plain("bare: COPY, s", "", BARE, "copy_s")
    return result


def moments(bench: Bench) -> Result:
    """10: the cost of a past moment, as history grows and the number of subjects does not."""
    result, events = Result("moments"), bench.topic("steady", bench.events)
    sizes = [events // share for share in (8, 4, 2, 1)]
    for _ in range(bench.rounds):
        database = bench.stand.database("bench_moments", False)
        one: dict[str, dict] = {}
        for size in sizes:
            one[_zero(size)] = _moment(bench, events, size, None, database)
            one[_tenth(size)] = _moment(bench, events, size, size - size // 10, database)
            one[_same(size)] = _moment(bench, events, size, size - sizes[0] // 10, database)
        bench.stand.drop(database)
        result.rounds.append(one)
    for size in sizes:
        result.plain(f"{_zero(size)}, s", "", _zero(size), "seconds")
        result.plain(f"{_tenth(size)}, s", "", _tenth(size), "seconds")
        result.plain(f"{_same(size)}, s", "", _same(size), "seconds")
        result.ratio(f"time, last tenth from a snapshot / from zero, {size:,} events", "", _tenth(size), _zero(size), "seconds")
    growth = sizes[-1] // sizes[0]
    for what, program, goal in (
        ("from zero", _zero, ""), ("last tenth from a snapshot", _tenth, f"<= {growth}"), ("same tail from a snapshot", _same, f"<= {growth}"),
    ):
        result.figures.append(Figure(f"{what}: time grows by, while history grows by {growth}", goal, [
            one[program(sizes[-1])]["seconds"] / one[program(sizes[0])]["seconds"] for one in result.rounds]))
    result.notes.append(f"Rows: 20,000 at every size. The last tenth grows with history; the same tail has {sizes[0] // 10:,} events at every size.")
    return result


def _zero(size: int) -> str:
    return f"from zero, {size:,} events"


def _tenth(size: int) -> str:
    return f"last tenth from a snapshot, {size:,} events"


def _same(size: int) -> str:
    return f"same tail from a snapshot, {size:,} events"


def _moment(bench: Bench, events: int, size: int, snapshot: int | None, database: str) -> dict:
    """One moment, made from zero or from a snapshot that is kept; both are gone afterwards."""
    if snapshot is not None:
        _call(bench, "moment", "steady", events, database, "--at", snapshot)
    bench.stand.sql("postgres", "CHECKPOINT")
    figures = _call(bench, "moment", "steady", events, database, "--at", size)
    if figures["from_snapshot"] != (snapshot is not None):
        raise ValueError(f"the moment at {size} was made {'from' if figures['from_snapshot'] else 'without'} a snapshot")
    figures["content"] = bench.compare("steady", size, database, figures["table"])
    for at in (size, snapshot):
        if at is not None:
            _call(bench, "moment", "steady", events, database, "--at", at, "--forget")
    return figures


def verify(bench: Bench) -> Result:
    """11: holding rows against the log."""
    result, events, verifying = Result("verify"), bench.topic("tenfold", bench.events), "verify"
    database, _ = _lived(bench, "tenfold", events, at_leisure=False)
    for _ in range(bench.rounds):
        bench.stand.sql("postgres", "CHECKPOINT")
        figures = _call(bench, "verify", "tenfold", events, database)
        if not figures["proven"]:
            raise ValueError("the rows are not what the log says")
        result.rounds.append({verifying: figures})
    bench.stand.drop(database)
    result.plain("events/s", "", verifying, "events_per_s")
    result.plain("peak memory, MiB", "", verifying, "peak_rss_mib")
    return result


def swaps(bench: Bench) -> Result:
    """12: what readers feel of a swap."""
    result, events, swapping = Result("swaps"), bench.topic("tenfold", bench.events), "50 readers"
    database, _ = _lived(bench, "tenfold", events, at_leisure=False)
    _call(bench, "rebuild", "tenfold", events, database)
    for _ in range(bench.rounds):
        result.rounds.append({swapping: bench.stand.call("swaps", "--database", database)})
    bench.stand.drop(database)
    for what, value in (
        ("longest wait of a reader without a swap, ms", "quiet_max_ms"), ("longest wait of a reader, ms", "wait_max_ms"),
        ("p99 of a reader, ms", "wait_p99_ms"), ("views locked, longest, ms", "locked_max_ms"), ("views locked, p50, ms", "locked_p50_ms"),
        ("tries", "tries"), ("swaps", "swaps"), ("reads", "reads"),
    ):
        result.plain(what, "", swapping, value)
    return result


def instances(bench: Bench) -> Result:
    """13: a rebuild by two processes beside one."""
    result, events = Result("instances"), bench.topic("tenfold", bench.events)
    one, two = "one process", "two processes"
    database, _ = _lived(bench, "tenfold", events, at_leisure=False)
    for number in range(bench.rounds):
        runs = [(one, 1), (two, 2)][::-1 if number % 2 else 1]
        figures = {}
        for program, workers in runs:
            bench.stand.sql("postgres", "CHECKPOINT")
            figures[program] = _call(bench, "rebuild", "tenfold", events, database, "--workers", workers, "--forget")
        result.rounds.append({program: figures[program] for program in (one, two)})
    bench.stand.drop(database)
    result.ratio("events/s, two processes / one", "", two, one)
    result.ratio("CPU of the processes an event, two / one", "", two, one, "cpu_us")
    return result


def _lived(bench: Bench, kind: str, events: int, *, at_leisure: bool = True) -> tuple[str, dict]:
    """A database in which a generation serves that has followed all of a topic; in batches of 5,000, or as it comes."""
    database = bench.stand.database("bench_replay", False)
    program = [bench.stand.binary, "project", "--kind", kind, "--sink", "upsert", "--database", database]
    program += ["--batch", BATCH, "--writers", 1] if at_leisure else []
    live = bench.watch(kind, events, database, ["--of", events], program)
    bench.stand.sql("postgres", "CHECKPOINT")
    return database, live


def _call(bench: Bench, command: str, kind: str, events: int, database: str, *options: object) -> dict:
    """One measurement of what folds history."""
    scratch = bench.stand.stack / "scratch"
    return bench.stand.call(command, "--kind", kind, "--events", events, "--database", database, "--scratch", scratch,
                            "--broker", bench.stand.broker, *options)
