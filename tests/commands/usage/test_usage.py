"""hiqa as a process, without an image: help, version, completion, wrong usage. Needs no torch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.process import RunHiqa, environment

import hiqa_cli
from hiqa_cli import __version__
from hiqa_cli.commands.app import COMMANDS, build_command

HEAVY = ("torch", "cv2", "numpy", "scipy")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(argument: str, run_hiqa: RunHiqa) -> None:
    script = (
        "import sys; from hiqa_cli.__main__ import main\n"
        f"sys.argv = ['hiqa', {argument!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        f"sys.exit(','.join(sorted(set(sys.modules) & set({HEAVY!r}))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"score" in done.stdout) is (argument == "--help")
    assert __version__.encode() in done.stdout


def test_help_takes_at_most_three_times_as_long_as_its_libraries() -> None:
    def best(*arguments: str) -> float:
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, env=environment(), check=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert best("-m", "hiqa_cli", "--help") <= 3 * best("-c", "import typer, rich")


def test_every_command_is_listed_and_explains_itself_by_h_alone(run_hiqa: RunHiqa) -> None:
    listing = run_hiqa("-h")
    assert listing.code == 0
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] for line in listing.lines), name
        page = run_hiqa(name, "-h")
        assert page.lines[2].strip() == COMMANDS[name], name
        assert (page.code, page.messages) == (0, []), name
        assert page.lines[0].startswith(f"Usage: hiqa {name}")


def test_defaults_in_the_help_are_those_of_the_engine(run_hiqa: RunHiqa) -> None:
    from hiqa_cli.engine.config import TILE, Scoring
    from hiqa_cli.images.source import Limits
    from hiqa_cli.report.options import EMBED_LIMIT_MB

    text = " ".join(" ".join(run_hiqa("score", "-h").lines).split())
    assert f"larger images. [default: {Limits().max_pixels:,}]" in text
    assert f"larger files. [default: {Limits().max_bytes:,}]" in text
    assert f"1 to {TILE}; smaller is slower. [default: {Scoring().stride}]" in text
    assert f"folder next to it. [default: {EMBED_LIMIT_MB}]" in text
    for value in (Scoring().mode, Scoring().tolerance, Scoring().max_tiles):
        assert f"[default: {value}]" in text


@pytest.mark.parametrize("width", [{}, {"COLUMNS": "80"}])
def test_help_of_score_has_at_most_40_lines_before_advanced_options(run_hiqa: RunHiqa, width: dict[str, str]) -> None:
    lines = run_hiqa("score", "-h", env=width).lines
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Input:", "Output:", "Scoring:", "General:", "Advanced:"]
    assert lines.index("Advanced:") <= 40
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_help_of_every_subcommand_fits_80_columns_and_imports_nothing_heavy() -> None:
    script = (
        "import sys, hiqa_cli.commands.app as app\n"
        "for words in ([name] for name in app.COMMANDS):\n"
        "    group = app.build_command(words[0])\n"
        "    for more in [[], *([name] for name in getattr(group, 'commands', {}))]:\n"
        "        app.run([*words, *more, '--help'])\n"
        f"sys.exit(','.join(sorted(set(sys.modules) & set({HEAVY!r}))) or 0)\n"
    )
    env = {**environment(), "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert len([line for line in lines if line.startswith("Usage: hiqa")]) >= 20
    assert [line for line in lines if len(line) > 80] == []


def test_train_and_evaluate_describe_an_option_alike_where_it_means_the_same() -> None:
    train = {option: one.help for one in build_command("train").params for option in one.opts}
    splits = {option: one.help for one in build_command("evaluate").commands["splits"].params for option in one.opts}
    shared = {option for option in train.keys() & splits.keys() if option.startswith("--")}
    same = {option for option in shared if train[option] == splits[option]}
    assert shared - same == {"--out", "--init-from"}  # splits and results, and an R alone
    assert {"--seed", "--recipe", "--generator", "--vgg", "--root", "--device"} <= same


def test_exit_codes_in_the_documentation_are_those_of_the_code() -> None:
    from hiqa_cli.console import exit_codes

    documented = [line.split()[0] for line in (exit_codes.__doc__ or "").splitlines()[2:9]]
    assert documented == [str(int(code)) for code in sorted(exit_codes.ExitCode)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "no command given"),
        ("scor a.png", "no such command: scor; did you mean score?"),
        ("--versoin", "no such option: --versoin; did you mean --version?"),
        ("train --lower-is-beter", "no such option: --lower-is-beter; did you mean --lower-is-better?"),
        ("score --devise cpu a.png", "no such option: --devise; did you mean --device?"),
        ("score -device cpu a.png", "no such option: -device; did you mean --device?"),
        ("score --device cdua a.png", "--device: expected auto, cpu, cuda, mps; found 'cdua'; did you mean cuda?"),
        ("hallucinate --precision bf61 a.png", "did you mean bf16?"),
        ("score --sort scores a.png", "did you mean score?"),
        ("score --csv", "'--csv' requires an argument"),
        ("score", "no image given"),
        ("score --csv - --jsonl - a.png", "standard output"),
        ("score --resume a.png", "--resume needs files"),
        ("score --resume --overwrite --csv x.csv a.png", "contradict"),
        ("score --batch-size 0 a.png", "--batch-size: expected a whole number of at least 1; found '0'"),
        ("score --max-pixels -5 a.png", "--max-pixels: expected a whole number"),
        ("score --min-score 101 a.png", "--min-score: expected a score from 0 to 100; found '101'"),
        ("score --csv missing/x.csv a.png", "no such folder"),
        ("score - --files-from -", "standard input (-) is given twice"),
        ("score -0 a.png", "--files-from"),
        ("hallucinate - --panel", "--panel"),
        ("hallucinate - a.png", "-o DIR"),
        ("hallucinate -o - a.png", "./-"),
        ("evaluate splits tid2013 --out x --seed 4294967296", "--seed: expected a whole number from 0 to 2,147"),
        ("weights --weights missing", "missing"),
        ("weights more", "unexpected extra argument"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_on_stderr_and_2(
    arguments: str, expected: str, run_hiqa: RunHiqa, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"never read")
    done = run_hiqa(*arguments.split(), cwd=tmp_path, env={"COLUMNS": "40"})
    assert done.code == 2
    assert done.out == b""
    (message,) = done.messages
    assert message.startswith("hiqa: ")
    assert expected in message


def test_a_wrong_default_in_the_environment_is_named(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    done = run_hiqa("score", "a.png", env={"HIQA_DEVICE": "gpu"}, cwd=tmp_path)
    assert done.code == 2
    assert done.messages[0].startswith("hiqa: HIQA_DEVICE: expected")


def test_images_that_are_not_there_are_errors_and_need_no_weights(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    done = run_hiqa("score", "nope.png", "*.gif", "--csv", "-", cwd=tmp_path)
    assert done.code == 1
    assert done.lines[1:] == [
        f"nope.png{16 * ','}no such file or folder",
        f"*.gif{16 * ','}the pattern matches nothing",
    ]
    assert done.messages[0] == "hiqa: nope.png: no such file or folder"


def test_an_empty_list_is_no_image_found(run_hiqa: RunHiqa) -> None:
    done = run_hiqa("score", "--files-from", "-", "--quiet")
    assert done.code == 1
    assert "no image found" in done.messages[0]


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        ("hiqa sc", 1, ["score"]),
        ("hiqa score --dev", 2, ["--device"]),
        ("hiqa score --device c", 3, ["cpu", "cuda"]),
        ("hiqa score --sort ", 3, ["score", "path"]),
    ],
)
def test_the_shell_completes_commands_options_and_values(
    words: str, at: int, expected: list[str], run_hiqa: RunHiqa
) -> None:
    done = run_hiqa(env={"_HIQA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)})
    assert (done.code, done.lines) == (0, expected)


def test_help_into_a_pipe_that_nobody_reads_is_141_and_silent() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "hiqa_cli", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output_is_one_line_and_1() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hiqa_cli", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"hiqa: standard output cannot be written: no space left on device\n"


def test_closed_streams_are_no_trouble() -> None:
    line = f"'{sys.executable}' -m hiqa_cli --version <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], env=environment(), check=False).returncode == 0


def test_an_internal_error_is_one_line_that_names_a_file_with_the_rest_and_verbose_shows_it(tmp_path: Path) -> None:
    script = (
        "import sys, hiqa_cli.commands.app\n"
        "def fail(arguments): raise RuntimeError('odd \\udce9')\n"
        "hiqa_cli.commands.app.run = fail\n"
        "from hiqa_cli.__main__ import main\n"
        "main()\n"
    )
    for arguments, lines in (([], 1), (["--verbose"], 4)):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            env=environment(TMPDIR=str(tmp_path)),
            check=False,
        )
        assert done.returncode == 1
        assert b"please report" in done.stderr
        assert (len(done.stderr.splitlines()) >= lines) is True
        assert (b"Traceback" in done.stderr) is bool(arguments)
        file = Path(os.fsdecode(done.stderr.splitlines()[-1]).rpartition(" ")[2])
        assert file.parent == tmp_path
        told = file.read_text()
        assert told.startswith("Traceback")
        assert "RuntimeError: odd \\udce9" in told


def test_a_bare_checkout_says_that_training_needs_an_install() -> None:
    script = (
        "import sys\n"
        "sys.modules['hiqa_train'] = None  # as if hiqa was not installed\n"
        "from hiqa_cli.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "datasets"], capture_output=True, env=environment(), check=False
    )
    expected = b"hiqa: training and databases need an installed hiqa, found a bare checkout; pip install -e .\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", expected)


def test_a_folder_that_vanished_under_hiqa_is_one_line(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    line = f"mkdir w && cd w && rmdir ../w && '{sys.executable}' -m hiqa_cli score a --csv x.csv"
    environ = environment()
    environ["PYTHONPATH"] = str(Path(hiqa_cli.__file__).parent.parent)
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, env=environ, check=False)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    assert b"Traceback" not in done.stderr
