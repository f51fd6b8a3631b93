"""Help, version, completion, usage errors: what surrounds the commands."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from importlib import import_module

import pytest

import convcalc
from convcalc.cli.registry import COMMANDS


def test_version(cli) -> None:
    assert cli("--version") == (0, f"convcalc {convcalc.__version__}\n", "")


def test_version_is_a_process_too(process) -> None:
    assert process("--version").out == f"convcalc {convcalc.__version__}\n"


def test_help_lists_every_command(cli) -> None:
    done = cli("--help")
    assert done.code == 0
    for name, row in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(row.help[:30])}", done.out, re.MULTILINE), name


def test_help_imports_no_command(process) -> None:
    code = (
        "import sys\nfrom convcalc.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in sys.modules if m.startswith('convcalc.') and not m.startswith('convcalc.cli')])\n"
        "print([m for m in sys.modules if m.startswith('convcalc.cli.')])\n"
    )
    *_, others, ours = process(code=code).out.splitlines()
    assert others == "[]"
    assert set(json.loads(ours.replace("'", '"'))) == {
        "convcalc.cli.app",
        "convcalc.cli.coerce",
        "convcalc.cli.completion",
        "convcalc.cli.examples",
        "convcalc.cli.help",
        "convcalc.cli.options",
        "convcalc.cli.typed",
        "convcalc.cli.registry",
        "convcalc.cli.output",
        "convcalc.cli.problem",
    }


def test_no_arguments_show_the_help(cli) -> None:
    done = cli()
    assert done.code == 2
    assert "convcalc -h lists every command" in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_matches_its_line(cli, name: str) -> None:
    row = COMMANDS[name]
    module, _, function = row.home.partition(":")
    doc = inspect.getdoc(getattr(import_module(module), function))
    assert doc is not None
    assert doc.splitlines()[0] == row.help
    done = cli(name, "--help")
    assert done.code == 0
    assert f"Usage  convcalc {name} " in done.out


def test_unknown_command(cli) -> None:
    done = cli("parms", "resnet50")
    assert done.code == 2
    assert done.out == ""
    assert done.err.endswith("did you mean params?\n")


def test_unknown_option(cli) -> None:
    done = cli("params", "conv 3->4 k3", "--tops", "3")
    assert done.code == 2
    assert done.err.splitlines()[0] == "error: No such option: --tops"
    assert "did you mean --top?" in done.err


def test_missing_argument(cli) -> None:
    done = cli("params")
    assert done.code == 2
    assert done.err.splitlines()[0] == "error: Missing argument 'SPEC'"


def test_usage_errors_are_json_under_json(cli) -> None:
    done = cli("params", "conv 3->4 k3", "--json", "--tops", "3")
    assert done.code == 2
    assert done.err.startswith("error: No such option: --tops")
    (problem,) = done.json()["errors"]
    assert problem["message"] == "No such option: --tops"
    assert problem["nearest"] == "--top"


def complete(process, words: str) -> list[str]:
    env = {
        "_CONVCALC_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = process(code="from convcalc.cli import main; main()", env=env)
    assert done.err == ""
    return done.out.split()


def test_completion_of_commands(process) -> None:
    assert complete(process, "convcalc s") == [name for name in COMMANDS if name.startswith("s")]


def test_completion_of_options(process) -> None:
    assert complete(process, "convcalc params --ba") == ["--batch"]


def test_completion_of_specs(process) -> None:
    found = complete(process, "convcalc params resnet")
    assert {"resnet18", "resnet50"} <= set(found)
    assert "conv" in complete(process, "convcalc params con")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(process, shell: str) -> None:
    # Without this, Typer looks for the shell that started the process.
    env = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = process("--show-completion", shell, code="from convcalc.cli import main; main()", env=env)
    assert done.code == 0, done.err
    assert "_CONVCALC_COMPLETE=complete_" + shell in done.out


def test_completion_can_be_installed(process, tmp_path) -> None:
    code = "from convcalc.cli import main; main()"
    env = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    done = process("--install-completion", "bash", code=code, env=env)
    assert done.code == 0, done.err
    assert "convcalc" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("redirection", "spec", "code"),
    [
        (">&-", "resnet18", 2),
        ("2>&-", "bogus", 2),
        (">&- 2>&-", "bogus", 2),
        ("<&- 2>&1", "-", 2),
    ],
)
def test_streams_that_are_closed_cost_no_traceback(redirection: str, spec: str, code: int) -> None:
    line = f"'{sys.executable}' -m convcalc params {spec} {redirection}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == code
    assert spec != "-" or "standard input is closed" in done.stdout


def test_running_out_of_memory_is_told(cli, monkeypatch) -> None:
    import convcalc

    def fail(*_: object) -> None:
        raise MemoryError("Unable to allocate 43.5 GiB")

    monkeypatch.setattr(convcalc, "check_padding", fail, raising=False)
    done = cli("padding", "relu", "--input", "3x8x8")
    assert (done.code, done.out) == (2, "")
    assert "out of memory: Unable to allocate 43.5 GiB\n  expected a smaller --input" in done.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("receptive-field", "rf"),
        ("MACs", "flops"),
        ("holes", "dilation"),
        ("help", "convcalc -h"),
        ("plot", None),
    ],
)
def test_a_command_is_found_by_its_words(cli, typed: str, meant: str | None) -> None:
    done = cli(typed)
    assert done.code == 2
    assert (f"did you mean {meant}?" in done.err) if meant else ("did you mean" not in done.err)


@pytest.mark.parametrize("line", ["padding 3", "padding 3x5", "transposed 8 16"])
def test_numbers_in_place_of_a_spec_are_named_by_their_options(cli, line: str) -> None:
    command = line.split()[0]
    done = cli(*line.split())
    assert done.code == 2
    told = re.search(r"did you mean (.*)\?", done.err)
    assert told is not None and cli(command, *told[1].split()).code == 0


def test_a_spec_without_quotes_is_quoted(cli) -> None:
    done = cli("params", "conv", "3->64", "k3")
    assert (done.code, "did you mean 'conv 3->64 k3'?" in done.err) == (2, True)
    # In a shell, > wrote into a file, and 3- is left of 3->64.
    done = cli("params", "conv", "3-", "k3")
    assert "such as 'conv 3->64 k3'" in done.err and "did you mean" not in done.err
    assert "did you mean" not in cli("params", "resnet18", "resnet50").err


def test_a_missing_spec_shows_a_line_that_works(cli) -> None:
    assert "expected a SPEC, such as convcalc rf vgg16\n" in cli("rf").err
