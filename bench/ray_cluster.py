"""A Ray cluster of two nodes on this machine, whose processes score with the stub network unless weights are given.

    python bench/ray_cluster.py

starts one, prints its address, and ends it when its standard input is closed. It answers the line "workers" by the
process numbers of the actors that score, and "remove" by killing the second node. STUB_SECONDS: see `stub_network.py`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
CHECKOUT = BENCH.parent
HOOK = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"  # Ray calls this in every worker process first
ENVIRONMENT = {
    HOOK: "stub_network.install_beside",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), str(BENCH), os.environ.get("PYTHONPATH", "")])),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "OMP_NUM_THREADS": "1",
}
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
ATTEMPTS = 4  # to start a node: Ray gives one 30 s, which a busy machine may need for importing


class TwoNodes:
    """A head with one core and a second node with another."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        os.environ.update(ENVIRONMENT)
        self._cluster = _repeated(lambda: Cluster(initialize_head=True, head_node_args=NODE))
        self._second = _repeated(lambda: self._cluster.add_node(**NODE))
        self.address: str = self._cluster.address

    def workers(self) -> list[int]:
        """The processes of actors that score, of both nodes."""
        found = []
        for node in self._cluster.list_all_nodes():
            raylet = node.all_processes["raylet"][0].process.pid
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split():
                    if b"BlockScorer" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
        return found

    def remove_second(self) -> None:
        """Kill the second node with all of its processes."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


def _repeated(start: Any) -> Any:
    for attempt in range(ATTEMPTS):
        try:
            return start()
        except Exception:
            if attempt + 1 == ATTEMPTS:
                raise
    return None


def main() -> None:
    nodes = TwoNodes()
    try:
        print(nodes.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "workers":
                print(*nodes.workers(), flush=True)
            if line.strip() == "remove":
                nodes.remove_second()
                print("removed", flush=True)
    finally:
        nodes.close()


if __name__ == "__main__":
    main()
