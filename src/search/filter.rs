//! Which entries of a walk are kept: globs, file types, ignore files, and whether a name is hidden.
//!
//! A [`Filter`] is compiled once and shared by all workers of a walk. The walk asks it for the rules of each folder as it
//! enters it, and for a verdict on each entry; what a verdict leads to (a row, a ledger entry, nothing) is the walk's
//! affair, and so is pruning `.git`. Globs stand in `glob.rs`, lists of them in `rules.rs`, reading of ignore files in
//! `ignore_files.rs`, and their precedence in `folder_rules.rs`.

use std::sync::Arc;

use ignore::types::{Types, TypesBuilder};

use super::braces;
use super::folder_rules::{FolderRules, Kind, Lists, Node, Place, RuleRef, Said};
use super::ignore_files::{GlobalExcludes, Links, Problem, Reader, join};
use super::rules::{MAX_FILE, MAX_RULES, RuleList};
use crate::error::{Error, ErrorKind, Result};
use crate::io::root::path_bytes::to_path;
use crate::io::root::spelling::root_bytes;
use crate::io::root::{AsHandle, FolderUse, HandleRef, open_folder, working_folder};

/// What a walk keeps. The default is ripgrep's.
#[derive(Debug, Clone, PartialEq, Eq)]
// Each is a switch of its own, documented where it stands and named as in every face.
#[allow(clippy::struct_excessive_bools)]
pub struct FilterOptions {
    /// Keep only files that one of these globs matches, or that lie below a folder that one matches. The globs follow
    /// gitignore's rules; braces are alternatives. A glob that begins with `!` takes out what an earlier one took in; if
    /// all do, they take out of everything. The last glob that matches an entry or a folder above it decides. Never
    /// brings back what is ignored or hidden.
    pub include: Vec<String>,
    /// Leave out what these globs match, folders with all that is below them. They are read as the lines of one
    /// gitignore file in the source (but braces are alternatives): one that begins with `!` keeps what an earlier one
    /// left out, unless a folder above it is left out.
    pub exclude: Vec<String>,
    /// Keep only files of these types, by ripgrep's names; `all` is every type that has a name.
    pub types: Vec<String>,
    /// Keep names that begin with a dot.
    pub include_hidden: bool,
    /// Obey ignore files.
    pub respect_ignore: bool,
    /// Obey git's ignore files only inside a git repository, and only up to its top.
    pub require_git: bool,
    /// The walk must not leave its root: nothing above it is consulted, and ignore files that are symbolic links are
    /// not followed.
    pub confined: bool,
    /// The user's own excludes file.
    pub global_excludes: GlobalExcludes,
}

impl Default for FilterOptions {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            types: Vec::new(),
            include_hidden: false,
            respect_ignore: true,
            require_git: true,
            confined: false,
            global_excludes: GlobalExcludes::Configured,
        }
    }
}

/// Which names that matter here the listing of a folder holds, so that nothing is opened in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
// A set of five names.
#[allow(clippy::struct_excessive_bools)]
pub struct Present {
    /// `.rgignore`
    pub rgignore: bool,
    /// `.ignore`
    pub ignore: bool,
    /// `.gitignore`
    pub gitignore: bool,
    /// `.git`, folder or file
    pub git: bool,
    /// `.jj`, which ripgrep takes for a repository too
    pub jj: bool,
}

impl Present {
    /// Take note of one name of the listing; names that do not matter are passed over.
    pub fn note(&mut self, name: &[u8]) {
        match name {
            b".rgignore" => self.rgignore = true,
            b".ignore" => self.ignore = true,
            b".gitignore" => self.gitignore = true,
            b".git" => self.git = true,
            b".jj" => self.jj = true,
            _ => {}
        }
    }

    /// For a folder that was not listed: everything may be there.
    const UNKNOWN: Self = Self { rgignore: true, ignore: true, gitignore: true, git: true, jj: true };
}

/// What becomes of an entry.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// A file is kept; a folder is entered.
    Keep,
    /// `include`, `exclude` or `types` say that it is not asked for: it does not count as found.
    Unwanted,
    /// Its name begins with a dot.
    Hidden,
    /// An ignore file hides it.
    Ignored(RuleRef),
}

/// Decides which entries are kept. Compiled once a scan, shared by all workers.
#[derive(Debug)]
// The options' switches, and two answers that are computed once.
#[allow(clippy::struct_excessive_bools)]
pub struct Filter {
    include: Option<RuleList>,
    /// What `include` says of a file that no glob matches.
    include_rest: bool,
    /// Whether some `include` glob may match in any folder.
    include_anywhere: bool,
    exclude: Option<RuleList>,
    types: Option<Types>,
    include_hidden: bool,
    respect_ignore: bool,
    require_git: bool,
    confined: bool,
    global: Option<Arc<RuleList>>,
    global_problem: Option<Problem>,
}

impl Filter {
    /// Compile the options, and read the user's global excludes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Pattern`] for a glob that cannot be used, [`ErrorKind::Argument`] for an unknown type.
    pub fn new(options: &FilterOptions) -> Result<Self> {
        let include = globs("include", &options.include)?;
        let (global, global_problem) =
            if options.respect_ignore { options.global_excludes.read() } else { (None, None) };
        Ok(Self {
            include_rest: include.as_ref().is_some_and(RuleList::only_negates),
            include_anywhere: include.as_ref().is_none_or(|list| list.only_negates() || list.reaches_below(b"")),
            include,
            exclude: globs("exclude", &options.exclude)?,
            types: types(&options.types)?,
            include_hidden: options.include_hidden,
            respect_ignore: options.respect_ignore,
            require_git: options.require_git,
            confined: options.confined,
            global,
            global_problem,
        })
    }

    /// Whether only some files are asked for, so that folders are not rows.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.include.is_some() || self.types.is_some()
    }

    /// The rules from above a source: those of its parents, up to `/`. `absolute` is the canonical path of the source
    /// folder. Parents' ignore files are shown by their absolute paths. A walk of several sources may be told of the
    /// same [`Problem`] several times. If the filter is confined, nothing is above: see [`Filter::confined_rules`].
    #[must_use]
    pub fn source_rules(&self, absolute: &[u8]) -> (FolderRules, Vec<Problem>) {
        if self.confined {
            return (FolderRules::default(), self.global_problem.iter().cloned().collect());
        }
        let (top, below) = absolute.split_at(root_bytes(absolute));
        match open_folder(working_folder(), top, FolderUse::Listing, true) {
            Ok(opened) => self.rules_above(opened.as_handle(), top, below),
            Err(error) => {
                let error = Error::io("open the file system's top folder", top, error);
                (FolderRules::default(), vec![Problem { path: top.to_vec(), error }])
            }
        }
    }

    /// The same for a source inside a root that the walk must not leave: the rules of the folders from the root down to
    /// the source's parent. `source` is the path of the source in the root, free of links and of `..`; ignore files are
    /// shown by their paths in the root.
    #[must_use]
    pub fn confined_rules(&self, root: HandleRef<'_>, source: &[u8]) -> (FolderRules, Vec<Problem>) {
        self.rules_above(root, b"", source)
    }

    fn rules_above(&self, top: HandleRef<'_>, shown: &[u8], source: &[u8]) -> (FolderRules, Vec<Problem>) {
        let mut problems: Vec<Problem> = self.global_problem.iter().cloned().collect();
        let mut rules = FolderRules::default();
        let parts: Vec<&[u8]> = source.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
        if !self.respect_ignore || parts.is_empty() {
            return (rules, problems);
        }
        let source: Arc<[u8]> = parts.join(&b'/').into();
        let (mut at, mut shown, mut folder) = (0, shown.to_vec(), None);
        for (depth, part) in parts.iter().enumerate() {
            let here = folder.as_ref().map_or(top, AsHandle::as_handle);
            let place = Place::Above(Arc::clone(&source), at);
            rules = self.extend(&rules, here, &shown, place, Present::UNKNOWN, &mut problems);
            if depth + 1 == parts.len() {
                break;
            }
            at += part.len() + 1;
            shown = join(&shown, part);
            match self.reader().folder(here, part) {
                Ok(next) => folder = Some(next),
                Err(error) => {
                    let error = Error::io("look for ignore files in this folder", &shown, error);
                    problems.push(Problem { path: shown, error });
                    break;
                }
            }
        }
        (rules, problems)
    }

    /// The rules inside a folder, after it was listed. `folder` is its handle, `shown` how it is displayed (`""` for
    /// `.`), `relative` its path from the source (`""` for the source itself), `present` what its listing holds.
    #[must_use]
    pub fn enter(
        &self,
        parent: &FolderRules,
        folder: HandleRef<'_>,
        shown: &[u8],
        relative: &[u8],
        present: Present,
    ) -> (FolderRules, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut rules = if self.respect_ignore {
            let place = Place::Inside(if relative.is_empty() { 0 } else { relative.len() + 1 });
            self.extend(parent, folder, shown, place, present, &mut problems)
        } else {
            parent.clone()
        };
        if let Some(include) = &self.include
            && !relative.is_empty()
        {
            let name = relative.rsplit(|&byte| byte == b'/').next().unwrap_or(relative);
            rules.include = parent.include.max(include.last_match(relative, name, true));
        }
        (rules, problems)
    }

    /// The rules of `parent` and those that stand in `folder`.
    fn extend(
        &self,
        parent: &FolderRules,
        folder: HandleRef<'_>,
        shown: &[u8],
        place: Place,
        present: Present,
        problems: &mut Vec<Problem>,
    ) -> FolderRules {
        let reader = self.reader();
        let has_jj = || present.jj && reader.holds(folder, b".jj");
        let has_git = present.git && reader.holds(folder, b".git");
        let repository = has_git || has_jj();
        let in_repository = parent.in_repository || repository;
        // Outside of a repository there is nothing that git's own files could apply to.
        let git_files = in_repository || !self.require_git;
        let mut read = |wanted: bool, name: &[u8]| {
            if wanted { reader.rules(folder, name, join(shown, name), problems) } else { None }
        };
        let mut lists = Lists::default();
        lists[Kind::RgIgnore as usize] = read(present.rgignore, b".rgignore");
        lists[Kind::Ignore as usize] = read(present.ignore, b".ignore");
        lists[Kind::GitIgnore as usize] = read(present.gitignore && git_files, b".gitignore");
        if has_git {
            lists[Kind::Exclude as usize] = reader.exclude_rules(folder, shown, problems);
        }
        // Without a repository, the user's own rules are anchored at the source.
        if repository || (git_files && !in_repository && matches!(place, Place::Inside(0))) {
            lists[Kind::Global as usize].clone_from(&self.global);
        }
        let node = if repository || lists.iter().any(Option::is_some) {
            Some(Arc::new(Node { parent: parent.node.clone(), lists, place, repository }))
        } else {
            parent.node.clone()
        };
        FolderRules { node, in_repository, include: parent.include }
    }

    fn reader(&self) -> Reader {
        Reader { links: if self.confined { Links::Refuse } else { Links::Follow } }
    }

    /// Decide about one entry of the folder that `rules` belong to. `relative` is its path from the source, `name` the
    /// last component of it; a followed link to a folder is a folder.
    #[must_use]
    pub fn decide(&self, rules: &FolderRules, relative: &[u8], name: &[u8], is_dir: bool) -> Verdict {
        if !self.wants(rules, relative, name, is_dir) {
            return Verdict::Unwanted;
        }
        if self.respect_ignore {
            match rules.say(relative, name, is_dir, self.require_git) {
                Said::Nothing => {}
                Said::Keep => return Verdict::Keep,
                Said::Ignore(rule) => return Verdict::Ignored(rule),
            }
        }
        if !self.include_hidden && name.first() == Some(&b'.') { Verdict::Hidden } else { Verdict::Keep }
    }

    /// Whether `exclude`, `include` and `types` ask for the entry, or for anything that may lie below it.
    fn wants(&self, rules: &FolderRules, relative: &[u8], name: &[u8], is_dir: bool) -> bool {
        if let Some(exclude) = &self.exclude
            && exclude.last_match(relative, name, is_dir).is_some_and(|rule| !exclude.negates(rule))
        {
            return false;
        }
        if let Some(include) = &self.include {
            let said = rules.include.max(include.last_match(relative, name, is_dir));
            let included = said.map_or(self.include_rest, |rule| !include.negates(rule));
            if !included {
                return is_dir && (self.include_anywhere || include.reaches_below(relative));
            }
        }
        match &self.types {
            Some(types) if !is_dir => to_path(name).is_ok_and(|name| types.matched(name, false).is_whitelist()),
            _ => true,
        }
    }
}

/// A caller's globs as one list of rules, or nothing if there are none.
fn globs(argument: &str, globs: &[String]) -> Result<Option<RuleList>> {
    if globs.is_empty() {
        return Ok(None);
    }
    let bad = |glob: &str, why: &str| {
        let short: String = glob.chars().take(200).collect();
        let cut = if short.len() < glob.len() { "…" } else { "" };
        Error::new(ErrorKind::Pattern, format!("{argument}: the glob '{short}{cut}' {why}"))
    };
    let mut expanded: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for (position, glob) in (0_u32..).zip(globs) {
        // The sign stands for the whole glob, also where the glob becomes several.
        let (sign, body) = glob.strip_prefix('!').map_or(("", glob.as_str()), |body| ("!", body));
        for text in braces::expand(body).map_err(|why| bad(glob, &why))? {
            let escape = if sign.is_empty() && text.starts_with(b"!") { "\\" } else { "" };
            let one = (position, [sign.as_bytes(), escape.as_bytes(), &text].concat());
            // Each is checked alone, so that the message can name it.
            RuleList::from_globs(std::slice::from_ref(&one)).map_err(|why| bad(glob, &why))?;
            bytes += one.1.len();
            expanded.push(one);
            if expanded.len() > MAX_RULES || bytes > MAX_FILE {
                let why = format!("{argument}: more than {MAX_RULES} globs or {MAX_FILE} bytes, braces expanded");
                return Err(Error::new(ErrorKind::Pattern, why));
            }
        }
    }
    let list = RuleList::from_globs(&expanded);
    list.map(Some).map_err(|why| Error::new(ErrorKind::Pattern, format!("{argument}: {why}")))
}

/// Every name that `types` knows.
#[must_use]
pub fn type_names() -> Vec<String> {
    let mut builder = TypesBuilder::new();
    builder.add_defaults();
    builder.definitions().iter().map(|definition| definition.name().to_owned()).collect()
}

/// The matcher for file types, or nothing if none is asked for.
fn types(names: &[String]) -> Result<Option<Types>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut builder = TypesBuilder::new();
    builder.add_defaults();
    for name in names {
        builder.select(name);
    }
    builder.build().map(Some).map_err(|error| match error {
        ignore::Error::UnrecognizedFileType(name) => Error::argument(
            "types",
            &format!(
                "'{name}' is not one of ripgrep's file types, such as py, rust or md (`rg --type-list` shows all)"
            ),
        ),
        error => Error::argument("types", &error.to_string()),
    })
}

#[cfg(test)]
mod tests;
