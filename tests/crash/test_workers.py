"""Four workers of one host, killed one by one at random under load, the leader included."""

import os
import random
import signal
import time

import psutil
import pytest
from tests.checker import dropped, rows, settle, tokens
from tests.crash.test_sigkill import SETTINGS, Client
from tests.processes import environment, read_port, running, wait_until


@pytest.mark.timeout(180)
def test_workers_killed_one_by_one(tmp_path):
    """After each kill another one drains; every answered request is stored exactly once."""
    seed = int(os.environ.get("DASHCAM_TEST_SEED", time.time_ns() % 1_000_000))
    choose = random.Random(seed)
    print(f"seed {seed}")
    env = environment(tmp_path, **SETTINGS)
    received = set()
    arguments = ("-m", "tests.apps.tokens", str(tmp_path / "port"), "4")
    with running(*arguments, env=env, cwd=tmp_path) as server:
        port = read_port(tmp_path / "port", server)
        workers = wait_until(
            lambda: len(found := psutil.Process(server.pid).children()) == 3 and found,
            what="three more workers",
        )
        workers = [*workers, psutil.Process(server.pid)]
        clients = [Client(port, f"c{number}") for number in range(4)]
        for client in clients:
            client.start()

        def stored():
            return len(tokens(rows(tmp_path), "completed"))

        leaders = 0
        for _ in range(3):
            before = stored()
            wait_until(lambda least=before: stored() > least, what="somebody drains")
            time.sleep(choose.uniform(0.2, 0.7))  # the moment of death is what is random here
            leader = [each for each in workers if holds_leader_lock(each.pid, tmp_path)]
            victim = leader[0] if leader and leaders < 2 else choose.choice(workers)
            leaders += victim in leader
            workers.remove(victim)
            os.kill(victim.pid, signal.SIGKILL)
            if victim.pid == server.pid:
                server.wait(10)
        assert leaders >= 1, "no leader was found to kill"
        last = stored()
        wait_until(lambda: stored() > last, what="the last worker drains for the dead")
        for worker in workers:
            os.kill(worker.pid, signal.SIGTERM)
        for client in clients:
            client.join(20)
            assert not client.is_alive()
            received.update(client.received)
        _, alive = psutil.wait_procs(workers, timeout=40)
        assert not alive, "the last worker doesn't end"
    settle(tmp_path)
    found = rows(tmp_path)
    completed = tokens(found, "completed")
    assert len(received) > 100
    # On a machine too busy to make a segment ready records are dropped, and a gap tells of them;
    # what no gap tells of is lost.
    assert len(received - set(completed)) <= dropped(found), f"lost, seed {seed}"
    assert len(completed) == len(set(completed)), f"stored twice, seed {seed}"


def holds_leader_lock(pid, directory):
    """Tell whether a process holds the flock of the one that drains, by /proc/locks."""
    (path,) = (directory / ".dashcam" / "journal").glob("leader-*.lock")
    inode = str(path.stat().st_ino)
    with open("/proc/locks") as file:
        return any(
            fields[1] == "FLOCK" and fields[4] == str(pid) and fields[5].endswith(f":{inode}")
            for fields in (line.split() for line in file)
            if "->" not in fields
        )
