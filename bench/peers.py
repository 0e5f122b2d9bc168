"""hiqa and its peers side by side: seconds an image, and hiqa's lead, at two common sizes, and seconds of the whole
command on files. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PEERS = ("wadiqam_nr", "musiq", "topiq_nr", "hyperiqa", "cnniqa", "brisque")
SIZES = ((512, 384), (1080, 800))
PRECISIONS = ("fp32", "bf16")
FILES = (1, 10)  # JPEG files of the first size that a whole command scores


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


def measure_whole(python: str, names: list[str], threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """number of files -> name -> median seconds of a whole process, hiqa's in its default precision."""
    from hiqa_cli.engine.benchmark import generated_images

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, data in enumerate(generated_images(*SIZES[0], max(FILES))):
            files.append(str(Path(folder) / f"{number}.jpg"))
            Path(files[-1]).write_bytes(data)
        for count in FILES:
            times: dict[str, list[float]] = {name: [] for name in names}
            for _ in range(rounds):
                for name in names:
                    hiqa = [sys.executable, "-m", "hiqa_cli", "score", "--quiet", "--threads", str(threads)]
                    peer = [python, str(HERE / "worker.py"), name, str(threads)]
                    begin = time.perf_counter()
                    command = [*(hiqa if name == "hiqa" else peer), *files[:count]]
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    times[name].append(time.perf_counter() - begin)
            found[str(count)] = {name: median(values) for name, values in times.items()}
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
    parser.add_argument("--whole", action="store_true", help="time whole commands on files instead")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    workers = [Worker(sys.executable, "hiqa", options.threads)]
    workers += [Worker(options.peers, name, options.threads) for name in options.only]
    for worker in workers:
        if worker.error:
            print(f"{worker.name} left out: {worker.error}", file=sys.stderr)
    here = [worker for worker in workers if not worker.error]
    facts: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "threads": options.threads}
    if not options.whole:
        facts["seconds"] = measure(here, options.rounds)
        print("\n".join(as_lines(facts["seconds"])))
    for worker in workers:
        worker.close()
    if options.whole:
        names = [worker.name for worker in here]
        facts["whole"] = measure_whole(options.peers, names, options.threads, options.rounds)
        for count, seconds in facts["whole"].items():
            print(f"{count} files: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    if options.json is not None:
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
