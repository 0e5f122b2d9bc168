"""The built wheel in a fresh environment, away from the checkout: it scores, and puts nothing rude into site-packages.

python .ci/check_wheel.py hiqa-X.whl FOLDER_FOR_THE_ENVIRONMENT
"""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(fact: bool, what: str) -> None:
    print(f"{'ok' if fact else 'NOT'}: {what}")
    if not fact:
        sys.exit(1)


def main(wheel: Path, folder: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    expect(top == {"hiqa_cli", "hiqa_train"}, f"the wheel holds hiqa_cli and hiqa_train alone: {sorted(top)}")
    for name in ("manifest.json", "generator.safetensors", "regressor.safetensors", "README.md"):
        expect(f"hiqa_cli/weights/{name}" in names, f"the wheel carries weights/{name}")
    root = EXAMPLES.parent
    assets = (root / "hiqa_cli/report/page/assets").rglob("*.*")
    pages = {path.relative_to(root).as_posix() for path in assets if path.suffix != ".pyc"}
    carried = {name for name in names if name.startswith("hiqa_cli/report/page/assets/")}
    expect(bool(pages) and pages == carried, f"the wheel carries the {len(pages)} files of a report's page")

    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, folder=folder)
    picture = EXAMPLES / "astronaut_noise.png"
    code = f"import hiqa_cli as h; print(h.__file__); print(h.Scorer.load().score({str(picture)!r}).score)"
    place, score = run(python, "-c", code, folder=folder).split()
    expect(Path(place).is_relative_to(folder.resolve()) or str(folder) in place, "hiqa_cli comes from the environment")
    out = run(folder / "bin" / "hiqa", "score", picture, folder=folder)
    expect(out.split("\t")[0] == f"{float(score):.2f}", f"the command and the API agree: {out.strip()}")
    run(folder / "bin" / "hiqa", "hallucinate", picture, "-o", "out", "--panel", folder=folder)
    written = sorted(path.name for path in (folder / "out").iterdir())
    expect(len(written) == 3, f"hallucinate writes three pictures: {written}")
    run(folder / "bin" / "hiqa", "report", picture, folder=folder)
    page = (folder / "report.html").read_text("utf-8")
    expect("astronaut_noise" in page and "class Viewer" in page, "report writes a page with its script")
    run(folder / "bin" / "hiqa", "weights", folder=folder)
    for name in ("train", "weights"):
        probe = f"import importlib.util as u; print(u.find_spec({name!r}) is None)"
        expect(run(python, "-c", probe, folder=folder).strip() == "True", f"no package is called {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
