"""The measurements, each a part that can be run alone. A round runs its programs one after another, so that what the
machine does meanwhile falls on all of them; every ratio is taken within a round."""
from __future__ import annotations

from collections.abc import Callable

from .agents import calls, sagas, waiting
from .figures import Figure, Result
from .measure import OURS_TABLE, PEER_TABLE, Bench
from .peer import CORRECT, FASTEST, KILLED
from .replay import instances, moments, rebuild, rebuild_long, swaps, verify

BATCH = 5_000


def null(bench: Bench) -> Result:
    """1: following alone."""
    result, events = Result("null"), bench.topic("uniform", bench.events)
    for _ in range(bench.rounds):
        result.rounds.append({
            "projector, null sink": bench.ours("uniform", "null", events, compared=False),
            "bare consumer, headers too": bench.stand.call(
                "consume", "--kind", "uniform", "--events", events, "--warm", bench.warm(events), "--broker", bench.stand.broker),
            "projector, decodes, no rows": bench.ours("uniform", "decode", events, compared=False),
        })
    result.ratio("events/s, projector with a null sink / bare consumer", ">= 0.75", "projector, null sink", "bare consumer, headers too")
    result.ratio("CPU, bare consumer / projector with a null sink", ">= 0.55", "bare consumer, headers too", "projector, null sink", "cpu_us")
    return result


def append(bench: Bench) -> Result:
    """2: rows that are only added."""
    result, events = Result("append"), bench.topic("fresh", bench.events // 2)
    for _ in range(bench.rounds):
        result.rounds.append({
            "append projection": bench.ours("fresh", "append", events, batch=BATCH),
            "COPY loop, rows ready": bench.loop("copy", "fresh", events, batch=BATCH),
        })
    result.ratio("events/s, append projection / COPY loop", ">= 0.7", "append projection", "COPY loop, rows ready")
    return result


def upsert(bench: Bench) -> Result:
    """3: rows that replace each other."""
    result, events = Result("upsert"), bench.topic("uniform", bench.events)
    for _ in range(bench.rounds):
        result.rounds.append({
            "upsert projection": bench.ours("uniform", "upsert", events, batch=BATCH),
            "UNNEST loop, rows ready": bench.loop("unnest", "uniform", events, batch=BATCH),
            "reading, folding UNNEST loop": bench.loop("folded", "uniform", events, batch=BATCH),
        })
    result.ratio("events/s, upsert projection / UNNEST loop with rows ready", ">= 0.9", "upsert projection", "UNNEST loop, rows ready")
    result.ratio("events/s, upsert projection / loop that reads and folds", "", "upsert projection", "reading, folding UNNEST loop")
    return result


def zipf(bench: Bench) -> Result:
    """4: what folding is worth."""
    result, events = Result("zipf"), bench.topic("zipf", bench.events * 5 // 2)
    some = max(events // 20, 50_000)
    for _ in range(bench.rounds):
        result.rounds.append({
            "upsert projection, folds": bench.ours("zipf", "upsert", events, batch=BATCH),
            "loop that folds": bench.loop("folded", "zipf", some, batch=BATCH),
            "loop that writes every event": bench.loop("unfolded", "zipf", some, batch=BATCH),
        })
    result.ratio("events/s, projection / loop without folding", ">= 2", "upsert projection, folds", "loop that writes every event")
    result.ratio("events/s, loop with folding / without", ">= 2", "loop that folds", "loop that writes every event")
    return result


def peer(bench: Bench) -> Result:
    """5: beside the Debezium JDBC sink."""
    result, events = Result("peer"), bench.topic("uniform", bench.events)
    same, catch_up = "ours, batch 1,000, one writer", "ours, catch-up, two writers"
    fastest, correct = "peer, fastest: UNNEST, 2 tasks, batch 1,000", "peer, correct: no UNNEST, 2 tasks, batch 5,000"
    for number in range(bench.rounds):
        runs: list[tuple[str, Callable[[], dict]]] = [
            (same, lambda: bench.ours("uniform", "upsert", events, batch=FASTEST.batch, writers=1)),
            (fastest, lambda: bench.peer(FASTEST, "uniform", events)),
            (catch_up, lambda: bench.ours("uniform", "upsert", events, writers=2)),
            (correct, lambda: bench.peer(CORRECT, "uniform", events)),
        ]
        runs = runs[number % 2 * 2:] + runs[:number % 2 * 2]
        result.rounds.append({name: run() for name, run in runs})
    result.ratio("events/s, ours (same batch, one writer) / fastest", ">= 1.8", same, fastest)
    result.ratio("events/s, ours (catch-up) / fastest", ">= 2.5", catch_up, fastest)
    result.ratio("events/s, ours (catch-up) / correct", ">= 4", catch_up, correct)
    result.ratio("process CPU per event, ours (same batch) / fastest", "<= 0.1", same, fastest, "cpu_us")
    result.ratio("process CPU per event, ours (catch-up) / correct", "<= 0.1", catch_up, correct, "cpu_us")
    result.ratio("peak memory, ours (same batch) / fastest", "<= 0.0667", same, fastest, "peak_rss_mib")
    result.ratio("peak memory, ours (catch-up) / fastest", "<= 0.0667", catch_up, fastest, "peak_rss_mib")
    result.plain("peer: start of the process to its first row, seconds", "", fastest, "start_s")
    return result


def synchronous(bench: Bench) -> Result:
    """5, with commits that wait for the disk."""
    result, events = Result("synchronous"), bench.topic("uniform", bench.events)
    ours, theirs = "ours, batch 1,000, one writer, synchronous", "peer, fastest, synchronous"
    result.rounds.append({
        ours: bench.ours("uniform", "upsert", events, batch=FASTEST.batch, writers=1, synchronous=True),
        theirs: bench.peer(FASTEST, "uniform", events, synchronous=True),
        "UNNEST loop, rows ready, synchronous": bench.loop("unnest", "uniform", events, batch=FASTEST.batch, synchronous=True),
    })
    result.ratio("events/s, ours / fastest, synchronous commits", "", ours, theirs)
    return result


def kill(bench: Bench) -> Result:
    """5: each killed with SIGKILL in mid-run and started again."""
    result, events = Result("kill"), bench.topic("uniform", bench.events)
    at = ("--kill-at", events // 2)
    programs = {
        "ours": bench.ours("uniform", "upsert", events, options=at),
        "peer": bench.peer(KILLED, "uniform", events, options=at),
    }
    result.rounds.append(programs)
    for name, figures in programs.items():
        killed = figures["killed"]
        result.figures.append(Figure(f"{name}: seconds from kill -9 to the next row", "", [killed["goes_on_after_s"]]))
        content = figures["content"]
        result.notes.append(
            f"{name}, killed at {killed['stood_at']:,} events: in the end {content['rows']:,} of {content['expected']:,} rows, "
            f"{content['missing']:,} missing, {content['unexpected']:,} too many, {content['differing']:,} with other values "
            f"({content['milliseconds_lost']:,} only by lost milliseconds).")
        # What ran after the kill is another process: rates of this run are of no use.
        for value in ("events_per_s", "cpu_us", "backend_us"):
            figures.pop(value, None)
    return result


def memory(bench: Bench) -> Result:
    """8: whether memory stays flat over many events."""
    result, events = Result("memory"), bench.topic("zipf", bench.events * 5 // 2)
    bounds = {name: size / 1024**2 for name, size in bench.stand.call("bounds").items()}
    windows, batches = bounds["window_of_a_partition"] * 8, bounds["batch"] * 2
    ours = bench.ours("zipf", "upsert", events)
    result.rounds.append({"upsert projection": ours})
    result.figures += [
        Figure("peak RSS, MiB", "", [ours["peak_rss_mib"]]),
        Figure("peak RSS without windows and the two batches, MiB", "<= 64", [ours["peak_rss_mib"] - windows - batches]),
        Figure("RSS at the end / RSS after the first tenth", "<= 1.25", [ours["rss_at_end_mib"] / ours["rss_at_mark_mib"]]),
    ]
    result.notes.append(f"By design: windows of 8 partitions {windows:.0f} MiB, two batches {batches:.0f} MiB, "
                        f"the client's queue {bounds['client_queue']:.0f} MiB (within the 64).")
    return result


def index(bench: Bench) -> Result:
    """8: what the index of events costs."""
    result, events = Result("index"), bench.topic("fresh", bench.events // 2)
    for _ in range(bench.rounds):
        result.rounds.append({"index of events": bench.index("fresh", events)})
    result.plain("process CPU, µs an event", "", "index of events", "cpu_us")
    result.plain("backend CPU, µs an event", "", "index of events", "backend_us")
    result.plain("bytes on disk an event", "", "index of events", "bytes_per_event")
    result.plain("bytes on disk an event, without the identity table", "", "index of events", "bytes_without_identity")
    for name in sorted({name for one in result.rounds for name in one["index of events"]["tables"]}):
        result.figures.append(Figure(f"of these in {name}", "", [
            one["index of events"]["tables"].get(name, 0) for one in result.rounds]))
    return result


def start(bench: Bench) -> Result:
    """8: how soon the first event comes after an assignment."""
    result, events = Result("start"), bench.topic("uniform", bench.events)
    for _ in range(max(bench.rounds, 3)):
        result.rounds.append({
            "empty windows": bench.stand.call("start", "--kind", "uniform"),
            "full windows": bench.stand.call("start", "--kind", "uniform", "--at-middle"),
        })
    result.plain("assignment to first batch, empty windows, ms", "<= 300", "empty windows", "first_batch_ms")
    result.plain("assignment to first batch, full windows, ms", "<= 2000", "full windows", "first_batch_ms")
    result.plain("joining the group, ms", "", "empty windows", "join_ms")
    result.notes.append(f"Full: reading begins in the middle of each of 8 partitions of {events // 8:,} events.")
    return result


def latency(bench: Bench) -> Result:
    """6: from an append to its row, open loop."""
    result = Result("latency")
    for _ in range(bench.rounds):
        one = {}
        for door in ("direct", "outbox"):
            database = bench.stand.database("bench_latency", True)
            one[door] = bench.stand.call("latency", "--door", door, "--database", database, "--rate", 1_000, "--seconds",
                                         10 if bench.events >= 1_000_000 else 4)
            bench.stand.drop(database)
        result.rounds.append(one)
    for door, goal in (("direct", "<= 2"), ("outbox", "<= 4")):
        result.plain(f"{door}: append to visible, p50, ms", "", door, "visible_p50_ms")
        result.plain(f"{door}: append to visible, p99, ms", "<= 100", door, "visible_p99_ms")
        result.plain(f"{door}: append to visible, longest, ms", "", door, "visible_max_ms")
        result.plain(f"{door}: p50 / (raw acknowledgement + raw commit)", goal, door, "visible_by_raw")
        result.plain(f"{door}: append to its answer, p50, ms", "", door, "ack_p50_ms")
        result.plain(f"{door}: append to its answer, p99, ms", "", door, "ack_p99_ms")
    result.plain("raw: record to acknowledgement, p50, ms", "", "direct", "raw_produce_p50_ms")
    result.plain("raw: commit of one row, p50, ms", "", "direct", "raw_commit_p50_ms")
    return result


def outbox(bench: Bench) -> Result:
    """7: how much the ways in take."""
    result, bulk = Result("outbox"), "bulk, 2 callers of 1,000"
    callers = {"1 caller": 1, "64 callers": 64, "512 callers": 512, bulk: 0}
    for _ in range(bench.rounds):
        one = {"bare producer": bench.produced()}
        for name, count in callers.items():
            for door in ("outbox", "direct"):
                database = bench.stand.database("bench_outbox", True)
                one[f"{door}, {name}"] = bench.stand.call(
                    "appends", "--door", door, "--database", database, "--callers", count, "--seconds",
                    5 if bench.events >= 1_000_000 else 2, "--broker", bench.stand.broker)
                bench.stand.drop(database)
        result.rounds.append(one)
    for name in callers:
        result.plain(f"outbox, {name}: appends/s", "", f"outbox, {name}", "events_per_s")
        result.plain(f"outbox, {name}: p50, ms", "", f"outbox, {name}", "p50_ms")
        result.plain(f"outbox, {name}: p99, ms", "", f"outbox, {name}", "p99_ms")
    result.ratio("events/s in bulk, outbox / direct", "", f"outbox, {bulk}", f"direct, {bulk}")
    result.ratio("events/s in bulk, outbox / bare producer", "", f"outbox, {bulk}", "bare producer")
    return result


PARTS: dict[str, Callable[[Bench], Result]] = {
    part.__name__: part for part in (null, append, upsert, zipf, peer, synchronous, kill, latency, outbox, memory, index, start,
                                     rebuild, rebuild_long, moments, verify, swaps, instances, sagas, waiting, calls)
}
# Parts that are measured only when they are asked for.
LONG = ("rebuild_long",)
__all__ = ["LONG", "OURS_TABLE", "PARTS", "PEER_TABLE"]
