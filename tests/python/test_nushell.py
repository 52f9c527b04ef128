"""The Nushell plugin in a real Nushell: its rows are Nushell's values, and say what the Python face says."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest

import nu_shell
import vespera_file_ops as vfo
from vespera_file_ops.cli.arguments import command_parser

pytestmark = pytest.mark.skipif(nu_shell.MISSING is not None, reason=nu_shell.MISSING or "")

COMMANDS = {"vfo", "vfo files", "vfo search", "vfo coverage", "vfo chunks", "vfo info", "vfo hash"}


def described(code: str, folder: Path) -> dict[str, str]:
    """The columns of the first row, with the types that Nushell sees."""
    found = nu_shell.values(f"{code} | first | items {{|name, value| [$name ($value | describe)]}}", folder)
    return dict(found)


def test_cells_are_nushells_own_values(demo: Path) -> None:
    types = described(r"vfo search 'def (?<name>\w+)\((x)?' src --captures --context 1", demo)
    assert types == {
        "path": "string", "line_number": "int", "matched": "string", "line": "string", "size": "filesize",
        "modified": "datetime", "captures": "record<name: string, 2: nothing>", "before": "list<string>",
        "after": "list<string>",
    }  # fmt: skip
    types = described("vfo files --long --blake3 | where kind == file", demo)
    assert set(types) == set(vfo.scan_files(".", blake3=True).collect_schema().names())
    assert {name: types[name] for name in ("size", "allocated", "created", "inode", "hidden", "blake3")} == {
        "size": "filesize", "allocated": "filesize", "created": "datetime", "inode": "int", "hidden": "bool",
        "blake3": "string",
    }  # fmt: skip
    assert described("vfo coverage TODO", demo)["size"] == "filesize"
    assert described("vfo chunks src", demo)["start_line"] == "int"


def test_paths_are_marked_as_such(demo: Path) -> None:
    told = nu_shell.values("vfo search TODO | metadata", demo)
    assert told["path_columns"] == ["path"]
    assert told["table_width_priority_columns"][0] == "path"


def test_a_pipeline_reads_as_a_user_of_nushell_expects(demo: Path) -> None:
    (demo / "large.md").write_text("x" * 20_000 + "\nTODO\n")
    os.utime(demo / "README.md", (0, 0))
    found = nu_shell.values("vfo search TODO | where size > 10kb | sort-by modified | group-by path --to-table", demo)
    assert [(row["path"], len(row["items"])) for row in found] == [("large.md", 1)]
    found = nu_shell.values("vfo search TODO | where size < 10kb | sort-by modified | get path", demo)
    assert found == ["README.md", "src/app.py"]
    found = nu_shell.values("vfo files | where modified < 2000-01-01 | get path", demo)
    assert found == ["README.md"]
    assert nu_shell.values("vfo files | where kind == file | get size | math sum", demo) == sum(
        path.stat().st_size for path in demo.rglob("*") if path.is_file() and not re.search(r"\.git|\.log", str(path))
    )


TABLES = {
    "vfo files . --long": lambda: vfo.scan_files("."),
    "vfo files . --long --all --types py": lambda: vfo.scan_files(".", include_hidden=True, types="py"),
    "vfo search [TODO FIXME] --long --context 1": lambda: vfo.scan_hits(["TODO", "FIXME"], ".", context=1),
    "vfo search todo src/*.py -i --long": lambda: vfo.scan_hits("todo", "src/*.py", ignore_case=True),
    "vfo coverage TODO --include-ignored --long": lambda: vfo.scan_coverage("TODO", ".", include_ignored=True),
    "vfo chunks . --chunk-size 20 --overlap 5 --long": lambda: vfo.scan_chunks(".", chunk_size=20, overlap=5),
}


@pytest.mark.parametrize("code", TABLES)
def test_rows_are_those_of_the_python_face(code: str, demo: Path) -> None:
    (demo / "latin.txt").write_bytes(b"TODO \xe9\n")
    wanted = TABLES[code]().collect()
    found = nu_shell.values(code, demo)
    assert len(found) == wanted.height > 0
    names = [name for name in wanted.columns if wanted.schema[name] != pl.Binary]
    for row, expected in zip(found, wanted.iter_rows(named=True), strict=True):
        for name in names:
            value = expected[name]
            if isinstance(value, datetime.datetime):
                assert datetime.datetime.fromisoformat(
                    row[name][:26].rstrip("Z+") + "+00:00"
                ) - value < datetime.timedelta(seconds=1)
            else:
                assert row[name] == value, (name, row["path"])


def test_paths_start_where_the_user_is(demo: Path) -> None:
    assert nu_shell.values("cd src; vfo search TODO .. | get path", demo) == ["../README.md", "../src/app.py"]
    assert nu_shell.values("cd src; vfo files | get path", demo) == ["app.py", "lib.rs", "util.py"]
    assert nu_shell.values("cd src; vfo files ../*.md | get path", demo) == ["../README.md"]
    assert nu_shell.values("cd src; vfo hash app.py --full-paths | get 0.path", demo) == str(demo / "src/app.py")
    assert nu_shell.values(f"cd /; vfo search TODO --within {demo} | get path", demo) == ["README.md", "src/app.py"]
    found = nu_shell.values("mkdir src/a; cd src/a; vfo search TODO ... | get path", demo)
    assert found == ["../../README.md", "../../src/app.py"]
    opened = nu_shell.values("cd src; vfo search TODO .. | get path | each { open --raw | str length }", demo)
    assert opened == [(demo / name).stat().st_size for name in ("README.md", "src/app.py")]


def test_a_glob_is_one_only_where_it_is_not_quoted(demo: Path) -> None:
    (demo / "a[1].txt").write_text("TODO")
    (demo / "a1.txt").write_text("TODO")
    assert nu_shell.values("vfo search TODO a[1].txt | get path", demo) == ["a[1].txt"]
    (demo / "a[1].txt").unlink()
    assert nu_shell.values("vfo search TODO a[1].txt | get path", demo) == ["a1.txt"]
    assert "nothing is there" in nu_shell.failure("vfo search TODO 'a[1].txt'", demo)
    assert nu_shell.values("let g = ('src/*.py' | into glob); vfo files $g | get path", demo) == [
        "src/app.py", "src/util.py",
    ]  # fmt: skip
    assert nu_shell.values("vfo files --include *.py --exclude [app.py] | get path", demo) == ["src/util.py"]


def test_paths_come_through_the_pipeline(demo: Path) -> None:
    expected = {path: vfo.compute_file_hash(path) for path in ("src/app.py", "src/lib.rs", "src/util.py")}
    for source in ("ls src", "ls src | get name", "vfo files src", "glob src/*.* | path relative-to $env.PWD | sort"):
        found = nu_shell.values(f"{source} | vfo hash | select path blake3", demo)
        assert {row["path"]: row["blake3"] for row in found} == expected, source
    assert nu_shell.values("'src/app.py' | vfo info | get kind", demo) == ["file"]
    assert nu_shell.values("[] | vfo hash", demo) == []
    assert nu_shell.values("ls | where false | vfo search TODO", demo) == []
    (gone,) = nu_shell.values("['src' 'nowhere'] | vfo hash | where error != null", demo)
    assert (gone["path"], gone["blake3"]) == ("nowhere", None)
    assert "this is none" in nu_shell.failure("[[a]; [1]] | vfo hash", demo)
    assert "no path was given" in nu_shell.failure("vfo hash", demo)


@pytest.mark.parametrize(
    ("code", "text", "underlined"),
    [
        ("vfo search '(' src", "regex parse error", "does not parse"),
        ("vfo search a nowhere", "no such file or directory (nowhere)", "nothing is there"),
        ("vfo search a src nowhere", "no such file or directory (nowhere)", "nothing is there"),
        ("vfo hash src nowhere", "no such file or directory (nowhere)", "nothing is there"),
        ("vfo files --threads 0", "--threads: expected at least 1, got 0", "cannot be used"),
        ("vfo files --types nonsense", "types: ", "cannot be used"),
        ("vfo files --columns [path nonsense]", '"nonsense" is no column of files', "cannot be used"),
        ("vfo search a --encoding klingon", "klingon", "cannot be used"),
        ("vfo search a --strategy fast", "--strategy: expected one of auto, buffered", "cannot be used"),
        ("vfo search a --save hits.doc", "expected a file that ends in .parquet", "cannot be used"),
        ("vfo search a --save nowhere/hits.parquet", "nowhere", "was not written"),
        ("vfo search a .. --within .", "outside", "leads outside"),
    ],
)
def test_what_is_wrong_is_underlined(code: str, text: str, underlined: str, demo: Path) -> None:
    message = " ".join(nu_shell.failure(code, demo).split())
    assert text in message
    assert underlined in message
    assert code.split()[1] in message


def test_examples_of_the_help_run(demo: Path) -> None:
    found = nu_shell.values("scope commands | where name =~ '^vfo' | select name description examples", demo)
    assert {row["name"] for row in found} == COMMANDS
    examples = [example["example"] for row in found for example in row["examples"]]
    assert len(examples) > 12
    for example in examples:
        done = nu_shell.run(example, demo)
        assert done.returncode == 0, (example, done.stderr)
        assert done.stdout.strip(), example
    for name in COMMANDS:
        shown = nu_shell.run(f"help {name}", demo).stdout
        assert "Usage:" in shown
        assert name == "vfo" or "Examples:" in shown
    assert "vfo search" in nu_shell.run("vfo", demo).stdout


ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "notebooks" / "guides" / "shells.md"]
PIPELINES = [
    line
    for page in PAGES
    for block in re.findall(r"```nu\n(.*?)```", page.read_text(), re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", PIPELINES)
def test_the_pipelines_of_readme_and_guide_run(line: str, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{nu_shell.BIN}{os.pathsep}{os.environ['PATH']}")
    done = nu_shell.run(line, demo)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in {"", "0"}
    assert "empty list" not in done.stdout


def test_files_for_other_programs(demo: Path) -> None:
    hits = vfo.search_files("TODO", ".").drop("path_bytes")
    for name in ("hits.parquet", "hits.arrow"):
        (saved,) = [nu_shell.values(f"cd src; vfo search TODO .. --long --save ../{name}", demo)]
        assert (saved["rows"], saved["size"]) == (2, (demo / name).stat().st_size)
    read = pl.read_parquet(demo / "hits.parquet")
    assert read.equals(pl.read_ipc(demo / "hits.arrow"))
    assert read["path"].to_list() == ["../README.md", "../src/app.py"]
    same = [name for name in hits.columns if name != "path"]
    assert read.select(same).equals(hits.select(same))
    nu_shell.values("vfo search def --save hits.arrow --force", demo)
    assert pl.read_ipc(demo / "hits.arrow").height == 2
    assert duckdb.sql(f"select sum(size) from '{demo / 'hits.parquet'}'").fetchall() == [(hits["size"].sum(),)]
    nu_shell.values("vfo hash src --save hashes.parquet", demo)
    assert pl.read_parquet(demo / "hashes.parquet").columns == ["path", "size", "error", "blake3"]
    before = (demo / "hits.parquet").read_bytes()
    nu_shell.failure("vfo search '(' --save hits.parquet --force", demo)
    assert "--force replaces it" in nu_shell.failure("vfo search def --save hits.parquet", demo)
    assert (demo / "hits.parquet").read_bytes() == before


def test_names_that_are_no_text_are_rows_too(demo: Path) -> None:
    odd = os.fsencode(demo) + b"/src/odd\xff\nname.txt"
    with open(odd, "wb") as file:
        file.write(b"TODO\n")
    (row,) = nu_shell.values("vfo search TODO src --long | where path_bytes != null", demo)
    assert bytes(row["path_bytes"]) == b"src/odd\xff\nname.txt"
    assert row["path"] == "src/odd\ufffd\nname.txt"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not read")
def test_a_hash_hides_nothing_that_is_wrong(demo: Path) -> None:
    (demo / "src" / "shut").mkdir(mode=0)
    (demo / "src" / "link").symlink_to("app.py")
    (demo / "src" / "lib.rs").chmod(0)
    for path in (demo, *demo.parents[:3]):
        path.chmod(0o755)
    command = ["setpriv", "--reuid=65534", "--clear-groups", *nu_shell.command("vfo hash src | to json --raw")]
    home = {**os.environ, "HOME": str(demo)}
    done = subprocess.run(command, cwd=demo, capture_output=True, text=True, check=False, env=home)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["path"] for row in rows if row["blake3"] is not None] == ["src/app.py", "src/util.py"]
    assert [row["path"] for row in rows if row["error"] is not None] == ["src/lib.rs", "src/shut"]
    assert "2 entries could not be described or entered" in done.stderr


def test_what_is_missing_is_told_beside_the_rows(demo: Path) -> None:
    done = nu_shell.run("vfo search TODO --max-file-size 10b | length", demo)
    assert done.stdout.strip() == "0"
    assert "vfo: not everything was read: 4 too large; `vfo coverage` names each file" in done.stderr
    assert nu_shell.run("vfo search TODO | length", demo).stderr == ""


def test_missing_sources_of_a_pipeline_are_named(demo: Path) -> None:
    done = nu_shell.run("['src' 'nowhere'] | vfo hash | length", demo)
    assert "vfo: 1 entry could not be described or entered, the source nowhere among them; its row has" in done.stderr
    done = nu_shell.run("['src' 'b' 'a' 'd/e' 'c'] | vfo search TODO | length", demo)
    assert done.stdout.strip() == "1"
    assert "4 unreadable, the sources b, a, d/e and 1 more among them; `vfo coverage`" in done.stderr
    (saved,) = [nu_shell.run("['src' \"od\\nd\"] | vfo files --save files.parquet", demo)]
    assert "the source od\ufffdd among them" in saved.stderr


ELSEWHERE = {"all": "hidden", "full-paths": "absolute-paths", "save": "output", "types": "type"}
"""Where the plugin has the name of Nushell's own commands for what the command line calls otherwise."""

DIFFERENT = {
    "all": ("a", ".", "`ls -a` is Nushell's, `rg -.` ripgrep's"),
    "exclude": ("e", None, "`glob -e` is Nushell's; `rg -e` is a pattern"),
    "full-paths": ("f", None, "`ls -f` is Nushell's; `-f` is the format, which the plugin has none of"),
    "max-hits-per-file": (None, "m", "`find -m` is Nushell's for several lines, `rg -m` ripgrep's for this"),
    "multiline": ("m", "U", "`find -m` is Nushell's, `rg -U` ripgrep's"),
    "text": (None, "a", "`ls -a` is Nushell's for what is hidden, `rg -a` ripgrep's for this"),
    "threads": ("t", "j", "`ls -t` is Nushell's, `rg -j` ripgrep's"),
    "types": (None, "t", "`ls -t` is Nushell's for threads, `rg -t` ripgrep's for this; `rg -T` is the opposite"),
}
"""What has a short form that is not the same on both: that of the plugin, that of the command line, and why."""


def test_short_flags_are_those_of_the_command_line(demo: Path) -> None:
    flags = "{name: $it.name, flags: ($it.signatures | values | first)}"
    code = f"scope commands | where name =~ '^vfo ' | each {{|it| {flags}}}"
    commands = next(action.choices for action in command_parser()._actions if isinstance(action.choices, dict))
    met = set()
    for command in nu_shell.values(code, demo):
        name = command["name"].removeprefix("vfo ")
        # The plugin's coverage is a table of the command line's search.
        actions = commands["search" if name == "coverage" else name]._actions
        here = {long[2:]: action for action in actions for long in action.option_strings if long.startswith("--")}
        for flag in command["flags"]:
            action = here.get(ELSEWHERE.get(flag["parameter_name"], flag["parameter_name"]))
            if flag["parameter_type"] not in {"switch", "named"} or action is None:
                continue
            short = next((text[1:] for text in action.option_strings if not text.startswith("--")), None)
            both = (flag["short_flag"], short)
            met.add(flag["parameter_name"])
            assert both == DIFFERENT.get(flag["parameter_name"], (short, short))[:2], (name, flag["parameter_name"])
    assert set(DIFFERENT) < met
    assert len(met) > 30
