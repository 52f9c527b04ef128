//! Random trees, random ignore files: git and ripgrep's own walker must say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{git, options, tree, walk};
use crate::search::filter::{FilterOptions, GlobalExcludes, RuleList};

/// What git says of each entry: the rule that ignores it, or "keep".
fn git_verdicts(folder: &Path, global: &Path, paths: &BTreeSet<&String>) -> BTreeMap<String, String> {
    let input: Vec<u8> = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
    let arguments = ["check-ignore", "-v", "-n", "-z", "--stdin", "--no-index"];
    let output = String::from_utf8(git(folder, Some(global), &arguments, &input)).unwrap();
    let fields: Vec<&str> = output.split('\0').collect();
    let verdict = |fields: &[&str]| {
        let kept = fields[0].is_empty() || fields[2].starts_with('!');
        let text = if kept { "keep".to_owned() } else { format!("{}:{}:{}", fields[0], fields[1], fields[2]) };
        (fields[3].to_owned(), text)
    };
    fields.chunks_exact(4).map(verdict).collect()
}

const NAMES: [&str; 14] = ["a", "b", "ab", "a.b", "aab", "c d", "[a]", "{a,b}", "\\a", "é", ".h", "#a", "!a", "a "];
const TOKENS: [&str; 34] = [
    "a",
    "b",
    "ab",
    "*",
    "*",
    "**",
    "/",
    "/",
    "?",
    "[ab]",
    "[!a]",
    "[a-b]",
    "[[:alpha:]]",
    ".",
    "\\",
    "!",
    "#",
    " ",
    "{",
    "}",
    ",",
    "[",
    "]",
    "é",
    "\\a",
    "**/",
    "/**",
    "[^b-]",
    "[]a]",
    "a/",
    "/a",
    "[[:x]",
    "\\/",
    "{a,b}",
];

fn paths(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let path = prop::collection::vec(prop::sample::select(names), 1..5).prop_map(|names| names.join("/"));
    prop::collection::vec(path, 1..14)
}

/// Ignore files: the folder each stands in, and its lines.
fn ignore_files(tokens: &'static [&'static str]) -> impl Strategy<Value = Vec<Vec<String>>> {
    let line = prop::collection::vec(prop::sample::select(tokens), 1..6).prop_map(|tokens| tokens.concat());
    // A rule that the contract calls broken spoils its file here and not for git.
    let usable = line.prop_filter("broken", |line| RuleList::from_file(Vec::new(), line.clone().into_bytes()).is_ok());
    prop::collection::vec(prop::collection::vec(usable, 1..8), 1..4)
}

/// The same with rules of an ordinary shape, of which ripgrep and git think alike.
fn plain_ignore_files() -> impl Strategy<Value = Vec<Vec<String>>> {
    let parts = ["a", "b", "ab", "c", "*", "a*", "*b", "?", "[ab]", ".h", ".*", "*.b", "**"];
    let part = prop::sample::select(parts.to_vec());
    let line = ("!?", "/?", prop::collection::vec(part, 1..4), "/?");
    let line = line.prop_map(|(sign, anchor, parts, end)| format!("{sign}{anchor}{}{end}", parts.join("/")));
    prop::collection::vec(prop::collection::vec(line, 1..8), 1..4)
}

/// Build the folders and files of `paths`, leaving out what clashes, and return the folders.
fn build(root: &Path, paths: &[String]) -> Vec<PathBuf> {
    let mut folders = BTreeSet::from([root.to_owned()]);
    for path in paths {
        let path = root.join(path);
        let parent = path.parent().unwrap();
        if fs::create_dir_all(parent).is_ok() {
            if !path.exists() {
                fs::write(&path, "").unwrap();
            }
            folders.extend(parent.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned));
        }
    }
    folders.into_iter().collect()
}

/// Enough cases to notice a break; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    #[cfg_attr(windows, ignore = "needs git, and names that Windows does not have")]
    fn git_says_the_same_of_random_trees(
        paths in paths(&NAMES),
        files in ignore_files(&TOKENS),
        exclude in prop::option::of(ignore_files(&TOKENS)),
        places in prop::collection::vec(any::<prop::sample::Index>(), 4),
    ) {
        let dir = tree(&[("repo/.git/HEAD", "ref: refs/heads/main\n"), ("repo/.git/objects/", ""), ("repo/.git/refs/", "")]);
        let repo = dir.path().join("repo");
        let folders = build(&repo, &paths);
        for (lines, place) in files.iter().zip(&places) {
            fs::write(place.get(&folders).join(".gitignore"), lines.join("\n")).unwrap();
        }
        let global = dir.path().join("global");
        if let Some(exclude) = exclude {
            fs::create_dir(repo.join(".git/info")).unwrap();
            fs::write(repo.join(".git/info/exclude"), exclude[0].join("\r\n")).unwrap();
            fs::write(&global, exclude[exclude.len() - 1].join(" \n")).unwrap();
        }
        let options = FilterOptions {
            include_hidden: true, global_excludes: GlobalExcludes::File(global.clone()), ..FilterOptions::default()
        };
        let walked = walk(&repo, &options);
        prop_assert!(walked.problems.is_empty(), "{:?}", walked.problems);
        prop_assert_eq!(&walked.verdicts, &git_verdicts(&repo, &global, &walked.verdicts.keys().collect()));
        let listed = git(&repo, Some(&global), &["ls-files", "-co", "--exclude-standard", "-z"], b"");
        let listed: BTreeSet<&str> =
            std::str::from_utf8(&listed).unwrap().split('\0').filter(|path| !path.is_empty()).collect();
        prop_assert_eq!(walked.kept().into_iter().collect::<BTreeSet<_>>(), listed);
    }

    #[test]
    #[cfg_attr(windows, ignore = "needs names that Windows does not have")]
    fn ripgreps_walker_keeps_the_same_files(
        paths in paths(&["a", "b", "ab", "a.b", ".h", "c"]),
        files in plain_ignore_files(),
        kinds in prop::collection::vec(prop::sample::select(&[".gitignore", ".ignore", ".rgignore"][..]), 4),
        places in prop::collection::vec(any::<prop::sample::Index>(), 4),
        repository in prop::option::of(any::<prop::sample::Index>()),
        source in any::<prop::sample::Index>(),
        require_git in any::<bool>(),
        include_hidden in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let folders = build(dir.path(), &paths);
        for ((lines, kind), place) in files.iter().zip(&kinds).zip(&places) {
            fs::write(place.get(&folders).join(kind), lines.join("\n")).unwrap();
        }
        if let Some(repository) = repository {
            let info = repository.get(&folders).join(".git/info");
            fs::create_dir_all(&info).unwrap();
            fs::write(info.join("exclude"), files[0].join("\n")).unwrap();
        }
        let source = source.get(&folders);
        let mut builder = ignore::WalkBuilder::new(source);
        builder.git_global(false).hidden(!include_hidden).require_git(require_git).add_custom_ignore_filename(".rgignore");
        builder.filter_entry(|entry| entry.file_name() != ".git");
        let entries = builder.build().map(std::result::Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
        let expected: BTreeSet<String> = entries
            .map(|entry| entry.path().strip_prefix(source).unwrap().to_str().unwrap().to_owned())
            .collect();
        let walked = walk(source, &FilterOptions { include_hidden, require_git, ..options() });
        let kept: BTreeSet<String> = walked.kept().into_iter().map(str::to_owned).collect();
        prop_assert_eq!(kept, expected);
    }
}
