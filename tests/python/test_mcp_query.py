"""The tool `query`: queries as a model writes them are answered, and nothing else is done than a SELECT over scans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client

import vespera_file_ops as vfo
from vespera_file_ops.mcp import Settings, build_server
from vespera_file_ops.mcp.spare import SPARE

from conftest import make_tree
from mcp_tools import call, refused, server_of, with_client

FILES = {"f": {"files": {}}}
BOTH = {"f": {"files": {}}, "h": {"hits": {"pattern": r"TODO|FIXME|def (\w+)"}}}

# What a model would write, most of it in the dialect of another database; None: refused, with what works.
QUERIES: list[tuple[dict[str, Any], str, list[list[Any]] | str | None]] = [
    (BOTH, "SELECT extension, COUNT(*) AS n FROM h WHERE size < 100000 GROUP BY extension ORDER BY n DESC, extension",
     [["py", 4], ["md", 1]]),
    (FILES, "select path from f where kind = 'file' order by size desc limit 2", [["src/app.py"], ["src/util.py"]]),
    (FILES, "select name, size from f where extension = 'py' order by name;", [["app.py", 75], ["util.py", 36]]),
    (FILES, "select count(*) from f where modified > now() - interval '1 day' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified > now() - interval 30 day and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified > current_timestamp - interval '2 weeks' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified > '2020-01-01' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified > timestamp '2020-01-01 10:00:00' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified > cast('2020-01-01' as timestamp) and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified >= date '2020-01-01' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified < now() and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where modified between '2020-01-01' and '2100-01-01' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where extract(year from modified) < 2000", [[0]]),
    (FILES, "select count(*) from f where cast(modified as date) > '2020-01-01' and kind = 'file'", [[5]]),
    (FILES, "select count(*) from f where date(modified) = '2026-01-01'", "cast(modified as date)"),
    (FILES, "select count(distinct strftime(modified, '%Y')) from f where kind = 'file'", [[1]]),
    (FILES, "select extension, sum(size), avg(size) from f where kind = 'file' group by 1 having count(*) > 1",
     [["py", 111, 55.5]]),
    (BOTH, "select f.path, count(*) as n from f join h on f.path = h.path group by f.path order by n desc, f.path",
     [["src/app.py", 2], ["src/util.py", 2], ["README.md", 1]]),
    (BOTH, "select f.path from f left join h on f.path = h.path where h.path is null and f.kind = 'file' order by 1",
     [["data/blob.bin"], ["src/lib.rs"]]),
    (BOTH, "select path from f where path in (select path from h) order by path",
     [["README.md"], ["src/app.py"], ["src/util.py"]]),
    (BOTH, "with per as (select path, count(*) as n from h group by path) select max(n) from per", [[2]]),
    (BOTH, "select path, line_number, line from h where line like '%TODO%' order by path",
     [["README.md", 3, "TODO: write this"], ["src/app.py", 5, "    # TODO: parse arguments"]]),
    (BOTH, "select path from h where line ilike '%fixme%'", [["src/util.py"]]),
    (BOTH, "select matched from h where matched similar to 'x'", "sql:"),
    (BOTH, "select distinct extension from h order by extension", [["md"], ["py"]]),
    (BOTH, "select path || ':' || line_number as place from h order by place limit 1", [["README.md:3"]]),
    (BOTH, "select case when size > 50 then 'big' else 'small' end as c, count(*) as n from h group by c order by c",
     [["big", 2], ["small", 3]]),
    (BOTH, "select path, row_number() over (partition by path order by line) as n from h order by path, n limit 2",
     [["README.md", 1], ["src/app.py", 1]]),
    (BOTH, "select path from h union select path from h order by path limit 1", [["README.md"]]),
    (FILES, "select coalesce(extension, '-') as e, count(*) as n from f where kind = 'dir' group by e", [["-", 2]]),
    (FILES, "select upper(name) from f where name like 'app.%'", [["APP.PY"]]),
    (FILES, "select path from f where size = (select max(size) from f where kind = 'file')", [["src/app.py"]]),
    (FILES, "select 1 + 1 as two from f limit 1", [[2]]),
    (FILES, "select * from files", "no table; the tables are f"),
    (BOTH, "select * from hh", "sql: 'hh' is no table; the tables are f, h; did you mean h?"),
    (BOTH, "with per as (select path from h) select * from pre", "tables are f, h, per; did you mean per?"),
    (BOTH, "select * from files join h on true", "no table; the tables are f, h"),
    (FILES, "select nothing from f", "valid columns"),
    (FILES, "select path form f", "sql:"),
    (FILES, "show tables", "exactly one SELECT"),
    (FILES, "describe f", "exactly one SELECT"),
    (FILES, "select path from f -- the files", "comments"),
    (FILES, "select path from f where modified > now() - interval '3 fortnights'", "interval"),
]  # fmt: skip

HOSTILE = [
    "select * from read_csv('/etc/passwd')",
    "select * from READ_CSV ('/etc/passwd')",
    "select * from \"read_csv\"('/etc/passwd')",
    "select * from read_parquet('x'), f",
    "select * from f join read_ipc('x') on true",
    "select * from f where path in (select column_1 from read_csv('/etc/passwd'))",
    "with t as (select * from read_csv('/etc/passwd')) select * from t",
    "select (select count(*) from read_json('/etc/passwd')) from f",
    "select * from '/etc/passwd'",
    'select * from "/etc/passwd"',
    'select * from "secret.csv"',
    "select * from f; select * from read_csv('/etc/passwd')",
    "select * from f; drop table f",
    "drop table f",
    "truncate table f",
    "create table x as select * from f",
    "insert into f values (1)",
    "update f set path = 'x'",
    "delete from f",
    "select * into x from f",
    "copy f to '/tmp/stolen.csv'",
    "set threads = 1",
    "explain select * from f",
    "with recursive t as (select 1 union all select * from t) select * from t",
    "select /* */ * from read_csv('/etc/passwd')",
    "select * from f -- \n, read_csv('/etc/passwd')",
    "select * from information_schema.tables",
    "select * from other.f",
    "with read_csv as (select 1) select * from read_csv('/etc/passwd')",
    "select $$ read_csv('/etc/passwd') $$ from f",
    "select '' from f, lateral (select * from read_csv('/etc/passwd')) t",
    "values (1)",
    "",
    ";",
    "select * from scan_csv('/etc/passwd')",
    "table f",
    "call x()",
    "attach 'x' as y",
    "select 1",
]


@pytest.mark.parametrize(("tables", "sql", "expected"), QUERIES, ids=[query[1][:60] for query in QUERIES])
def test_what_a_model_writes_is_answered_or_told(
    demo: Path, tables: dict[str, Any], sql: str, expected: list[list[Any]] | str
) -> None:
    if isinstance(expected, str):
        assert expected in refused(server_of(demo), "query", tables=tables, sql=sql)
        return
    text, data = call(server_of(demo), "query", tables=tables, sql=sql)
    assert data["rows"] == expected
    assert all(str(value) in text for row in expected for value in row)
    assert (data["row_count"], data["truncated"]) == (len(expected), False)


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_sql_reads_nothing(demo: Path, sql: str) -> None:
    make_tree(demo, {"secret.csv": b"column\nSECRET\n"})
    if sql == "select 1":
        # It reads nothing.
        assert call(server_of(demo), "query", tables=FILES, sql=sql)[1]["rows"] == [[1]]
        return
    said = refused(server_of(demo), "query", tables=FILES, sql=sql)
    assert "root:x:" not in said
    assert "SECRET" not in said
    assert not Path("/tmp/stolen.csv").exists()


def test_tables_keep_to_the_root_and_to_what_is_allowed(demo: Path) -> None:
    make_tree(demo, {".env": b"TODO=SECRET\n", "sub/key.pem": b"TODO SECRET\n"})
    server = server_of(demo)
    everything = {"include_hidden": True, "respect_ignore": False}
    tables = {"h": {"hits": {"pattern": "TODO", **everything}}, "f": {"files": everything}}
    _, data = call(server, "query", tables=tables, sql="select path from h union all select path from f")
    assert not [row for row in data["rows"] if row[0].endswith((".env", ".pem"))]
    for path in ("..", "/etc", "link", ".env"):
        told = refused(server, "query", tables={"f": {"files": {"path": path}}}, sql="select * from f")
        assert "SECRET" not in told
    for options, said in (
        ({"within": "/"}, "no option"),
        ({"follow_symlinks": True}, "no option"),
        ({"threads": 9}, "no option"),
        ({"include": 5}, "include"),
        ({"max_depth": "x"}, "max_depth"),
    ):
        assert said in refused(server, "query", tables={"f": {"files": options}}, sql="select * from f")
    assert "did you mean hits" in refused(server, "query", tables={"h": {"hit": {}}}, sql="select 1 from h")
    assert "need a pattern" in refused(server, "query", tables={"h": {"hits": {}}}, sql="select 1 from h")


def test_several_roots_in_one_query(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_tree(tmp_path / name, {"same.txt": f"{name}\n".encode(), f"only_{name}.txt": b""})
    server = build_server(Settings({name: str(tmp_path / name) for name in ("one", "two")}))
    tables = {name: {"files": {"path": name}} for name in ("one", "two")}
    sql = "select one.path, two.path as other from one join two on one.name = two.name"
    assert call(server, "query", tables=tables, sql=sql)[1]["rows"] == [["one/same.txt", "two/same.txt"]]


def test_a_query_is_cut_and_counted(demo: Path) -> None:
    make_tree(demo, {f"many/{number}.txt": b"" for number in range(1000)})
    sql = "select path from f where extension = 'txt' order by path"
    text, data = call(server_of(demo), "query", tables=FILES, sql=sql)
    assert (len(data["rows"]), data["row_count"], data["truncated"]) == (100, 1000, True)
    text, data = call(server_of(demo, max_bytes=500), "query", tables=FILES, sql=sql)
    assert len(text) < 700
    assert data["row_count"] == 1000
    assert data["rows"] == [[path] for path in vfo.glob_files(".", "*.txt")["path"].sort().head(len(data["rows"]))]


def children() -> int:
    """How many processes this one has started; after a query one of them waits for the next."""
    call(server_of(Path()), "query", tables=FILES, sql="select 1 as one from f limit 1")
    return len(psutil.Process().children(recursive=True))


def test_the_process_of_the_next_query_is_there_already(demo: Path) -> None:
    server = server_of(demo)
    for _ in range(3):
        call(server, "query", tables=FILES, sql="select path from f")
        waiting = SPARE._waiting
        assert waiting is not None
        assert waiting.poll() is None
        call(server, "query", tables=FILES, sql="select path from f")
        assert waiting.returncode == 0
    # One that has died is no loss, nor one that dies at this moment: a stopped one dies when it is let go.
    count = "select count(*) as n from f where name = 'lib.rs'"
    for end in (SPARE._waiting.kill, lambda: SPARE._waiting.send_signal(signal.SIGSTOP)):
        waiting = SPARE._waiting
        end()
        timer = threading.Timer(0.3, waiting.kill)
        timer.start()
        assert call(server, "query", tables=FILES, sql=count)[1]["rows"] == [[1]]
        timer.join()


def test_no_process_outlives_its_server(demo: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom mcp_tools import call, server_of\n"
        "from vespera_file_ops.mcp.spare import SPARE\n"
        "tables = {'f': {'files': {}}}\n"
        "call(server_of(Path()), 'query', tables=tables, sql='select path from f')\n"
        "print(SPARE._waiting.pid, flush=True)\n"
        "if len(sys.argv) > 1:\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for killed in ([], ["killed"]):
        paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        told = subprocess.run(
            [sys.executable, "-c", code, *killed], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        pid = int(told.stdout)
        begun = time.monotonic()
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - begun < 10
            time.sleep(0.05)


ENDLESS = "select count(*) from f a, f b, f c, f d where a.size + b.size > c.size + d.size"


def test_a_query_ends_at_its_deadline_and_leaves_nothing(demo: Path) -> None:
    make_tree(demo, {f"many/{number}.txt": b"" for number in range(400)})
    before, begun = children(), time.monotonic()
    said = refused(server_of(demo, time_limit=1.5), "query", tables=FILES, sql=ENDLESS)
    assert "stopped" in said or "more than" in said
    assert time.monotonic() - begun < 3
    assert children() == before


def test_a_query_that_wants_too_much_memory_is_told_so(demo: Path) -> None:
    make_tree(demo, {f"many/{number}.txt": b"" for number in range(3000)})
    sql = "select a.path, b.path as other, c.path as third from f a cross join f b cross join f c order by 1, 2, 3"
    said = refused(server_of(demo, time_limit=60), "query", tables=FILES, sql=sql)
    assert "GiB" in said or "memory" in said.lower()


def test_a_query_that_is_cancelled_is_killed(demo: Path) -> None:
    make_tree(demo, {f"many/{number}.txt": b"" for number in range(400)})
    before = children()

    async def work(client: Client) -> None:
        with anyio.move_on_after(0.8):
            await client.call_tool("query", {"tables": FILES, "sql": ENDLESS})
        await anyio.sleep(0.3)

    with_client(server_of(demo), work)
    assert children() == before
