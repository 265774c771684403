"""What the benchmark's scripts promise without a stack: prose stays, goals are judged by the median, digests are checked."""
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib.figures import Figure, Result  # noqa: E402
from benchlib.parts import PARTS  # noqa: E402
from benchlib.peer import DEPLOY, NAMES, _filled  # noqa: E402
from benchlib.report import MARK, tables, write_page  # noqa: E402

MACHINE = {"taken_at": "now", "commit": "c", "cores": 2, "processor": "p", "memory_gib": 8, "kernel": "6", "rounds": 1,
           "events": 5, "load": 0.1}


def result(name: str = "null", rates: tuple = (10.0, 30.0, 20.0)) -> Result:
    made = Result(name, rounds=[{"ours": {"events_per_s": rate}, "other": {"events_per_s": 10.0}} for rate in rates])
    made.ratio("ours / other", ">= 2", "ours", "other")
    return made


class Page(unittest.TestCase):
    def test_prose_outlives_new_tables(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "bench.md"
            page.write_text("before\n<!-- bench:null -->\nold\n<!-- /bench -->\nlimits: the disk\n<!-- bench:peer -->\n<!-- /bench -->\nafter\n")
            for _ in range(2):
                self.assertEqual(write_page(page, {"null": result(), "zipf": result("zipf")}, MACHINE), ["zipf"])
            text = page.read_text()
        self.assertNotIn("old", text)
        for kept in ("before\n", "limits: the disk\n", "after\n", "Not measured yet."):
            self.assertEqual(text.count(kept), 1, text)
        self.assertEqual(text.count("| ours / other | 1.00 | 2.00 | 3.00 | >= 2 | yes |"), 1, text)

    def test_every_part_has_its_place(self):
        placed = {found.group("name") for found in MARK.finditer((ROOT / "docs" / "bench.md").read_text())}
        self.assertEqual(placed, set(PARTS) | {"machine", "summary"})

    def test_a_failed_part_and_wrong_content_are_said_aloud(self):
        failed = result()
        failed.failure = "no broker"
        failed.rounds[1]["ours"]["content"] = {"equal": False, "rows": 7, "differing": 6, "missing": 0, "unexpected": 0,
                                               "milliseconds_lost": 6}
        text = tables(failed)
        self.assertIn("**This part failed:** no broker", text)
        self.assertIn("**6 of 7 rows differ, 6 of them only by lost milliseconds**", text)


class Goals(unittest.TestCase):
    def test_the_median_decides(self):
        cases = [(">= 2", [1, 2, 3], True), (">= 2", [1, 1.9, 3], False), ("<= 100", [99, 400, 1], True), ("", [1], None),
                 (">= 2", [], None)]
        for goal, values, met in cases:
            self.assertIs(Figure("x", goal, values).is_met(), met, (goal, values))

    def test_what_was_not_measured_is_left_out(self):
        gap = result()
        gap.rounds[0]["ours"]["p50_ms"] = None
        gap.plain("p50", "<= 1", "ours", "p50_ms")
        gap.ratio("ratio", "<= 1", "ours", "other", "p50_ms")
        self.assertEqual([figure.values for figure in gap.figures[1:]], [[], []])
        self.assertIn("| p50 | - | - | - | <= 1 | not measured |", tables(gap))

    def test_results_survive_being_kept(self):
        self.assertEqual(Result.from_json("null", result().as_json()), result())


class PeerFiles(unittest.TestCase):
    def test_nothing_is_left_open(self):
        with self.assertRaises(ValueError):
            _filled("sink.properties", {"NAME": "x"})

    def test_every_file_has_a_digest(self):
        for name in NAMES:
            lines = [line.split() for line in (DEPLOY / f"{name}.sha256").read_text().splitlines() if not line.startswith("#")]
            self.assertTrue(lines)
            self.assertTrue(all(len(digest) == 64 for digest, _ in lines), name)


if __name__ == "__main__":
    unittest.main()
