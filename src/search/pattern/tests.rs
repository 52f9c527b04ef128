use super::*;

fn compile(patterns: &[&str], change: impl Fn(&mut PatternOptions)) -> Result<Patterns> {
    let mut options =
        PatternOptions { patterns: patterns.iter().map(|&p| p.to_owned()).collect(), ..PatternOptions::default() };
    change(&mut options);
    Patterns::compile(&options)
}

fn message(patterns: &[&str]) -> (ErrorKind, String) {
    let error = compile(patterns, |_| {}).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn errors_name_the_pattern_and_the_way_out() {
    assert_eq!(message(&[]).0, ErrorKind::Argument);
    let (kind, text) = message(&["fine", "a(b"]);
    assert_eq!(kind, ErrorKind::Pattern);
    assert!(text.contains("`a(b`") && text.contains("unclosed group") && !text.contains("(?:"), "{text}");
    let (kind, text) = message(&["a\\nb"]);
    assert_eq!(kind, ErrorKind::Pattern);
    assert!(text.contains("multiline"), "{text}");
    let (kind, text) = message(&["(a{1,1000}){1,1000}"]);
    assert_eq!(kind, ErrorKind::Pattern);
    assert!(text.contains("larger than 32 MiB"), "{text}");
    assert!(message(&[&"(".repeat(1000)]).1.chars().count() < 4000);
    assert!(compile(&["a\\nb"], |options| options.multiline = true).is_ok());
    assert!(compile(&["a\nb"], |options| options.fixed_strings = true).is_err());
    assert!(compile(&["a(b"], |options| options.fixed_strings = true).is_ok());
}

#[test]
fn smart_case_is_decided_for_each_pattern() {
    let smart = |source: &str| is_insensitive_by_smart_case(source, false);
    assert!(smart("foo") && smart(r"x\p{Lu}") && smart("[a-z]") && smart(r"\Sx"));
    assert!(!smart("Bar") && !smart(r"\S") && !smart("[A-Z]x") && !smart(r"a\x41") && !smart(""));
    let both = compile(&["foo", "Bar"], |options| options.case = CaseMatching::Smart).unwrap();
    assert!(both.is_match(b"FOO") && both.is_match(b"Bar") && !both.is_match(b"bar"));
    let plain = |options: &mut PatternOptions| {
        options.case = CaseMatching::Smart;
        options.fixed_strings = true;
    };
    let both = compile(&["f.o", "B("], plain).unwrap();
    assert!(both.is_match(b"F.O") && both.is_match(b"B(") && !both.is_match(b"b(") && !both.is_match(b"fxo"));
}

#[test]
fn capture_groups_keep_their_place() {
    let patterns = compile(&[r"(?<year>\d+)-(\d+)(?:x)(?P<day>\d)?", "plain", "(a){0}(?<b>c)"], |_| {}).unwrap();
    assert_eq!(patterns.capture_names(0), [Some("year".to_owned()), None, Some("day".to_owned())]);
    assert!(patterns.capture_names(1).is_empty() && patterns.capture_names(9).is_empty());
    assert_eq!(patterns.capture_names(2).last(), Some(&Some("b".to_owned())));
}

#[test]
fn the_method_follows_the_anchors() {
    let method = |source: &str| compile(&[source], |_| {}).unwrap().method();
    assert_eq!(method(r"^foo\b$"), Method::Block);
    assert_eq!(method(r"foo|\Abar"), Method::EveryLine);
    assert_eq!(method(r"foo\z"), Method::EveryLine);
    assert_eq!(method(r"(?-m)foo$"), Method::EveryLine);
    assert_eq!(method(r"(?R)foo$"), Method::Line);
    assert_eq!(method(r"(?R)foo"), Method::Block);
}
