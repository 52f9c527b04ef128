//! `{a,b}` in a glob that a caller gives: one glob becomes several without braces.
//!
//! Only arguments have braces; in ignore files they are literal, as in git. Depth and number are bounded before anything
//! is built, and depth is counted without recursion, so that no argument can overflow a stack or fill the memory.

/// How deep braces may be nested.
const MAX_DEPTH: usize = 16;
/// How many globs one glob may stand for.
const MAX_GLOBS: usize = 1_024;
/// How many bytes those globs may have together.
const MAX_BYTES: usize = 1 << 20;

/// The globs that `glob` stands for, in the order in which they are written; or what is wrong with it.
pub(super) fn expand(glob: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = glob.as_bytes();
    check(bytes)?;
    let mut at = 0;
    let globs = sequence(bytes, &mut at, 0)?;
    if globs.iter().map(Vec::len).sum::<usize>() > MAX_BYTES {
        return Err(format!("stands for globs of more than {MAX_BYTES} bytes"));
    }
    Ok(globs)
}

/// Refuse braces that do not pair up or are nested too deeply.
fn check(bytes: &[u8]) -> Result<(), String> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                return Err("closes a brace that is not open (write \\} for the character)".to_owned());
            }
            b'}' => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("nests braces deeper than {MAX_DEPTH}"));
        }
        if bytes[at] == b'[' && bracket_end(bytes, at).is_none() {
            return Err("opens a bracket that is not closed (write \\[ for the character)".to_owned());
        }
        at = skip(bytes, at);
    }
    if depth > 0 { Err("opens a brace that is not closed (write \\{ for the character)".to_owned()) } else { Ok(()) }
}

/// The position behind the element at `at`: a byte, an escaped byte, or a whole bracket expression, in which braces
/// and commas are ordinary.
fn skip(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'\\' => (at + 2).min(bytes.len()),
        b'[' => bracket_end(bytes, at).unwrap_or(at + 1),
        _ => at + 1,
    }
}

/// The position behind the bracket expression at `open`, if it is closed.
fn bracket_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    at += usize::from(matches!(bytes.get(at), Some(b'!' | b'^')));
    let mut first = true;
    loop {
        match *bytes.get(at)? {
            b']' if !first => return Some(at + 1),
            b'\\' => at += 2,
            b'[' if bytes.get(at + 1) == Some(&b':') => {
                let close = at + 2 + memchr::memchr(b']', bytes.get(at + 2..)?)?;
                at = if close > at + 2 && bytes[close - 1] == b':' { close + 1 } else { at + 1 };
            }
            _ => at += 1,
        }
        first = false;
    }
}

/// Everything up to a `,` or `}` of the enclosing brace, or the end. The recursion is as deep as the braces, which
/// `check` has bounded.
fn sequence(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut globs = vec![Vec::new()];
    while *at < bytes.len() {
        match bytes[*at] {
            b',' | b'}' if depth > 0 => break,
            b'{' => {
                let mut branches = Vec::new();
                while bytes[*at] != b'}' {
                    *at += 1;
                    branches.append(&mut sequence(bytes, at, depth + 1)?);
                    limit(branches.len())?;
                }
                *at += 1;
                limit(globs.len() * branches.len())?;
                let size = |globs: &[Vec<u8>]| globs.iter().map(Vec::len).sum::<usize>();
                if size(&globs) * branches.len() + size(&branches) * globs.len() > MAX_BYTES {
                    return Err(format!("stands for globs of more than {MAX_BYTES} bytes"));
                }
                globs =
                    globs.iter().flat_map(|head| branches.iter().map(move |tail| [&head[..], tail].concat())).collect();
            }
            _ => {
                let end = skip(bytes, *at);
                for glob in &mut globs {
                    glob.extend_from_slice(&bytes[*at..end]);
                }
                *at = end;
            }
        }
    }
    Ok(globs)
}

fn limit(globs: usize) -> Result<(), String> {
    if globs > MAX_GLOBS { Err(format!("stands for more than {MAX_GLOBS} globs")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(glob: &str) -> Vec<String> {
        expand(glob).unwrap().into_iter().map(|glob| String::from_utf8(glob).unwrap()).collect()
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(texts("*.{py,rs}"), ["*.py", "*.rs"]);
        assert_eq!(texts("{a,b{1,2}}/{x,}"), ["a/x", "a/", "b1/x", "b1/", "b2/x", "b2/"]);
        assert_eq!(texts("a,b"), ["a,b"]);
        assert_eq!(texts("{}x"), ["x"]);
    }

    #[test]
    fn escaped_and_bracketed_braces_are_characters() {
        assert_eq!(texts("\\{a,b\\}"), ["\\{a,b\\}"]);
        assert_eq!(texts("[{,}]{a,[[:digit:],]}"), ["[{,}]a", "[{,}][[:digit:],]"]);
        assert_eq!(texts("{[!]},],b}"), ["[!]},]", "b"]);
    }

    #[test]
    fn hostile_braces_are_refused_on_a_small_stack() {
        for depth in [17, 250, 13_500, 60_000] {
            let closed = "{a,".repeat(depth) + &"}".repeat(depth);
            let check = move || assert!(expand(&closed).unwrap_err().contains("deeper than 16"), "{depth}");
            std::thread::Builder::new().stack_size(256 << 10).spawn(check).unwrap().join().unwrap();
        }
        assert!(expand(&"{a,b}".repeat(11)).unwrap_err().contains("more than 1024 globs"));
        assert!(expand(&("{a,b}".repeat(10) + &"x".repeat(2_000))).unwrap_err().contains("bytes"));
        assert!(expand("{a").unwrap_err().contains("not closed"));
        assert!(expand(&"[".repeat(60_000)).unwrap_err().contains("bracket"));
        assert!(expand("a}").unwrap_err().contains("not open"));
        assert_eq!(texts(&("{".repeat(16) + "a" + &"}".repeat(16))), ["a"]);
    }
}
