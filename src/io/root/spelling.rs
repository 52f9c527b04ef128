//! How paths are spelled: where they start, what their components are, and one spelling for each.
//!
//! Tables show `/` on every system. On Windows a path may start at a drive (`C:/`), at a share (`//server/share/`), at
//! the top of the current drive (`/`), or in the current folder of some drive (`C:`); a caller may write `\`, and the
//! `\\?\` that long paths have there. All of that is decided here, without asking the system, for either family of
//! systems on both.

/// A family of systems that spell paths alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One tree, whose top is `/`; any byte but `/` and NUL may stand in a name.
    Posix,
    /// Drives and shares, `\` beside `/`, and names that are devices.
    Windows,
}

/// The style of the system that this runs on.
pub const NATIVE: Style = if cfg!(windows) { Style::Windows } else { Style::Posix };

/// Names that Windows takes for devices, with any extension, in any folder.
const DEVICES: [&[u8]; 6] = [b"CON", b"PRN", b"AUX", b"NUL", b"CONIN$", b"CONOUT$"];

impl Style {
    /// How many bytes of a normalised path say where it starts.
    #[must_use]
    pub fn root_bytes(self, path: &[u8]) -> usize {
        match (self, path) {
            (Self::Windows, [drive, b':', b'/', ..]) if drive.is_ascii_alphabetic() => 3,
            (Self::Windows, [drive, b':', ..]) if drive.is_ascii_alphabetic() => 2,
            (Self::Windows, [b'/', b'/', server, ..]) if *server != b'/' => {
                let after = |from: usize| memchr::memchr(b'/', &path[from..]).map_or(path.len(), |at| from + at + 1);
                after(after(2))
            }
            (_, [b'/', ..]) => 1,
            _ => 0,
        }
    }

    /// Whether a path names the same, wherever the process stands.
    #[must_use]
    pub fn is_absolute(self, path: &[u8]) -> bool {
        match self {
            Self::Posix => path.first() == Some(&b'/'),
            // `/x` lies on the current drive, and `C:x` in the current folder of a drive.
            Self::Windows => self.root_bytes(path) > 2,
        }
    }

    /// A path without `.` components, doubled or trailing slashes; `.` for the current folder.
    #[must_use]
    pub fn normalised(self, path: &[u8]) -> Vec<u8> {
        let turned_path;
        let path = match self {
            Self::Posix => path,
            Self::Windows => {
                turned_path = turned(path);
                &turned_path
            }
        };
        let (root, rest) = path.split_at(self.root_bytes(path));
        let parts: Vec<&[u8]> =
            rest.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        let mut normalised = root.to_vec();
        if self == Self::Windows && root.len() > 3 && !root.ends_with(b"/") {
            normalised.push(b'/');
        }
        normalised.extend_from_slice(&parts.join(b"/".as_slice()));
        if normalised.is_empty() { b".".to_vec() } else { normalised }
    }

    /// Why no entry can be opened or described by this path: Windows would take it for something else.
    #[must_use]
    pub fn refusal(self, path: &[u8]) -> Option<String> {
        if self == Self::Posix {
            return None;
        }
        let path = turned(path);
        // What is a file there has been spelled by its drive or share when it was turned.
        if path.starts_with(b"//./") || (path.starts_with(b"//?/") && !is_volume(&path)) {
            return Some("it names a device of Windows, not a file".to_owned());
        }
        path[self.root_bytes(&path)..].split(|byte| *byte == b'/').find_map(|name| {
            let why = why_no_name(name)?;
            Some(format!("'{}' {why}", String::from_utf8_lossy(name)))
        })
    }

    /// What follows `root` in `path`, if it lies below it; nothing, if it is it. `.` components and doubled slashes say
    /// nothing, and what follows is left as it is spelled.
    #[must_use]
    pub fn below<'p>(self, root: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
        // Whoever is let in by this is still kept inside by the system.
        let same =
            |one: &[u8], other: &[u8]| one == other || (self == Self::Windows && one.eq_ignore_ascii_case(other));
        let (root_start, folders) = root.split_at(self.root_bytes(root));
        let (path_start, mut rest) = path.split_at(self.root_bytes(path));
        let starts_alike = same(without_slash(root_start), without_slash(path_start));
        if !starts_alike || self.is_absolute(root) != self.is_absolute(path) {
            return None;
        }
        for folder in folders.split(|byte| *byte == b'/').filter(|folder| !says_nothing(folder)) {
            let (name, behind) = split_first(rest);
            if !same(folder, name) {
                return None;
            }
            rest = behind;
        }
        Some(from_first_name(rest))
    }
}

/// Whether a component names nothing but the folder that it stands in.
fn says_nothing(component: &[u8]) -> bool {
    matches!(component, b"" | b".")
}

fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

/// A path from its first component on that names something.
fn from_first_name(mut path: &[u8]) -> &[u8] {
    while !path.is_empty() {
        let end = memchr::memchr(b'/', path).unwrap_or(path.len());
        if !says_nothing(&path[..end]) {
            break;
        }
        path = path.get(end + 1..).unwrap_or_default();
    }
    path
}

/// The first component that names something, and what follows its slash.
fn split_first(path: &[u8]) -> (&[u8], &[u8]) {
    let path = from_first_name(path);
    let end = memchr::memchr(b'/', path).unwrap_or(path.len());
    (&path[..end], path.get(end + 1..).unwrap_or_default())
}

/// The share's place is taken by a volume that has no letter.
fn is_volume(path: &[u8]) -> bool {
    path.len() > 11 && path[4..11].eq_ignore_ascii_case(b"Volume{")
}

/// A path of Windows with `/` for `\`, without the `\\?\` that long ones have, its drive in upper case.
#[must_use]
pub fn turned(path: &[u8]) -> Vec<u8> {
    let mut path: Vec<u8> = path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    if let Some(rest) = path.strip_prefix(b"//?/") {
        match rest {
            [drive, b':', b'/', ..] if drive.is_ascii_alphabetic() => _ = path.drain(..4),
            [drive, b':'] if drive.is_ascii_alphabetic() => {
                path.drain(..4);
                path.push(b'/');
            }
            _ if rest.len() > 4 && rest[..4].eq_ignore_ascii_case(b"UNC/") => _ = path.drain(2..8),
            _ => {}
        }
    }
    if let [drive, b':', ..] = path.as_mut_slice() {
        drive.make_ascii_uppercase();
    }
    path
}

/// Why Windows takes a name for something else than an entry of this name.
fn why_no_name(name: &[u8]) -> Option<&'static str> {
    if name == b"." || name == b".." {
        return None;
    }
    if name.contains(&b':') {
        return Some("names an alternate data stream, which is no file of its own; leave away the colon and the rest");
    }
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or(name).trim_ascii_end();
    // Ports are numbered in ASCII, or by the three superscripts of Latin-1.
    let is_port = |number: &[u8]| {
        matches!(number, [b'0'..=b'9']) || ["\u{b9}", "\u{b2}", "\u{b3}"].iter().any(|digit| digit.as_bytes() == number)
    };
    let is_numbered = stem.len() > 3
        && (stem[..3].eq_ignore_ascii_case(b"COM") || stem[..3].eq_ignore_ascii_case(b"LPT"))
        && is_port(&stem[3..]);
    if is_numbered || DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return Some("is a device of Windows in every folder, and with every extension; it is never opened");
    }
    matches!(name.last(), Some(b'.' | b' ')).then_some("ends in a dot or a space, which Windows leaves away")
}

/// A path without `.` components, doubled or trailing slashes; `.` for the current folder. On Windows `\` is `/`.
#[must_use]
pub fn normalised(path: &[u8]) -> Vec<u8> {
    NATIVE.normalised(path)
}

/// Whether a path names the same, wherever the process stands.
#[must_use]
pub fn is_absolute(path: &[u8]) -> bool {
    NATIVE.is_absolute(path)
}

/// How many bytes of a normalised path say where it starts.
#[must_use]
pub fn root_bytes(path: &[u8]) -> usize {
    NATIVE.root_bytes(path)
}

/// The path of a folder as the front of what lies in it: nothing for the current folder.
#[must_use]
pub fn as_prefix(folder: &[u8]) -> Vec<u8> {
    match folder {
        b"." => Vec::new(),
        _ if folder.ends_with(b"/") || root_bytes(folder) == folder.len() => folder.to_vec(),
        _ => [folder, b"/"].concat(),
    }
}

/// The folder of which this is the prefix; nothing for the current one.
#[must_use]
pub fn of_prefix(prefix: &[u8]) -> &[u8] {
    if root_bytes(prefix) == prefix.len() { prefix } else { prefix.strip_suffix(b"/").unwrap_or(prefix) }
}

/// The folder of a path and its last component.
#[must_use]
pub fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    let root = root_bytes(path);
    match memchr::memrchr(b'/', &path[root..]) {
        Some(slash) => (&path[..root + slash], &path[root + slash + 1..]),
        None if root > 0 => path.split_at(root),
        None => (b".", path),
    }
}

#[cfg(test)]
mod tests;
