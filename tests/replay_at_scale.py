"""A long history rebuilt under read load: what an operator and a reader see, printed as it happens.

    BRAINOPS_CONFIG=... python3 tests/replay_at_scale.py BRAINOPS BRAINOPS_BENCH [EVENTS]

Needs an installation of its own on a stack that is up, and `psql` for the one row that is edited by hand. It starts the
service, appends a made-up history of commits and deployments, reads `GET /deployments` without pause from eight threads
while `deployments` is rebuilt, swapped and rolled back, and lets `verify` look before and after the edit.
"""
import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from pathlib import Path

READERS = 8
READY_LIMIT_S, CATCH_UP_LIMIT_S = 60, 900


def run(*arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess:
    print("$", "brainops", *arguments, flush=True)
    began = time.monotonic()
    done = subprocess.run([BRAINOPS, *arguments], capture_output=True, text=True)
    said = [line for line in (done.stderr + done.stdout).splitlines() if " WARN " not in line]
    print("\n".join(line[:200] for line in said))
    print(f"exit {done.returncode} after {time.monotonic() - began:.1f} s\n", flush=True)
    if done.returncode != 0 and not may_fail:
        sys.exit(f"brainops {' '.join(arguments)} has failed")
    return done


class Readers:
    """Ask for deployments until they are told to stop; every answer must be whole, and never older than the last."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.answers, self.errors, self.longest, self.generations, self.back = 0, [], 0.0, {}, 0
        self.threads = [threading.Thread(target=self.read) for _ in range(READERS)]

    def read(self) -> None:
        last: dict[str, int] = {}
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                request = urllib.request.Request(f"{self.url}/deployments?limit=50",
                                                 headers={"authorization": f"Bearer {self.token}"})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    said = json.load(answer)
                frontier = {place: int(offset) for place, offset in said["frontier"].items() if "/" in place}
                went_back = any(offset < last.get(place, 0) for place, offset in frontier.items())
                error = None if len(said["rows"]) == 50 else f"{len(said['rows'])} rows"
                last = frontier
            except Exception as failure:  # whatever it is, it is what a reader would see
                went_back, error, said = False, repr(failure), {"generation": None}
            with self.lock:
                self.answers += 1
                self.longest = max(self.longest, time.monotonic() - began)
                self.back += went_back
                self.generations[said["generation"]] = self.generations.get(said["generation"], 0) + 1
                if error:
                    self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        print(f"readers: {self.answers} answers, {len(self.errors)} errors, {self.back} went back in time, "
              f"longest wait {self.longest * 1000:.0f} ms, answers by generation {self.generations}")
        for error in self.errors[:5]:
            print("  ", error)


def until(what: str, limit_s: float, holds) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {limit_s} s")
        time.sleep(0.5)


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def is_caught_up() -> bool:
    listed = subprocess.run([BRAINOPS, "--json", "projection", "list"], capture_output=True, text=True)
    lags = [model["lag_offsets"] for model in json.loads(listed.stdout)]
    return all(lag == 0 for lag in lags)


def edit_a_row(settings: dict, folder: Path) -> None:
    postgres = settings["postgres"]
    password = (folder / postgres["password_file"]).read_text().strip()
    serving = json.loads(subprocess.run([BRAINOPS, "--json", "projection", "show", "deployments"],
                                        capture_output=True, text=True).stdout)["generation"]
    schema = f"deployments_g{serving}"
    sql = (f"UPDATE {schema}.deployment SET status = 'succeeded' WHERE ctid = (SELECT ctid FROM {schema}.deployment "
           f"WHERE status = 'failed' ORDER BY service, environment, deployment_id LIMIT 1) RETURNING service, environment, deployment_id")
    environment = {**os.environ, "PGPASSWORD": password}
    print("$ psql:", sql)
    subprocess.run(["psql", "-h", postgres["host"], "-p", str(postgres["port"]), "-U", postgres["username"],
                    "-d", postgres["database"], "-c", sql], env=environment, check=True)


def main() -> None:
    config = Path(os.environ["BRAINOPS_CONFIG"])
    settings, folder = tomllib.loads(config.read_text()), config.parent
    events = sys.argv[3] if len(sys.argv) > 3 else "1000000"
    run("init")
    url = f"http://{settings['server']['listen']}"
    token = (folder / settings["state"]["folder"] / "api-token").read_text().strip()
    log = open(folder / "replay-at-scale.log", "w")
    service = subprocess.Popen([BRAINOPS, "serve"], stdout=log, stderr=log)
    try:
        until("the service is ready", READY_LIMIT_S, lambda: is_ready(url))
        subprocess.run([BENCH, "history", "--events", events], check=True)
        until("the read models have caught up", CATCH_UP_LIMIT_S, is_caught_up)
        run("projection", "list")
        with Readers(url, token):
            run("projection", "rebuild", "deployments", "--swap", "--by", "kim", "--reason", "to see it done")
            run("projection", "rollback", "deployments", "--by", "kim", "--reason", "and undone")
        run("projection", "generations", "deployments")
        run("projection", "verify", "deployments")
        edit_a_row(settings, folder)
        found = run("projection", "verify", "deployments", may_fail=True)
        if found.returncode != 1 or not re.search(r"status: succeeded \| failed", found.stdout):
            sys.exit("verify has not found the row that was edited")
    finally:
        service.terminate()
        service.wait(timeout=30)


if __name__ == "__main__":
    BRAINOPS, BENCH = sys.argv[1], sys.argv[2]
    main()
