"""Puts the weights of a run in the place of the released ones.

    python -m hiqa_train.experiments.release_weights RUN/weights weights --name hiqa-fourth --version 7

The files and `measured` are the run's. Licence and training data are those of the released manifest, since a run knows
its databases but not the terms and the use of every picture: check that they still hold. docs/contributing.md lists
what to measure afterwards.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hiqa_cli.engine.manifest import MANIFEST, read_manifest, read_verified
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_bytes

from .script_main import report, run_command

OF_THE_RELEASE = ("licence", "training_data")


def release(run: Path, released: Path, name: str, version: str) -> str:
    """Write the weights in `run` to `released`, the manifest last. Returns their id.

    Raises UsageError for a version that is released already, WeightsError, and OutputError.
    """
    before, made = read_manifest(released), read_manifest(run)
    if version == before.version:
        raise UsageError(f"{released} has version {version} already", "give the next one")
    for file in made.files:
        write_bytes(released / file, read_verified(run, made, file))
    facts = json.loads((released / MANIFEST).read_bytes())
    of_release = {field: facts[field] for field in OF_THE_RELEASE}
    manifest = json.loads((run / MANIFEST).read_bytes()) | of_release | {"name": name, "version": version}
    # the recipe is a file of its own, and is no fact that a user of the weights reads
    manifest["measured"].pop("recipe", None)
    write_bytes(released / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
    return read_manifest(released).weights_id


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("released", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    given = parser.parse_args()

    def go() -> int:
        report(
            f"{given.name}, version {given.version}: {release(given.run, given.released, given.name, given.version)}"
        )
        return 0

    run_command(go)


if __name__ == "__main__":
    main()
