"""hiqa and its peers side by side: seconds per image and hiqa's lead at two common sizes, or seconds of complete
commands on files. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from hiqa_cli.engine.speed.timing import median_seconds, seconds_of

HERE = Path(__file__).parent
PEERS = ("wadiqam_nr", "musiq", "topiq_nr", "hyperiqa", "cnniqa", "brisque")
SIZES = ((512, 384), (1080, 800))
PRECISIONS = ("fp32", "bf16")
FILES = (1, 10)  # numbers of JPEG files, of the first size, for complete commands


class Worker:
    """A scorer in a process of its own, idle between its turns."""

    def __init__(self, python: str, name: str, threads: int) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.error = self.ask(do="load", name=name, threads=threads).get("error", "")

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order, wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "the process ended"}

    def seconds(self, precision: str, width: int, height: int) -> float:
        """Seconds of one forward pass, as the worker measures them; NaN, with `error` set, if it fails."""
        answer = self.ask(do="forward", precision=precision, width=width, height=height)
        self.error = answer.get("error", self.error)
        return float(answer.get("seconds", "nan"))

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def measure(workers: list[Worker], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """size -> precision -> name -> median seconds; failed workers are left out."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for width, height in SIZES:
        for precision in PRECISIONS:
            measures = {
                worker.name: partial(worker.seconds, precision, width, height)
                for worker in workers
                if worker.name != "brisque" or precision == "fp32"  # BRISQUE has no network to run in bf16
            }
            medians = median_seconds(measures, rounds)
            valid = {name: seconds for name, seconds in medians.items() if seconds == seconds}
            found.setdefault(f"{width}x{height}", {})[precision] = valid
    return found


def measure_whole(python: str, names: list[str], threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """number of files -> name -> median seconds of a process from start to end, hiqa in its default precision."""
    from hiqa_cli.engine.speed.benchmark import generated_images

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, data in enumerate(generated_images(*SIZES[0], max(FILES))):
            files.append(str(Path(folder) / f"{number}.jpg"))
            Path(files[-1]).write_bytes(data)
        for count in FILES:
            measures = {}
            for name in names:
                hiqa = [sys.executable, "-m", "hiqa_cli", "score", "--quiet", "--threads", str(threads)]
                peer = [python, str(HERE / "worker.py"), name, str(threads)]
                command = [*(hiqa if name == "hiqa" else peer), *files[:count]]
                measures[name] = partial(seconds_of, partial(run_silently, command))
            found[str(count)] = median_seconds(measures, rounds, warm_up=0)
    return found


def run_silently(command: list[str]) -> None:
    """Run a command that must succeed, without its output."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


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
    parser.add_argument("--only", nargs="*", default=list(PEERS), help="compare with these peers")
    parser.add_argument("--whole", action="store_true", help="time complete commands on files instead")
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
