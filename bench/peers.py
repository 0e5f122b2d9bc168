"""hiqa and its peers side by side: seconds an image, and hiqa's lead, at two common sizes. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PEERS = ("wadiqam_nr", "musiq", "topiq_nr", "hyperiqa", "cnniqa", "brisque")
SIZES = ((512, 384), (1080, 800))
PRECISIONS = ("fp32", "bf16")


class Worker:
    """A scorer in a process of its own, which sleeps on its pipe between its turns."""

    def __init__(self, python: str, name: str, threads: int) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.error = self.ask(do="load", name=name, threads=threads).get("error", "")

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "the process ended"}

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def measure(workers: list[Worker], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """size -> precision -> name -> median seconds; every round asks all in turn, after one round to warm up."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for width, height in SIZES:
        for precision in PRECISIONS:
            times: dict[str, list[float]] = {worker.name: [] for worker in workers}
            for turn in range(rounds + 1):
                for worker in workers:
                    if worker.name == "brisque" and precision == "bf16":
                        continue  # no network
                    answer = worker.ask(do="forward", precision=precision, width=width, height=height)
                    if "error" in answer:
                        worker.error = answer["error"]
                    elif turn:
                        times[worker.name].append(answer["seconds"])
            medians = {name: median(values) for name, values in times.items() if values}
            found.setdefault(f"{width}x{height}", {})[precision] = medians
    return found


def as_lines(found: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """A table in Markdown; a lead is the peer's time over hiqa's, in one precision, or hiqa in bf16 against float32."""
    heads = ("size", "scorer", "fp32", "bf16", "hiqa's lead, fp32", "bf16", "hiqa bf16 against fp32")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for size, by_precision in found.items():
        ours = {precision: by_precision[precision]["hiqa"] for precision in PRECISIONS}
        for name, seconds in by_precision["fp32"].items():
            half = by_precision["bf16"].get(name)
            cells = [size, name, f"{1000 * seconds:.0f} ms", f"{1000 * half:.0f} ms" if half else "-"]
            if name != "hiqa":
                cells += [f"{seconds / ours['fp32']:.2f}", f"{half / ours['bf16']:.2f}" if half else "-"]
                cells.append(f"{seconds / ours['bf16']:.2f}")
            else:
                cells += ["", "", ""]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="python of the environment that pyiqa is installed in")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(PEERS), help="of the peers, these")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    workers = [Worker(sys.executable, "hiqa", options.threads)]
    workers += [Worker(options.peers, name, options.threads) for name in options.only]
    for worker in workers:
        if worker.error:
            print(f"{worker.name} left out: {worker.error}", file=sys.stderr)
    found = measure([worker for worker in workers if not worker.error], options.rounds)
    for worker in workers:
        worker.close()
    print("\n".join(as_lines(found)))
    if options.json is not None:
        facts = {"machine": platform.processor() or platform.machine(), "threads": options.threads, "seconds": found}
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
