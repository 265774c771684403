#!/usr/bin/env python3
"""The four DORA figures, computed from `git` and the deliveries alone, beside what the service answers.

Shares no code with the service: deployments are read from the repository's tags and from `scripts/deliveries --print`,
"commits new since the previous success" is `git rev-list SHA ^PREVIOUS`, and medians are Python's. Prints a row per
service, environment and figure; exit 1 when one differs by more than a millisecond or a millionth.
"""
import argparse
import datetime
import json
import statistics
import subprocess
import sys
import urllib.request
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUCCEEDED, FAILED = "succeeded", "failed"


def git(repository: str, *arguments: str) -> str:
    return subprocess.run(["git", "-C", repository, *arguments], check=True, capture_output=True, text=True).stdout


def from_tags(repository: str, service: str) -> list[tuple]:
    """(service, environment, outcome, sha, finished at) of each tag that leads to a commit."""
    form = "%(objecttype) %(*objecttype) %(objectname) %(*objectname) %(creatordate:unix)"
    found = []
    for line in git(repository, "for-each-ref", "refs/tags", f"--format={form}").splitlines():
        words = line.split(" ")
        kind, target_kind, own, target, seconds = words
        if kind == "commit":
            sha = own
        elif target_kind == "commit":
            sha = target
        else:
            continue
        found.append((service, "production", SUCCEEDED, sha, int(seconds)))
    return found


def from_deliveries(repository: str) -> list[tuple]:
    outcomes = {"success": SUCCEEDED, "failure": FAILED, "error": FAILED}
    printed = subprocess.run([ROOT / "scripts/deliveries", "--repo", repository, "--print"],
                             check=True, capture_output=True, text=True).stdout
    found = []
    for delivery in map(json.loads, printed.splitlines()):
        status = delivery["body"].get("deployment_status")
        if delivery["to"] != "github" or status["state"] not in outcomes:
            continue
        at = datetime.datetime.fromisoformat(status["created_at"]).timestamp()
        body = delivery["body"]
        found.append((body["repository"]["name"], status["environment"], outcomes[status["state"]],
                      body["deployment"]["sha"], int(at)))
    return found


def committed_at(repository: str) -> dict[str, int]:
    return {sha: int(seconds) for sha, seconds in
            (line.split() for line in git(repository, "log", "--all", "--format=%H %ct").splitlines())}


def iso_week(seconds: int) -> datetime.date:
    """The Monday of the moment's ISO week, UTC."""
    day = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).date()
    return day - datetime.timedelta(days=day.weekday())


def lead_times(repository: str, commits: dict[str, int], successes: list[tuple]) -> list[float]:
    times = []
    for before, after in zip(successes, successes[1:]):
        new = git(repository, "rev-list", after[3], f"^{before[3]}").split()
        times += [after[4] - commits[sha] for sha in new]
    return times


def restore_times(finished: list[tuple]) -> list[float]:
    times = []
    for index, deployment in enumerate(finished):
        if deployment[2] == FAILED:
            later = [one[4] for one in finished[index + 1:] if one[2] == SUCCEEDED]
            times += [later[0] - deployment[4]] if later else []
    return times


def figures(repository: str, deployments: list[tuple]) -> dict[tuple[str, str], dict[str, float | None]]:
    commits = committed_at(repository)
    by_place = defaultdict(list)
    for deployment in deployments:
        by_place[deployment[:2]].append(deployment)
    result = {}
    for place, finished in by_place.items():
        finished.sort(key=lambda one: one[4])
        successes = [one for one in finished if one[2] == SUCCEEDED]
        weeks = (iso_week(finished[-1][4]) - iso_week(finished[0][4])).days // 7 + 1
        leads = lead_times(repository, commits, successes)
        restores = restore_times(finished)
        result[place] = {
            "deployments_per_week": len(successes) / weeks,
            "lead_time_median_seconds": statistics.median(leads) if leads else None,
            "failure_rate": (len(finished) - len(successes)) / len(finished),
            "restore_median_seconds": statistics.median(restores) if restores else None,
        }
    return result


def answered(url: str, token: str) -> dict[tuple[str, str], dict]:
    request = urllib.request.Request(f"{url}/deployments/dora", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {(row["service"], row["environment"]): row for row in json.load(answer)["total"]}


def same(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= max(0.001, abs(ours) * 1e-6)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--service", required=True, help="service that the import named")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    arguments = parser.parse_args()
    expected = figures(arguments.repo, from_tags(arguments.repo, arguments.service) + from_deliveries(arguments.repo))
    got = answered(arguments.url, arguments.token_file.read_text().strip())
    services = {service for service, _ in expected}
    wrong = [place for place in got if place[0] in services and place not in expected]
    print(f"{'service':16} {'environment':12} {'figure':28} {'from git':>16} {'answered':>16}")
    for place, values in sorted(expected.items()):
        for figure, ours in values.items():
            theirs = got.get(place, {}).get(figure)
            mark = "" if same(ours, theirs) else "  DIFFERS"
            wrong += [place] if mark else []
            print(f"{place[0]:16} {place[1]:12} {figure:28} {str(ours):>16.16} {str(theirs):>16.16}{mark}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
