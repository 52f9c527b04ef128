"""What is listed equals `git ls-files -co --exclude-standard`; a left-out file names the rule of `git check-ignore`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from truth_git import ask_us, git, listed_by_git, make_home, make_repository, rules_by_git
from truth_rg import component_key

REPOSITORIES = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a global excludes file."""
    return make_home(tmp_path_factory.mktemp("git") / "home")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory, home: Path) -> list[Path]:
    """Generated repositories."""
    folder = tmp_path_factory.mktemp("repositories")
    return [make_repository(folder / f"r{seed}", seed, home) for seed in range(REPOSITORIES)]


def rules_text(repository: Path) -> str:
    """All ignore files of a repository, for the message of a failure."""
    files = [*repository.rglob(".gitignore"), repository / ".git/info/exclude"]
    return "\n".join(f"--- {file.relative_to(repository)}\n{file.read_text()}" for file in files)


def test_files_equal_git_ls_files(repositories: list[Path], home: Path) -> None:
    """Untracked and not ignored: the same set, in the order of components."""
    calls = [("scan_files", ["relative_path", "kind"], [str(each)], {"include_hidden": True}) for each in repositories]
    seen = 0
    for repository, rows in zip(repositories, ask_us(home, calls), strict=True):
        ours = [path for path, kind in rows if kind in ("file", "symlink")]
        theirs = listed_by_git(repository, home)
        only_git, only_ours = sorted(theirs - set(ours)), sorted(set(ours) - theirs)
        assert (only_git, only_ours) == ([], []), f"{repository.name}\n{rules_text(repository)}"
        assert ours == sorted(ours, key=component_key)
        seen += len(ours)
    assert seen > 20 * REPOSITORIES


def test_files_below_a_subfolder_obey_the_rules_above_it(repositories: list[Path], home: Path) -> None:
    """A scan that starts inside a repository asks the ignore files of the parents too."""
    subfolders = [
        (repository, each)
        for repository in repositories[:25]
        for each in sorted(repository.iterdir())
        if each.is_dir() and not each.is_symlink() and each.name != ".git"
    ]
    calls = [("scan_files", ["path", "kind"], [str(each)], {"include_hidden": True}) for _, each in subfolders]
    for (repository, subfolder), rows in zip(subfolders, ask_us(home, calls), strict=True):
        relative = f"{subfolder.name}/"
        theirs = {path for path in listed_by_git(repository, home) if path.startswith(relative)}
        if rules_by_git(repository, [subfolder.name], home)[subfolder.name].rpartition(":")[2][:1] not in ("", "!"):
            continue  # the source itself is ignored: it was named, so it is searched, and git has no such notion
        ours = {os.path.relpath(path, repository) for path, kind in rows if kind in ("file", "symlink")}
        assert ours == theirs, f"{subfolder}\n{rules_text(repository)}"


def test_coverage_names_the_rule_that_git_names(repositories: list[Path], home: Path) -> None:
    """Each ignored row's `excluded_by` is the file, line and rule of `git check-ignore -v`."""
    options = {"include_hidden": True, "include_ignored": True}
    columns = ["relative_path", "status", "excluded_by"]
    calls = [("scan_coverage", columns, ["x", str(each)], options) for each in repositories]
    compared = 0
    for repository, rows in zip(repositories, ask_us(home, calls), strict=True):
        ignored = {path: rule for path, status, rule in rows if status == "ignored"}
        theirs = rules_by_git(repository, list(ignored), home)
        ours = {path: os.path.join(repository, rule) for path, rule in ignored.items()}
        assert ours == theirs, rules_text(repository)
        found = {path for path, status, _ in rows if status != "ignored"}
        regular = {p for p in listed_by_git(repository, home) if not (repository / p).is_symlink()}
        assert regular <= found
        compared += len(ours)
    assert compared > 5 * REPOSITORIES


def test_tracked_but_ignored_files_are_ignored(tmp_path: Path, home: Path) -> None:
    """A known difference: git lists a tracked file that a rule names; a walker does not know of the index."""
    repository = tmp_path / "r"
    repository.mkdir()
    git(repository, "init", "--quiet", home=home)
    (repository / "kept.log").touch()
    (repository / "seen.txt").touch()
    git(repository, "add", "--all", home=home)
    (repository / ".gitignore").write_text("*.log\n")
    rows = ask_us(home, [("scan_files", ["relative_path"], [str(repository)], {})])[0]
    assert "kept.log" in listed_by_git(repository, home)
    assert rows == [["seen.txt"]]


def test_a_nested_repository_is_walked(tmp_path: Path, home: Path) -> None:
    """A known difference: for git a nested repository is one entry. Its own rules apply in it, the outer ones too."""
    outer, inner = tmp_path / "outer", tmp_path / "outer/inner"
    inner.mkdir(parents=True)
    for each in (outer, inner):
        git(each, "init", "--quiet", home=home)
        (each / "code.rs").touch()
        (each / "skip.inner").touch()
    (inner / ".gitignore").write_text("*.inner\n")
    rows = ask_us(home, [("scan_files", ["relative_path"], [str(outer)], {})])[0]
    assert "inner/" in listed_by_git(outer, home)
    assert [row[0] for row in rows] == ["code.rs", "inner", "inner/code.rs", "skip.inner"]


def test_git_rules_need_a_repository(tmp_path: Path, home: Path) -> None:
    """`.gitignore` counts only inside a repository, `.ignore` everywhere; `require_git=False` lifts that."""
    (tmp_path / ".gitignore").write_text("a\n")
    (tmp_path / ".ignore").write_text("b\n")
    for name in "abc":
        (tmp_path / name).touch()
    source = [str(tmp_path)]
    plain, lifted, deaf = ask_us(
        home,
        [
            ("scan_files", ["name"], source, {}),
            ("scan_files", ["name"], source, {"require_git": False}),
            ("scan_files", ["name"], source, {"respect_ignore": False}),
        ],
    )
    assert [[row[0] for row in rows] for rows in (plain, lifted, deaf)] == [["a", "c"], ["c"], ["a", "b", "c"]]


def test_the_git_folder_is_never_entered(tmp_path: Path, home: Path) -> None:
    """Not even with `include_hidden`, where rg lists it."""
    git(tmp_path, "init", "--quiet", home=home)
    (tmp_path / ".env").touch()
    rows = ask_us(home, [("scan_files", ["relative_path"], [str(tmp_path)], {"include_hidden": True})])[0]
    assert not [row for row in rows if row[0].startswith(".git/")]
    assert [".env"] in rows
