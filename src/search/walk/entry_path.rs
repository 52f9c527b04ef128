//! The path of an entry in three pieces: the source's own spelling, the folders below it, and the name.

/// The path of an entry, as the walk holds it.
#[derive(Debug, Clone, Copy)]
pub struct EntryPath<'a> {
    /// The folder as shown, with its final `/`, or nothing.
    pub folder: &'a [u8],
    /// How many bytes of `folder` are the source's own spelling; what follows is relative to the source.
    pub source_bytes: usize,
    /// The last component.
    pub name: &'a [u8],
    /// Whether `folder` is UTF-8: asked once a folder, because it is long and has many entries.
    pub folder_is_text: bool,
}

impl<'a> EntryPath<'a> {
    /// The whole path.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.folder, self.name].concat()
    }

    /// The path from its source.
    #[must_use]
    pub fn relative(&self) -> Vec<u8> {
        [&self.folder[self.source_bytes..], self.name].concat()
    }

    /// The extension of the name, without its dot.
    #[must_use]
    pub fn extension(&self) -> Option<&'a [u8]> {
        match memchr::memrchr(b'.', self.name) {
            Some(dot) if dot > 0 && dot + 1 < self.name.len() => Some(&self.name[dot + 1..]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_what_follows_the_last_inner_dot() {
        let of = |name: &str| {
            let path = EntryPath { folder: b"", source_bytes: 0, name: name.as_bytes(), folder_is_text: true };
            path.extension().map(|extension| String::from_utf8_lossy(extension).into_owned())
        };
        assert_eq!(of("a.txt"), Some("txt".into()));
        assert_eq!(of("a.tar.gz"), Some("gz".into()));
        assert_eq!(of(".bashrc"), None);
        assert_eq!(of("a."), None);
        assert_eq!(of("Makefile"), None);
        assert_eq!(of(".a.b"), Some("b".into()));
    }
}
