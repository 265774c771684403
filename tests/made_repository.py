#!/usr/bin/env python3
"""Makes a git repository with a known shape: COMMITS commits with merges, TAGS release tags, skewed committer times.

The same arguments give the same commit ids. Authors are invented; their names and addresses are what the tests search
topics, tables and logs for.
"""
import argparse
import random
import subprocess
from pathlib import Path

AUTHORS = [("Zelda Quirinus", "zelda.quirinus@invented.example"), ("Björn Åkesson-Made", "bjorn@invented.example"),
           ("Wanda O'Fictive", "wanda@invented.example")]
START = 1_600_000_000
STEP_SECONDS = 3_600
SKEW_SECONDS = 7_200


def stream(commits: int, tags: int, seed: int):
    """Lines of `git fast-import`: a main line with short side branches that are merged back."""
    chance = random.Random(seed)
    side, main, tagged = None, None, 0
    for number in range(1, commits + 1):
        name, address = AUTHORS[chance.randrange(len(AUTHORS))]
        at = START + number * STEP_SECONDS + chance.randrange(-SKEW_SECONDS, SKEW_SECONDS)
        on_side = main is not None and number < commits and chance.random() < 0.3
        merging = side is not None and not on_side and chance.random() < 0.5
        parent = (side or main) if on_side else main
        branch = "refs/heads/side" if on_side else "refs/heads/main"
        message = f"Change {number}, told by {name}\n"
        yield f"commit {branch}\nmark :{number}\nauthor {name} <{address}> {at} +0000\n"
        yield f"committer {name} <{address}> {at} +0000\ndata {len(message.encode())}\n{message}"
        if parent:
            yield f"from :{parent}\n"
        if merging:
            yield f"merge :{side}\n"
        text = f"{number}\n"
        yield f"M 100644 inline src/file{number % 40}.txt\ndata {len(text)}\n{text}\n"
        side = number if on_side else (None if merging else side)
        main = main if on_side else number
        if tagged < tags and not on_side and number * tags >= (tagged + 1) * commits:
            tagged += 1
            yield f"tag v{tagged}\nfrom :{number}\ntagger {name} <{address}> {at + 600} +0000\ndata 8\nrelease\n\n"


def make(folder: Path, commits: int, tags: int, seed: int = 7) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    lines = "".join(stream(commits, tags, seed)).encode()
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet", "--force"], input=lines, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--tags", type=int, default=300)
    arguments = parser.parse_args()
    make(arguments.folder, arguments.commits, arguments.tags)
