"""The moves that the parts share: topics filled once, a run of ours, of a reference, of the peer, each compared."""
from __future__ import annotations

from dataclasses import dataclass, field

from stacklib.talk import say

from .peer import Peer, Setting
from .stand import CallFailed, Stand

OURS_TABLE = "bench_g1.line"
LOOP_TABLE = "bench.line"
PEER_TABLE = "public.line"
# Bytes of every table and index, those of all partitions together.
SIZES = """\
SELECT regexp_replace(regexp_replace(class.relname, '_[0-9]{4}_[0-9]{2}', '_MONTH'), '^identity_[0-9]+', 'identity'), sum(pg_relation_size(class.oid))
  FROM pg_class AS class
 WHERE class.relnamespace = 'events_g1'::regnamespace AND class.relkind IN ('r', 'i')
 GROUP BY 1 HAVING sum(pg_relation_size(class.oid)) > 100000 ORDER BY 2 DESC
"""


@dataclass
class Bench:
    """A stand with what has been put on it."""

    stand: Stand
    events: int
    rounds: int
    replay_rounds: int
    filled: dict[str, int] = field(default_factory=dict)
    installed: bool = False  # whether the database of agents is made
    _peer: Peer | None = None

    def topic(self, kind: str, events: int) -> int:
        """Fills a topic once; answers how many events it has."""
        if kind not in self.filled:
            say("bench", f"filling bench_{kind} with {events:,} events")
            made = self.stand.call("produce", "--kind", kind, "--events", events, "--schema", self.stand.schema,
                                   "--broker", self.stand.broker)
            self.filled[kind] = events
            say("bench", f"{made['events_per_s']:,.0f} events/s, {made['bytes_per_event']:.0f} bytes each")
        return self.filled[kind]

    def warm(self, events: int) -> int:
        """How many events at the beginning do not count."""
        return events // 10

    def ours(self, kind: str, sink: str, events: int, *, synchronous: bool = False, batch: int | None = None,
             writers: int | None = None, compared: bool = True, options: tuple = ()) -> dict:
        """One run of the platform's own projector, from an empty database until `events` are written."""
        database = self.stand.database("bench_ours", synchronous)
        program = [self.stand.binary, "project", "--kind", kind, "--sink", sink, "--database", database]
        program += ["--batch", batch] if batch else []
        program += ["--writers", writers] if writers else []
        figures = self.watch(kind, events, database, ["--of", self.filled[kind], *options], program)
        if compared:
            figures["content"] = self.compare(kind, events, database, OURS_TABLE)
        self.stand.drop(database)
        return figures

    def peer(self, setting: Setting, kind: str, events: int, *, synchronous: bool = False, options: tuple = ()) -> dict:
        """One run of the peer on the same topic and the same table."""
        self._peer = self._peer or Peer(self.stand)
        database = self.stand.database("bench_peer", synchronous)
        self.peer_table(database)
        run = f"{setting.name}-{len(list((self.stand.stack / 'peer').glob('*')))}"
        command = self._peer.command(setting, f"brainops.bench_{kind}", database, run)
        figures = self.watch(kind, events, database, ["--table", PEER_TABLE, "--backends", "peer", "--look-ms", 100, *options],
                              command)
        figures["content"] = self.compare(kind, events, database, PEER_TABLE)
        self.stand.drop(database)
        return figures

    def loop(self, name: str, kind: str, events: int, *, synchronous: bool = False, batch: int = 5_000) -> dict:
        """One run of a plain loop."""
        database = self.stand.database("bench_loop", synchronous)
        figures = self.stand.call("reference", name, "--kind", kind, "--events", events, "--warm", self.warm(events),
                                  "--database", database, "--batch", batch, "--broker", self.stand.broker)
        # With fewer events than the topic has, which ones a loop has read is its own affair.
        if events == self.filled[kind]:
            figures["content"] = self.compare(kind, events, database, LOOP_TABLE)
        self.stand.drop(database)
        return figures

    def index(self, kind: str, events: int) -> dict:
        """The platform's index of events, and what it weighs on disk."""
        database = self.stand.database("bench_index", False)
        program = [self.stand.binary, "project", "--kind", kind, "--sink", "index", "--database", database]
        figures = self.watch(kind, events, database, ["--schema", "events_g1"], program)
        sizes = self.stand.sql(database, SIZES)
        tables = {name: int(size) / events for name, size in (line.rsplit("|", 1) for line in sizes.splitlines())}
        self.stand.drop(database)
        return figures | {"tables": tables, "bytes_per_event": sum(tables.values()),
                          "bytes_without_identity": sum(size for name, size in tables.items() if not name.startswith("identity"))}

    def produced(self) -> dict:
        """A bare producer, for a moment, into a topic that nobody reads."""
        return self.stand.call("produce", "--kind", "raw", "--events", max(self.events // 10, 50_000), "--schema",
                               self.stand.schema, "--broker", self.stand.broker)

    def compare(self, kind: str, events: int, database: str, table: str) -> dict:
        return self.stand.call("compare", "--kind", kind, "--events", events, "--database", database, "--table", table)

    def peer_table(self, database: str) -> None:
        """The same table as ours, where the peer looks for it, and owned by the login that it uses."""
        self.stand.make_line_table(database, "public")

    def watch(self, kind: str, events: int, database: str, options: list, program: list) -> dict:
        """One run of a program, measured from outside until it has written so many events."""
        return self.stand.call("watch", "--kind", kind, "--events", events, "--warm", self.warm(events), "--database", database,
                               "--broker", self.stand.broker, *options, "--", *program)


__all__ = ["Bench", "CallFailed", "LOOP_TABLE", "OURS_TABLE", "PEER_TABLE"]
