//! The rules one by one; `random.rs` compares random trees with git and with ripgrep's own walker.

mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::io::root::Handle;
use crate::io::root::path_bytes::{of_name, of_path};
use crate::io::test_files;

/// A tree in a temporary folder: `path` and content; a path that ends in a slash is a folder.
fn tree(entries: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in entries {
        let is_folder = path.ends_with('/');
        let path = dir.path().join(path);
        if is_folder {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
    dir
}

fn options() -> FilterOptions {
    FilterOptions { global_excludes: GlobalExcludes::Nowhere, ..FilterOptions::default() }
}

fn open(path: &Path) -> Handle {
    open_folder(working_folder(), &of_path(path), FolderUse::Listing, true).unwrap()
}

/// A plain walk that asks the filter, as the real one does: every entry with its verdict, and the problems.
#[derive(Default)]
struct Walked {
    verdicts: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    problems: Vec<String>,
}

impl Walked {
    /// The kept files.
    fn kept(&self) -> Vec<&str> {
        let kept = self.verdicts.iter().filter(|(path, verdict)| *verdict == "keep" && !self.folders.contains(*path));
        kept.map(|(path, _)| path.as_str()).collect()
    }

    fn note(&mut self, problems: Vec<Problem>) {
        let text =
            |problem: Problem| format!("{}: {}", String::from_utf8_lossy(&problem.path), problem.error.row_text());
        self.problems.extend(problems.into_iter().map(text));
    }

    fn enter(&mut self, filter: &Filter, parent: &FolderRules, folder: &Path, relative: &str) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(std::result::Result::unwrap).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut present = Present::default();
        for entry in &entries {
            present.note(&of_name(&entry.file_name()));
        }
        let fd = open(folder);
        let (rules, problems) = filter.enter(parent, fd.as_handle(), relative.as_bytes(), relative.as_bytes(), present);
        self.note(problems);
        for entry in entries {
            let name = entry.file_name().into_string().unwrap();
            if name == ".git" {
                continue;
            }
            let path = if relative.is_empty() { name.clone() } else { format!("{relative}/{name}") };
            let is_dir = entry.file_type().unwrap().is_dir();
            let verdict = filter.decide(&rules, path.as_bytes(), name.as_bytes(), is_dir);
            if is_dir {
                self.folders.insert(path.clone());
            }
            if is_dir && matches!(verdict, Verdict::Keep) {
                self.enter(filter, &rules, &entry.path(), &path);
            }
            let text = match verdict {
                Verdict::Keep => "keep".to_owned(),
                Verdict::Unwanted => "unwanted".to_owned(),
                Verdict::Hidden => "hidden".to_owned(),
                Verdict::Ignored(rule) => rule.describe(),
            };
            self.verdicts.insert(path, text);
        }
    }
}

fn walk(source: &Path, options: &FilterOptions) -> Walked {
    let filter = Filter::new(options).unwrap();
    let mut walked = Walked::default();
    let absolute = source.canonicalize().unwrap();
    let (rules, problems) = filter.source_rules(&of_path(&absolute));
    walked.note(problems);
    walked.enter(&filter, &rules, source, "");
    walked
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

const GLOB_TREE: [(&str, &str); 8] = [
    ("a.py", ""),
    ("b.rs", ""),
    ("src/a.py", ""),
    ("src/deep/c.py", ""),
    ("src/deep/d.md", ""),
    ("lib/a.py", ""),
    (".h/x.py", ""),
    ("lib/test_a.py", ""),
];

fn included(include: &[&str], exclude: &[&str]) -> Vec<String> {
    let dir = tree(&GLOB_TREE);
    let options = FilterOptions { include: strings(include), exclude: strings(exclude), ..options() };
    walk(dir.path(), &options).kept().into_iter().map(str::to_owned).collect()
}

#[test]
fn include_keeps_what_a_glob_matches_and_all_below_a_folder() {
    assert_eq!(included(&["*.py"], &[]), ["a.py", "lib/a.py", "lib/test_a.py", "src/a.py", "src/deep/c.py"]);
    assert_eq!(included(&["/*.{py,rs}"], &[]), ["a.py", "b.rs"]);
    for glob in ["src", "src/", "/src", "/src/**", "s?c/"] {
        assert_eq!(included(&[glob], &[]), ["src/a.py", "src/deep/c.py", "src/deep/d.md"], "{glob}");
    }
    assert_eq!(included(&["deep/"], &[]), ["src/deep/c.py", "src/deep/d.md"]);
    assert_eq!(included(&["src/*.py"], &[]), ["src/a.py"]);
    assert_eq!(included(&["{/lib,src/deep}/*.py"], &[]), ["lib/a.py", "lib/test_a.py", "src/deep/c.py"]);
    assert_eq!(included(&["/nowhere/*.py"], &[]), Vec::<String>::new());
}

#[test]
fn the_last_include_glob_that_matches_decides() {
    assert_eq!(included(&["*.py", "!src/"], &[]), ["a.py", "lib/a.py", "lib/test_a.py"]);
    assert_eq!(included(&["!src/", "*.py"], &[]), ["a.py", "lib/a.py", "lib/test_a.py", "src/a.py", "src/deep/c.py"]);
    assert_eq!(included(&["src/", "!*.py"], &[]), ["src/deep/d.md"]);
    assert_eq!(included(&["!*.{py,md}"], &[]), ["b.rs"]);
}

#[test]
fn exclude_leaves_out_files_and_folders() {
    assert_eq!(included(&[], &["src/"]), ["a.py", "b.rs", "lib/a.py", "lib/test_a.py"]);
    assert_eq!(included(&["*.py"], &["deep", "test_*"]), ["a.py", "lib/a.py", "src/a.py"]);
    assert_eq!(included(&[], &["*.py", "!/lib/a.py", "/src/deep", "!/src/deep/c.py"]), ["b.rs", "lib/a.py"]);
}

#[test]
fn include_prunes_folders_in_which_nothing_can_match() {
    let dir = tree(&GLOB_TREE);
    let walked = walk(dir.path(), &FilterOptions { include: strings(&["/src/*.py", "/src/d*/x"]), ..options() });
    assert_eq!(walked.verdicts["lib"], "unwanted");
    assert_eq!(walked.verdicts["src/deep"], "keep");
}

#[test]
fn include_and_types_never_bring_back_what_is_ignored_or_hidden() {
    let dir = tree(&[(".ignore", "a.py\n"), ("a.py", ""), (".b.py", ""), ("c.py", ""), ("d.rs", ""), ("Makefile", "")]);
    for options in [
        FilterOptions { include: strings(&["*.py"]), ..options() },
        FilterOptions { types: strings(&["py"]), ..options() },
    ] {
        let walked = walk(dir.path(), &options);
        assert_eq!(walked.kept(), ["c.py"]);
        assert_eq!((&*walked.verdicts["a.py"], &*walked.verdicts[".b.py"]), (".ignore:1:a.py", "hidden"));
        assert!(Filter::new(&options).unwrap().narrows());
    }
    assert!(!Filter::new(&options()).unwrap().narrows());
    let walked = walk(dir.path(), &FilterOptions { types: strings(&["rust", "make"]), ..options() });
    assert_eq!(walked.kept(), ["Makefile", "d.rs"]);
    let walked = walk(dir.path(), &FilterOptions { types: strings(&["all"]), ..options() });
    assert_eq!(walked.kept(), ["Makefile", "c.py", "d.rs"]);
}

#[test]
fn bad_globs_and_types_are_refused_by_name() {
    let fail = |include: &[&str], exclude: &[&str], types: &[&str]| {
        let (include, exclude, types) = (strings(include), strings(exclude), strings(types));
        let error = Filter::new(&FilterOptions { include, exclude, types, ..options() }).unwrap_err();
        (error.kind(), error.to_string())
    };
    for glob in ["[z-a]", "a\\", "{a", "a}", "[a", "", "!", "/", "{,a}", "[[:no:]]"] {
        let (kind, text) = fail(&[], &["ok", glob], &[]);
        assert!(kind == ErrorKind::Pattern && text.starts_with("exclude: the glob '"), "{glob}: {text}");
    }
    let deep = "{a,".repeat(60_000) + &"}".repeat(60_000);
    let (kind, text) = fail(&[&deep], &[], &[]);
    assert!(kind == ErrorKind::Pattern && text.starts_with("include:") && text.len() < 400, "{text}");
    let many = vec!["{a,b}".repeat(10); 100];
    let (kind, _) = fail(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[], &[]);
    assert_eq!(kind, ErrorKind::Pattern);
    let (kind, text) = fail(&[], &[], &["pyhton"]);
    assert!(kind == ErrorKind::Argument && text.contains("'pyhton'"), "{text}");
}

#[test]
fn kinds_of_ignore_files_have_an_order_and_nearer_folders_win() {
    let dir = tree(&[
        (".git/info/exclude", "e\n!g\nn\n"),
        (".gitignore", "!e\nx\ny\nz\n"),
        (".ignore", "!x\ni\n"),
        (".rgignore", "!y\n"),
        ("sub/.gitignore", "!z\n"),
        ("sub/z", ""),
        ("sub/i", ""),
        ("e", ""),
        ("g", ""),
        ("n", ""),
        ("x", ""),
        ("y", ""),
        ("z", ""),
    ]);
    let global = dir.path().join("sub/global");
    fs::write(&global, "g\n/n\n/sub/y\n").unwrap();
    fs::write(dir.path().join("sub/y"), "").unwrap();
    let options = FilterOptions { global_excludes: GlobalExcludes::File(global.clone()), ..options() };
    let walked = walk(dir.path(), &options);
    assert_eq!(walked.kept(), ["e", "g", "sub/global", "sub/y", "sub/z", "x", "y"]);
    assert_eq!(walked.verdicts["n"], ".git/info/exclude:3:n");
    assert_eq!(walked.verdicts["sub/i"], ".ignore:2:i");
    let walked = walk(&dir.path().join("sub"), &options);
    assert_eq!(walked.kept(), ["global", "y", "z"]);
    let top = dir.path().canonicalize().unwrap();
    assert_eq!(walked.verdicts["i"], format!("{}/.ignore:2:i", String::from_utf8_lossy(&of_path(&top))));
    let walked = walk(dir.path(), &FilterOptions { respect_ignore: false, ..options });
    assert_eq!(walked.kept().len(), 10);
}

#[test]
fn gits_files_count_only_inside_a_repository() {
    let dir = tree(&[
        (".gitignore", "a\nb\n"),
        ("a", ""),
        ("repo/.git/HEAD", ""),
        ("repo/.gitignore", "c\n"),
        ("repo/a", ""),
        ("repo/c", ""),
        ("repo/deep/c", ""),
        ("repo/nested/.git", "gitdir: nowhere\n"),
        ("repo/nested/c", ""),
    ]);
    assert_eq!(walk(dir.path(), &options()).kept(), ["a", "repo/a", "repo/nested/c"]);
    assert_eq!(walk(&dir.path().join("repo/deep"), &options()).kept(), Vec::<&str>::new());
    assert_eq!(walk(&dir.path().join("repo"), &options()).kept(), ["a", "nested/c"]);
    let free = FilterOptions { require_git: false, ..options() };
    assert_eq!(walk(dir.path(), &free).kept(), Vec::<&str>::new());
    let global = dir.path().join("repo/global");
    fs::write(&global, "/c\n").unwrap();
    let global = FilterOptions { global_excludes: GlobalExcludes::File(global), require_git: false, ..options() };
    assert_eq!(walk(&dir.path().join("repo"), &global).verdicts["nested/c"].rsplit(':').next(), Some("c"));
    // Outside of a repository the user's own file counts without `require_git`, anchored at the source.
    let plain = tree(&[("c", ""), ("d/c", "")]);
    assert_eq!(walk(plain.path(), &global).kept(), ["d/c"]);
    assert_eq!(walk(plain.path(), &FilterOptions { require_git: true, ..global }).kept(), ["c", "d/c"]);
}

#[test]
fn a_whitelisted_name_is_not_hidden() {
    let dir = tree(&[(".ignore", "!.keep\n!.dir\n"), (".keep", ""), (".other", ""), (".dir/x", "")]);
    assert_eq!(walk(dir.path(), &options()).kept(), [".dir/x", ".keep"]);
    let all = FilterOptions { include_hidden: true, ..options() };
    assert_eq!(walk(dir.path(), &all).kept(), [".dir/x", ".ignore", ".keep", ".other"]);
}

#[test]
#[cfg_attr(
    windows,
    ignore = "needs named pipes in folders, which Windows has not, and symbolic links, which Wine does not make"
)]
fn an_ignore_file_that_cannot_be_used_is_a_problem_and_has_no_rules() {
    let dir = tree(&[("a", ""), ("big/a", ""), ("dir/.ignore/", ""), ("dir/a", ""), ("bad/a", ""), ("fifo/a", "")]);
    let path = |name: &str| dir.path().join(name);
    fs::write(path("big/.ignore"), "a\n".repeat(600_000)).unwrap();
    fs::write(path("bad/.ignore"), "a\n[z-a]\n").unwrap();
    test_files::fifo(&path("fifo/.ignore"));
    test_files::symlink("nowhere", &path(".ignore"));
    let walked = walk(dir.path(), &options());
    assert_eq!(walked.kept(), ["a", "bad/a", "big/a", "dir/a", "fifo/a"]);
    let expected = [
        ".ignore: ignore file not used: it is a link to nothing",
        "bad/.ignore: ignore file not used: line 2 holds a range whose end comes before its start: [z-a]",
        "big/.ignore: ignore file not used: it is larger than 1048576 bytes",
        "dir/.ignore: ignore file not used: it is not a regular file",
        "fifo/.ignore: ignore file not used: it is not a regular file",
    ];
    assert_eq!(walked.problems, expected);
    let missing = FilterOptions { global_excludes: GlobalExcludes::File(path("missing")), ..options() };
    assert_eq!(walk(&path("bad"), &missing).problems.len(), 2, "the parent's link, and its own file");
    let global = FilterOptions { global_excludes: GlobalExcludes::File(path("bad/.ignore")), ..options() };
    assert!(walk(&path("dir"), &global).problems[0].contains("line 2"));
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_confined_filter_stays_below_its_root() {
    let dir = tree(&[
        (".ignore", "b\n"),
        ("root/.git/info/exclude", "e\n"),
        ("root/.gitignore", "/src/c\n"),
        ("root/src/b", ""),
        ("root/src/c", ""),
        ("root/src/d", ""),
        ("root/src/e", ""),
        ("secret", "d\n"),
    ]);
    test_files::symlink("../../secret", &dir.path().join("root/src/.ignore"));
    let source = dir.path().join("root/src");
    assert_eq!(walk(&source, &options()).kept(), Vec::<&str>::new());
    let filter = Filter::new(&FilterOptions { confined: true, ..options() }).unwrap();
    let mut walked = Walked::default();
    let (rules, problems) = filter.confined_rules(open(&dir.path().join("root")).as_handle(), b"src");
    walked.note(problems);
    walked.enter(&filter, &rules, &source, "");
    assert_eq!(walked.kept(), ["b", "d"]);
    assert_eq!(walked.verdicts["c"], ".gitignore:1:/src/c");
    assert_eq!(walked.verdicts["e"], ".git/info/exclude:1:e");
    assert!(walked.problems[0].contains("symbolic link"), "{:?}", walked.problems);
    let (rules, _) = filter.source_rules(&of_path(&source));
    assert!(matches!(filter.decide(&rules, b"c", b"c", false), Verdict::Keep));
}

/// Run git away from the user's configuration.
fn git(folder: &Path, global: Option<&Path>, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder).env("XDG_CONFIG_HOME", folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(folder);
    if let Some(global) = global {
        command.arg("-c").arg(format!("core.excludesFile={}", global.display()));
    }
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code() < Some(2), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
#[cfg_attr(windows, ignore = "needs git")]
fn a_worktree_has_the_exclude_file_of_its_repository() {
    let dir = tree(&[("main/a", "")]);
    let main = dir.path().join("main");
    git(&main, None, &["init", "-q"], b"");
    git(&main, None, &["-c", "user.name=a", "-c", "user.email=a", "commit", "-q", "--allow-empty", "-m", "x"], b"");
    git(&main, None, &["worktree", "add", "-q", "../tree"], b"");
    fs::write(main.join(".git/info/exclude"), "/hide\n").unwrap();
    let tree = dir.path().join("tree");
    fs::write(tree.join("hide"), "").unwrap();
    let walked = walk(&tree, &options());
    let expected = main.canonicalize().unwrap().join(".git/info/exclude");
    assert_eq!(walked.verdicts["hide"], format!("{}:1:/hide", expected.display()));
    assert!(walked.problems.is_empty());
}

/// What one verdict costs, on the shape of the Linux tree: a hundred rules at the top, a few below. Not a bound, because
/// the machine decides: run it by hand with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure_verdicts() {
    let lines: Vec<String> = (0..100).map(|at| format!("*.x{at}\n/file{at}\n!*.keep{at}")).collect();
    let top = lines.join("\n");
    let dir = tree(&[(".git/HEAD", ""), (".gitignore", &top), ("a/.gitignore", "*.o\n!/x\nvmlinux*\n")]);
    let filter = Filter::new(&options()).unwrap();
    let present = Present { git: true, gitignore: true, ..Present::default() };
    let (top, _) = filter.enter(&FolderRules::default(), open(dir.path()).as_handle(), b"", b"", present);
    let folder = open(&dir.path().join("a"));
    let (rules, _) = filter.enter(&top, folder.as_handle(), b"a", b"a", present);
    let start = std::time::Instant::now();
    for _ in 0..1_000_000 {
        assert!(matches!(filter.decide(&rules, b"a/some_driver.c", b"some_driver.c", false), Verdict::Keep));
    }
    println!("a verdict: {:?}", start.elapsed() / 1_000_000);
    let start = std::time::Instant::now();
    for _ in 0..10_000 {
        drop(filter.enter(&top, folder.as_handle(), b"a", b"a", present));
    }
    println!("a folder with an ignore file: {:?}", start.elapsed() / 10_000);
}
