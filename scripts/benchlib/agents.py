"""The measurements of agents: three-step sagas beside Restate, many sagas that wait, decisions taken again."""
from __future__ import annotations

from .figures import Result
from .measure import Bench
from .restate import Restate

AT_ONCE = 64
DATABASE = "bench_agents"


def sagas(bench: Bench) -> Result:
    """14: a saga of three steps, ours and the peer's."""
    result, restate = Result("sagas"), Restate()
    names = {(who, flight): f"{who}, {flight} in flight" for who in ("ours", "peer") for flight in (AT_ONCE, 1)}
    seconds = min(15, max(5, bench.events // 100_000))
    for number in range(bench.rounds):
        one: dict[str, dict] = {}
        for flight in (AT_ONCE, 1):
            runs = {"ours": lambda flight=flight: _ours(bench, flight, seconds), "peer": lambda flight=flight: _peer(bench, restate, flight, seconds)}
            for who in list(runs)[::-1 if number % 2 else 1]:
                one[names[who, flight]] = runs[who]()
        result.rounds.append({name: one[name] for name in names.values()})
    ours, theirs, our_one, their_one = (names[key] for key in (("ours", AT_ONCE), ("peer", AT_ONCE), ("ours", 1), ("peer", 1)))
    result.ratio(f"sagas/s at {AT_ONCE} in flight, ours / peer", ">= 2", ours, theirs)
    result.ratio("p50 at 1 in flight, ours / peer", "<= 3", our_one, their_one, "p50_ms")
    result.ratio(f"CPU of all processes a saga at {AT_ONCE} in flight, ours / peer", "", ours, theirs, "cpu_us")
    for program in names.values():
        result.plain(f"{program}: p50, ms", "", program, "p50_ms")
        result.plain(f"{program}: p99, ms", "", program, "p99_ms")
    for program in (ours, our_one):
        for what, value in (("waits for the disk", "fsyncs_per_step"), ("commits", "commits_per_step"),
                            ("rows written in Postgres", "rows_per_step"), ("records in Kafka", "records_per_step")):
            result.plain(f"{program}: {what} a step", "", program, value)
    return result


def waiting(bench: Bench) -> Result:
    """15: many sagas that wait, each with a timer."""
    result, program = Result("waiting"), "sagas that wait"
    many = min(100_000, max(10_000, bench.events // 20))
    for _ in range(bench.rounds):
        result.rounds.append({program: bench.stand.call("waiting", "--database", _installation(bench), "--sagas", many)})
    result.plain(f"memory of the process at {many:,} / at {many // 10:,}", "<= 1.2", program, "rss_growth")
    result.plain(f"memory of the process at {many // 10:,}, MiB", "", program, "rss_first_mib")
    result.plain(f"memory of the process at {many:,}, MiB", "", program, "rss_last_mib")
    result.plain("a due timer is late by, longest of 500, ms", "<= 1000", program, "late_max_ms")
    result.plain("a due timer is late by, p50, ms", "", program, "late_p50_ms")
    result.plain("sagas begun a second", "", program, "events_per_s")
    return result


def calls(bench: Bench) -> Result:
    """16: calls of a tool that does nothing, and decisions of a policy of a thousand rules."""
    result, seconds = Result("calls"), min(15, max(5, bench.events // 100_000))
    one, many, policy = "gate, 1 in flight", f"gate, {AT_ONCE} in flight", "policy"
    for _ in range(bench.rounds):
        result.rounds.append({
            one: bench.stand.call("calls", "--database", _installation(bench), "--in-flight", 1, "--seconds", seconds, "--broker", bench.stand.broker),
            many: bench.stand.call("calls", "--database", _installation(bench), "--in-flight", AT_ONCE, "--seconds", seconds, "--broker", bench.stand.broker),
            policy: bench.stand.call("decisions")})
    result.plain("a call at 1 in flight / two records and a commit, p50", "<= 2", one, "over_plain")
    result.plain("a call at 1 in flight, p50, ms", "", one, "p50_ms")
    result.plain("two records and a commit, p50, ms", "", one, "plain_p50_ms")
    result.plain(f"calls/s at {AT_ONCE} in flight", "", many, "events_per_s")
    result.plain(f"a call at {AT_ONCE} in flight, p50, ms", "", many, "p50_ms")
    result.plain(f"a call at {AT_ONCE} in flight, p99, ms", "", many, "p99_ms")
    result.plain("a decision among 1,000 rules, p50, microseconds", "", policy, "p50_us")
    result.plain("a decision among 1,000 rules, p99, microseconds", "< 50", policy, "p99_us")
    result.plain("the same, p99 of CPU, microseconds", "", policy, "p99_cpu_us")
    return result


def _installation(bench: Bench) -> str:
    """One database for all runs: an agent with an empty one would begin with everything that the log has from the runs before."""
    if not bench.installed:
        bench.stand.database(DATABASE, True)
        bench.installed = True
    bench.stand.sql("postgres", "CHECKPOINT")
    return DATABASE


def _ours(bench: Bench, flight: int, seconds: int) -> dict:
    return bench.stand.call("sagas", "--database", _installation(bench), "--in-flight", flight, "--seconds", seconds,
                            "--broker", bench.stand.broker)


def _peer(bench: Bench, restate: Restate, flight: int, seconds: int) -> dict:
    with restate.run(bench.stand.stack / "peer-restate") as running:
        pids = [option for pid in running.pids for option in ("--pid", pid)]
        return bench.stand.call("peer-sagas", "--url", running.url, "--in-flight", flight, "--seconds", seconds, *pids)
