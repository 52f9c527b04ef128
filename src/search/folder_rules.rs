//! The ignore rules in force in one folder: its own, and a link to those of the folders above it.
//!
//! Of the five kinds of ignore file the first that says anything decides: `.rgignore`, `.ignore`, `.gitignore`,
//! `.git/info/exclude`, the user's global excludes; within a kind the nearest folder does. Git's three kinds end at the
//! repository they belong to. These are ripgrep's rules (crate `ignore`, `dir.rs`), except that the user's global
//! excludes are anchored where git anchors them, at the top of the repository.
//!
//! A folder without ignore files has no node of its own, so that most folders cost nothing, and a chain is as long as
//! the ignore files above an entry are many.

use std::cell::RefCell;
use std::sync::Arc;

use super::rules::RuleList;

/// The kinds of ignore file, by precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    RgIgnore = 0,
    Ignore = 1,
    GitIgnore = 2,
    Exclude = 3,
    Global = 4,
}

impl Kind {
    const ALL: [Self; 5] = [Self::RgIgnore, Self::Ignore, Self::GitIgnore, Self::Exclude, Self::Global];
}

/// The lists of one folder, by [`Kind`].
pub(super) type Lists = [Option<Arc<RuleList>>; Kind::ALL.len()];

/// Where the folder of a node stands, so that an entry's path can be told relative to it.
#[derive(Debug)]
pub(super) enum Place {
    /// In the source: this many bytes of an entry's relative path lead to it, slash included.
    Inside(usize),
    /// Above the source: from this position on, the path of the source leads from it to the source.
    Above(Arc<[u8]>, usize),
}

/// A folder that has rules, or that is the top of a repository.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<Arc<Node>>,
    pub(super) lists: Lists,
    pub(super) place: Place,
    pub(super) repository: bool,
}

impl Drop for Node {
    /// Ten thousand nested folders may each have an ignore file: dropping their chain by recursion would overflow.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut node) = next.and_then(Arc::into_inner) {
            next = node.parent.take();
        }
    }
}

/// The rules in force in one folder. Cheap to clone: every folder below holds one.
#[derive(Debug, Clone, Default)]
pub struct FolderRules {
    pub(super) node: Option<Arc<Node>>,
    /// Whether the folder is in a repository.
    pub(super) in_repository: bool,
    /// The last `include` glob that matches this folder or one above it.
    pub(super) include: Option<u16>,
}

/// The rule that decided about an entry.
#[derive(Debug, Clone)]
pub struct RuleRef {
    list: Arc<RuleList>,
    rule: u16,
}

impl RuleRef {
    /// `<file>:<line>:<rule as written>`, as `git check-ignore -v` prints it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.list.describe(self.rule)
    }
}

/// What the ignore files say of one entry.
pub(super) enum Said {
    Nothing,
    Keep,
    Ignore(RuleRef),
}

thread_local! {
    /// An entry's path from the top of what is consulted, for rules above the source.
    static WHOLE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl FolderRules {
    /// What the ignore files say of the entry `name` of this folder, `relative` to the source. With `bounded`, git's
    /// files are not consulted beyond their repository.
    pub(super) fn say(&self, relative: &[u8], name: &[u8], is_dir: bool, bounded: bool) -> Said {
        let mut said: Option<(Kind, &Arc<RuleList>, u16)> = None;
        let (mut git, mut global) = (true, true);
        let mut whole_is_ready = false;
        let mut next = self.node.as_ref();
        while let Some(node) = next {
            for kind in Kind::ALL {
                if said.is_some_and(|(decided, ..)| kind >= decided) {
                    break;
                }
                let Some(list) = &node.lists[kind as usize] else { continue };
                if (kind >= Kind::GitIgnore && !git) || (kind == Kind::Global && !global) {
                    break;
                }
                let rule = match &node.place {
                    Place::Inside(at) => list.last_match(&relative[*at..], name, is_dir),
                    Place::Above(..) if !list.has_path_rules() => list.last_match(b"", name, is_dir),
                    Place::Above(source, at) => WHOLE.with_borrow_mut(|whole| {
                        if !whole_is_ready {
                            whole.clear();
                            whole.extend_from_slice(source);
                            whole.push(b'/');
                            whole.extend_from_slice(relative);
                            whole_is_ready = true;
                        }
                        list.last_match(&whole[*at..], name, is_dir)
                    }),
                };
                if let Some(rule) = rule {
                    said = Some((kind, list, rule));
                }
            }
            if said.is_some_and(|(kind, ..)| kind == Kind::RgIgnore) {
                break;
            }
            if node.repository {
                git &= !bounded;
                global = false;
            }
            next = node.parent.as_ref();
        }
        match said {
            None => Said::Nothing,
            Some((_, list, rule)) if list.negates(rule) => Said::Keep,
            Some((_, list, rule)) => Said::Ignore(RuleRef { list: Arc::clone(list), rule }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_chain_is_dropped_on_a_small_stack() {
        let drop_it = || {
            let mut rules = FolderRules::default();
            for _ in 0..200_000 {
                let lists = Lists::default();
                let node = Node { parent: rules.node.take(), lists, place: Place::Inside(0), repository: false };
                rules.node = Some(Arc::new(node));
            }
            let other = rules.clone();
            drop(rules);
            drop(other);
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(drop_it).unwrap().join().unwrap();
    }
}
