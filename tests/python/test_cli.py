"""The command line: its formats, its exit status, what it says on stderr, and how it ends when it is cut off."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import blake3
import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.cli.arguments import FORMATS, parse
from vespera_file_ops.text_table import TextTable, visible

from conftest import make_tree

VFO = [sys.executable, "-m", "vespera_file_ops"]

SQL_OF_2_1 = pytest.mark.skipif(
    pl.__version__.startswith("2.0."), reason="now(), date_trunc and a query within IN came with Polars 2.1"
)


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*VFO, *arguments], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_search_shows_a_table(demo: Path) -> None:
    done = run("search", "TODO|FIXME")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout == (
        "path         line_number  line\n"
        "README.md              3  TODO: write this\n"
        "src/app.py             5      # TODO: parse arguments\n"
        "src/util.py            2      return 1  # FIXME\n"
    )


def test_exit_status(demo: Path) -> None:
    assert run("search", "TODO").returncode == 0
    assert run("search", "no such text").returncode == 1
    assert run("search", "no such text", "-f", "csv").returncode == 1
    assert run("search", "TODO", "--sql", "select path from hits where line_number = 99").returncode == 1
    assert run("files", "-g", "*.nothing").returncode == 1
    for wrong in (["search", "("], ["files", "gone"], ["files", "--columns", "nope"], ["nonsense"], ["search"], []):
        done = run(*wrong)
        assert done.returncode == 2, wrong
        assert done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("serch TODO", "did you mean 'search'?"),
        ("index syn", "did you mean 'sync'?"),
        ("files --format cvs", "did you mean 'csv'?"),
        ("files --formt csv", "vfo files: error: unrecognized arguments: --formt; did you mean '--format'?"),
        (
            "index status --index x --jsn",
            "vfo index status: error: unrecognized arguments: --jsn; did you mean '--json'?",
        ),
        ("files --max-deph=1", "did you mean '--max-depth'?"),
    ],
)
def test_a_misspelled_word_is_met_with_the_one_meant(arguments: str, said: str, demo: Path) -> None:
    done = run(*arguments.split())
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_what_resembles_nothing_is_met_with_what_there_is(demo: Path) -> None:
    last = run("xyzzy").stderr.splitlines()[-1]
    assert "'xyzzy'" in last
    assert "search" in last
    assert "did you mean" not in last
    assert "did you mean" not in run("files", "--xyzzy").stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("5000", 5000), ("5_000", 5000), ("5kB", 5000), ("5kb", 5000), ("5k", 5120), ("5K", 5120),
        ("5KiB", 5120), ("5kib", 5120), ("7B", 7), ("10MB", 10_000_000), ("10M", 10 << 20), ("1.5G", 3 << 29),
        ("1.5 GB", 1_500_000_000), (".5k", 512), ("1.0005kB", 1000), ("2T", 2 << 40), ("1PB", 10**15), ("1E", 1 << 60),
    ],
)  # fmt: skip
def test_a_size_has_the_unit_that_is_written(text: str, size: int) -> None:
    assert parse(["files", "--max-file-size", text]).max_file_size == size


@pytest.mark.parametrize("text", ["", "k", "5x", "1.5", "1e3", "five", "5kk", "5 k B", "0x10", "٥"])
def test_a_size_that_cannot_be_read_is_told_what_can(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["files", "--max-file-size", text])
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"got {text!r}" in last
    for form in ("5000", "5kB", "5k", "5KiB", "1.5G"):
        assert form in last


def test_sizes_with_units_reach_every_option_of_bytes(demo: Path) -> None:
    (demo / "large.md").write_text("TODO" + " " * 5096)
    assert "large.md" in run("search", "TODO", "--max-file-size", "5k").stdout
    assert "large.md" not in run("search", "TODO", "--max-file-size", "5kB").stdout
    done = run("search", "TODO", "large.md", "--max-line-bytes", "1k", "--format", "ndjson", "--columns", "line")
    assert len(json.loads(done.stdout)["line"]) == 1024
    assert parse(["serve", "--root", ".", "--max-bytes", "64k"]).max_bytes == 65536
    for command in ("search", "files", "serve"):
        assert "5k" in run(command, "--help").stdout


def test_errors_are_as_long_as_they_have_to_be(demo: Path) -> None:
    said = run("files", "src", "--sql", "select nope from files").stderr
    assert "nope" in said
    assert "plan" not in said.lower()
    lines = run("search", "a(b").stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[at - 1][lines[at].index("^")] == "("


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_holds_the_table(form: str, demo: Path) -> None:
    out = demo / "out.bin"
    done = run("search", "TODO|FIXME", "src", "--format", form, "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    expected = vfo.search_files("TODO|FIXME", "src")
    if form == "table":
        assert out.read_text().count("\n") == 3
        return
    readers = {
        "csv": pl.read_csv,
        "ndjson": pl.read_ndjson,
        "json": pl.read_json,
        "parquet": pl.read_parquet,
        "arrow": pl.read_ipc,
    }
    frame = readers[form](io.BytesIO(out.read_bytes()))
    assert frame.columns == expected.columns
    for name in ("path", "line_number", "start_byte", "matched", "line"):
        assert frame[name].to_list() == expected[name].to_list()
    if form in {"parquet", "arrow"}:
        assert frame.equals(expected)


@pytest.mark.parametrize(("name", "form"), [("x.csv", b"path,"), ("x.ndjson", b'{"path"'), ("x.parquet", b"PAR1")])
def test_the_extension_of_the_output_says_its_format(name: str, form: bytes, demo: Path) -> None:
    assert run("search", "TODO", "-o", name).returncode == 0
    assert (demo / name).read_bytes().startswith(form)


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "parquet", "arrow"])
def test_an_empty_answer_is_still_well_formed(form: str, demo: Path) -> None:
    done = subprocess.run([*VFO, "search", "no such text", "-f", form], capture_output=True, timeout=60)
    assert done.returncode == 1
    if form == "json":
        assert json.loads(done.stdout) == []
    elif form == "csv":
        assert done.stdout.startswith(b"path,")
    elif form == "ndjson":
        assert done.stdout == b""
    else:
        read = pl.read_parquet if form == "parquet" else pl.read_ipc
        assert read(io.BytesIO(done.stdout)).height == 0


def test_lists_and_bytes_fit_into_csv_and_json(demo: Path) -> None:
    name = b"odd\xff.txt"
    with open(name, "wb") as file:
        file.write(b"TODO a\n")
    arguments = ["search", r"(TO)DO", "--captures", "-C", "1"]
    csv = pl.read_csv(io.BytesIO(subprocess.run([*VFO, *arguments, "-f", "csv"], capture_output=True).stdout))
    row = csv.filter(pl.col("path_bytes").is_not_null()).row(0, named=True)
    assert bytes.fromhex(row["path_bytes"]) == name
    assert json.loads(row["captures"])[0]["text"] == "TO"
    assert json.loads(row["before"]) == []
    for line in run(*arguments, "-f", "ndjson").stdout.splitlines():
        assert json.loads(line)["captures"][0]["text"] == "TO"


def test_columns_are_chosen_and_ordered(demo: Path) -> None:
    done = run("files", "src", "--columns", "size,name")
    assert done.stdout == "size  name\n  75  app.py\n  13  lib.rs\n  36  util.py\n"
    done = run("files", "src", "--columns", "size,name", "-f", "csv")
    assert done.stdout == "size,name\n75,app.py\n13,lib.rs\n36,util.py\n"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("select path, modified from files where modified > now() - interval '7 days'", marks=SQL_OF_2_1),
        "select path from files where modified > timestamp '2020-01-01'",
        "select path from files where modified > '2020-01-01'",
        pytest.param(
            "select path from files where date_trunc('month', modified) = date_trunc('month', now())", marks=SQL_OF_2_1
        ),
        "select extension, count(*) as n, sum(size) as total from files group by extension order by n desc",
    ],
)
def test_sql_takes_dates_as_people_write_them(query: str, demo: Path) -> None:
    done = run("files", "--sql", query)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") > 1


@SQL_OF_2_1
def test_sql_joins_hits_coverage_and_files(demo: Path) -> None:
    query = (
        "select c.path, c.hits, f.kind from coverage c join files f on c.path = f.path "
        "where c.path in (select path from hits) order by c.path"
    )
    done = run("search", "TODO", "--sql", query, "-f", "csv")
    assert done.stdout == "path,hits,kind\nREADME.md,1,file\nsrc/app.py,1,file\n"


def test_info_hash_and_read(demo: Path) -> None:
    info = run("info", "src/app.py", "src")
    assert info.returncode == 0
    assert "kind           file" in info.stdout
    assert "kind           dir" in info.stdout
    digest = blake3.blake3((demo / "src/app.py").read_bytes()).hexdigest()
    assert run("hash", "src/app.py").stdout == f"{digest}  src/app.py\n"
    below = run("hash", "src")
    assert [line[66:] for line in below.stdout.splitlines()] == ["src/app.py", "src/lib.rs", "src/util.py"]
    assert json.loads(run("hash", "src/app.py", "-f", "json").stdout)[0]["blake3"] == digest
    assert run("hash", "gone", "src").returncode == 2
    assert run("read", "src/lib.rs", "src/util.py").stdout == "fn main() {}\ndef helper():\n    return 1  # FIXME\n"
    assert subprocess.run([*VFO, "read", "data/blob.bin"], capture_output=True).stdout == b"\0\1\2"
    (demo / "latin").write_bytes("grün\n".encode("latin-1"))
    assert run("read", "-E", "latin1", "latin").stdout == "grün\n"
    assert run("read", "-E", "auto", "latin").returncode == 2
    assert run("read", "src/util.py", "-f", "csv", "--columns", "line_number").stdout == "line_number\n1\n2\n"


def test_chunks_are_a_table(demo: Path) -> None:
    done = run("chunks", "src")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["path", "chunk", "start_line", "end_line", "language", "text"]
    assert [row.split()[:5] for row in rows] == [
        ["src/app.py", "0", "1", "6", "python"],
        ["src/lib.rs", "0", "1", "1", "rust"],
        ["src/util.py", "0", "1", "2", "python"],
    ]
    ndjson = run("chunks", "src", "-s", "40", "--overlap", "10", "-f", "ndjson")
    expected = vfo.chunk_files("src", chunk_size=40, overlap=10)
    assert [json.loads(line)["text"] for line in ndjson.stdout.splitlines()] == expected["text"].to_list()
    assert run("chunks", "-o", "chunks.parquet").returncode == 0
    assert pl.read_parquet("chunks.parquet").equals(vfo.chunk_files(exclude="*.parquet"))
    query = "select c.path, f.kind from chunks c join files f on c.path = f.path where language = 'rust'"
    assert run("chunks", "--sql", query, "-f", "csv").stdout == "path,kind\nsrc/lib.rs,file\n"
    assert run("chunks", "-g", "*.nothing").returncode == 1
    assert run("chunks", "data").returncode == 1
    for wrong in (["-s", "0"], ["--overlap", "1600"], ["--tokenizer", "gone"], ["--tokenizer", "README.md"]):
        done = run("chunks", *wrong)
        assert done.returncode == 2
        assert done.stderr.startswith("vfo: ")
        assert done.stderr.count("\n") == 1


def test_chunks_count_the_tokens_of_a_tokenizer(demo: Path) -> None:
    """A tokenizer of words, as its file says."""
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    (demo / "words.json").write_text(json.dumps({"model": model, "pre_tokenizer": {"type": "WhitespaceSplit"}}))
    (demo / "text.txt").write_text("one two three. four five six. seven eight nine.")
    done = run("chunks", "text.txt", "--tokenizer", "words.json", "-s", "3", "--columns", "text", "-f", "csv")
    assert done.stdout == "text\none two three.\nfour five six.\nseven eight nine.\n", done.stderr


def test_incomplete_chunks_say_so(demo: Path) -> None:
    for form in ("table", "csv"):
        done = run("chunks", "--max-file-size", "40", "-f", form)
        assert done.returncode == 0
        assert done.stderr == (
            "vfo: the chunking is not complete: 1 too large; chunk() in Python names each file in its coverage\n"
        )
        done = run("chunks", "--ledger", "-f", form)
        assert done.stderr == "found 5 = searched 4 + binary 1; 4 chunks\n"
    done = run("chunks", "--ledger", "--sql", "select path from chunks limit 1")
    assert done.stderr == "found 5 = searched 4 + binary 1; 4 chunks\n"


def test_options_reach_the_search(demo: Path) -> None:
    assert run("search", "todo").returncode == 1
    assert run("search", "-i", "todo").returncode == 0
    assert run("search", "-S", "todo").returncode == 0
    assert run("search", "-S", "Todo").returncode == 1
    assert run("search", "-F", "main()").stdout.count("main") == 2
    assert run("search", "-w", "TOD").returncode == 1
    assert run("search", "TODO", "--no-respect-ignore").stdout.count("debug.log") == 1
    assert run("search", "TODO", "-g", "*.md").stdout.count("\n") == 2
    assert "README" not in run("search", "TODO", "-g", "!*.md").stdout
    assert "README" not in run("search", "TODO", "-t", "py").stdout
    assert run("search", "-e", "TODO", "-e", "FIXME", "src").stdout.count("\n") == 3
    assert run("search", "TODO", "--max-hits", "1").stdout.count("\n") == 2
    assert run("search", "-v", "TODO", "README.md").stdout.count("\n") == 3
    assert ".gitignore" in run("files", "--hidden").stdout
    assert "src/app.py" not in run("files", "-d", "1").stdout
    assert run("files", "src/*.py").stdout.count("\n") == 3


def test_an_incomplete_search_says_so(demo: Path) -> None:
    done = run("search", "TODO", "--max-file-size", "40")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "1 too large" in done.stderr
    assert "1 too large" in run("search", "TODO", "--max-file-size", "40", "-f", "csv").stderr
    assert run("search", "TODO", "--max-hits", "1").stderr == ""
    assert run("search", "TODO", "--ledger").stderr == "found 5 = searched 4 + binary 1; 2 hits\n"


@pytest.mark.parametrize("form", FORMATS)
def test_a_closed_pipe_ends_it_quietly(form: str, tmp_path: Path) -> None:
    make_tree(tmp_path, {f"{number}.txt": b"needle and more\n" * 5000 for number in range(20)})
    child = subprocess.Popen([*VFO, "search", "needle", "-f", form], cwd=tmp_path, stdout=-1, stderr=-1)
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.read(4)
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(30) == 0


@pytest.mark.parametrize("form", ["table", "csv"])
def test_ctrl_c_ends_it_with_130(form: str, tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_bytes(b"a" * 400_000)
    command = [*VFO, "search", r"(?s).*[^a-z]|[a-z]", "-f", form]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1)
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=10)
    assert child.returncode == 130
    assert b"Traceback" not in err


def terminal_output(*arguments: str, columns: int = 60) -> str:
    """What the command shows on a terminal."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    child = subprocess.Popen([*VFO, *arguments], stdout=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    child.wait(30)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colour_and_lines_cut_around_the_match(demo: Path) -> None:
    (demo / "long.txt").write_text("x" * 300 + " TODO " + "y" * 300 + "\n")
    shown = terminal_output("search", "TODO", "long.txt")
    assert "\x1b[1;31mTODO\x1b[0m" in shown
    (line,) = [line for line in shown.splitlines() if "TODO" in line]
    plain = line
    for code in ("\x1b[1;31m", "\x1b[35m", "\x1b[32m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert len(plain) <= 60
    assert plain.count("…") == 2
    assert plain.startswith("long.txt")


def test_a_path_is_never_cut(demo: Path) -> None:
    deep = "/".join(["folder"] * 20) + "/name.txt"
    make_tree(demo, {deep: b"TODO\n"})
    assert deep in terminal_output("search", "TODO", "folder")
    assert deep in terminal_output("files", "folder")


def test_what_acts_on_a_terminal_is_shown_as_a_symbol(demo: Path) -> None:
    (demo / "evil\x1b[31m.txt").write_bytes(b"TODO \x1b]0;title\x07 \xe2\x80\xae end\n")
    shown = run("search", "TODO", "--color", "never", "-g", "evil*").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "evil␛[31m.txt" in shown
    assert visible("a\tb\x9bc\u202ed") == "a    b\ufffdc\ufffdd"


def test_wide_letters_count_for_two() -> None:
    out = io.StringIO()
    table = TextTable(["name", "size"], out, terminal=False, colour=False)
    table.add({"name": ["漢字", "ab"], "size": [1, 22]})
    table.finish()
    assert out.getvalue() == "name  size\n漢字     1\nab      22\n"


def test_a_small_search_needs_no_polars(demo: Path) -> None:
    code = (
        "import sys\nfrom vespera_file_ops.cli import main\nassert main(['search', 'TODO']) == 0\n"
        "assert not {'polars', 'numpy', 'tqdm'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, stdout=subprocess.DEVNULL)


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("search", "files", "chunks", "info", "hash", "read"):
        assert command in done.stdout
        assert run(command, "--help").returncode == 0


def test_help_is_asked_for_as_a_command_too(demo: Path) -> None:
    assert run("help", "search").stdout == run("search", "--help").stdout
    assert run("help").stdout == run("--help").stdout


def test_what_is_wrong_with_a_query_is_said_in_one_line_with_the_tables(demo: Path) -> None:
    done = run("search", "TODO", "--sql", "select path from hit")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vfo: sql: relation 'hit' was not found; the tables here are hits, coverage, files\n"
    done = run("files", "--sql", "select path from files where size > '5k'")
    assert done.returncode == 2
    assert done.stderr == "vfo: cannot compare string with numeric type (i64)\n"


def test_a_glob_in_the_place_of_a_pattern_is_told_apart(demo: Path) -> None:
    done = run("search", "*.py", ".")
    assert done.returncode == 2
    assert done.stderr.endswith("it looks like a glob of names, which `include` takes\n")


def test_an_output_in_no_folder_is_named(demo: Path, tmp_path: Path) -> None:
    done = run("files", "--output", str(tmp_path / "none" / "out.parquet"))
    assert (done.returncode, done.stderr) == (2, f"vfo: output: there is no folder {tmp_path / 'none'}\n")
