//! A section of the table's order: what one of many scans of the same tree takes of it.
//!
//! Sections that follow one another cover the whole order, whatever lies in it: an entry that has come since they were
//! cut falls into exactly one. So a tree is shared out by a few paths, and needs no list of its files.

use std::cmp::Ordering;

/// The entries after one path, up to another one and with it; both from the source, in the order of components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The last path before it. `None`: it begins with the first entry.
    pub after: Option<Vec<u8>>,
    /// Its last path. `None`: it ends with the last entry.
    pub until: Option<Vec<u8>>,
    /// Files stood in it when it was cut.
    pub is_populated: bool,
}

impl Section {
    /// Whether an entry stands in it.
    #[must_use]
    pub fn holds(&self, path: &[u8]) -> bool {
        self.after.as_ref().is_none_or(|after| order(after, path).is_lt())
            && self.until.as_ref().is_none_or(|until| order(path, until).is_le())
    }

    /// Whether something that lies in this folder may stand in it.
    #[must_use]
    pub fn reaches_into(&self, folder: &[u8]) -> bool {
        self.until.as_ref().is_none_or(|until| order(folder, until).is_lt())
            && self.after.as_ref().is_none_or(|after| order(after, folder).is_le() || lies_in(after, folder))
    }

    /// The next component on the way to its end from this folder, whose path ends with a slash unless it is empty; and
    /// whether that is a folder.
    #[must_use]
    pub fn expects_in(&self, folder: &[u8]) -> Option<(&[u8], bool)> {
        let rest = self.until.as_ref()?.strip_prefix(folder)?;
        let length = memchr::memchr(b'/', rest);
        Some((&rest[..length.unwrap_or(rest.len())], length.is_some())).filter(|(name, _)| !name.is_empty())
    }
}

/// The order of rows: by components, a folder before what lies in it.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.split(|byte| *byte == b'/').cmp(other.split(|byte| *byte == b'/'))
}

fn lies_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path() -> impl Strategy<Value = String> {
        proptest::collection::vec("[a!/-]{1,2}", 1..4)
            .prop_map(|parts| parts.iter().map(|part| part.replace('/', "0")).collect::<Vec<_>>().join("/"))
    }

    proptest! {
        #[test]
        fn sections_that_follow_one_another_hold_each_path_once(
            mut cuts in proptest::collection::vec(path(), 0..4), path in path()
        ) {
            cuts.sort_by(|a, b| order(a.as_bytes(), b.as_bytes()));
            let bounds: Vec<Option<Vec<u8>>> =
                std::iter::once(None).chain(cuts.into_iter().map(|cut| Some(cut.into_bytes()))).chain([None]).collect();
            let holding = bounds.windows(2).filter(|pair| {
                Section { after: pair[0].clone(), until: pair[1].clone(), is_populated: true }.holds(path.as_bytes())
            });
            prop_assert_eq!(holding.count(), 1);
        }

        #[test]
        fn the_way_to_the_end_is_expected_one_component_at_a_time(until in path()) {
            let section = Section { until: Some(until.clone().into_bytes()), ..Section::default() };
            let mut folder = String::new();
            while let Some((name, is_folder)) = section.expects_in(folder.as_bytes()) {
                folder.push_str(std::str::from_utf8(name).unwrap());
                folder.push_str(if is_folder { "/" } else { "" });
                if !is_folder {
                    break;
                }
            }
            prop_assert_eq!(folder, until);
        }

        #[test]
        fn a_section_reaches_into_each_folder_above_what_it_holds(after in path(), until in path(), path in path()) {
            let (after, until) = (Some(after.into_bytes()), Some(until.into_bytes()));
            let section = Section { after, until, is_populated: true };
            if section.holds(path.as_bytes()) {
                for (at, _) in path.match_indices('/') {
                    prop_assert!(section.reaches_into(&path.as_bytes()[..at]), "{section:?} {path}");
                }
            }
        }
    }
}
