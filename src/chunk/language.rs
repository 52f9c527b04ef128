//! The language of a file: by its name, else by the interpreter that its first line names.

/// The languages that are told apart; each has its word in the `language` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Shell scripts.
    Bash,
    /// C, and headers that may be either.
    C,
    /// C++.
    Cpp,
    /// Go.
    Go,
    /// Java.
    Java,
    /// JavaScript, with JSX.
    JavaScript,
    /// JSON.
    Json,
    /// Markdown.
    Markdown,
    /// Jupyter notebooks, whose cells have languages of their own.
    Notebook,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// TOML.
    Toml,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// YAML.
    Yaml,
}

/// The extensions of each language, in lower case.
const EXTENSIONS: &[(Language, &[&str])] = &[
    (Language::Bash, &["sh", "bash", "zsh", "ksh", "bats"]),
    (Language::C, &["c", "h"]),
    (Language::Cpp, &["cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "cu", "cuh", "ino"]),
    (Language::Go, &["go"]),
    (Language::Java, &["java"]),
    (Language::JavaScript, &["js", "jsx", "mjs", "cjs"]),
    (Language::Json, &["json", "jsonl", "ndjson", "geojson"]),
    (Language::Markdown, &["md", "markdown", "mdown", "mkd", "mdx", "qmd", "rmd"]),
    (Language::Notebook, &["ipynb"]),
    (Language::Python, &["py", "pyi", "pyw"]),
    (Language::Rust, &["rs"]),
    (Language::Toml, &["toml"]),
    (Language::TypeScript, &["ts", "mts", "cts"]),
    (Language::Tsx, &["tsx"]),
    (Language::Yaml, &["yaml", "yml"]),
];

/// Names that say more than their extension.
const NAMES: &[(Language, &[&str])] = &[
    (Language::Bash, &[".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", "PKGBUILD"]),
    (Language::Toml, &["Cargo.lock", "poetry.lock", "uv.lock", "Pipfile"]),
];

/// The interpreters of scripts.
const INTERPRETERS: &[(Language, &[&str])] = &[
    (Language::Bash, &["sh", "bash", "zsh", "ksh", "dash"]),
    (Language::JavaScript, &["node"]),
    (Language::Python, &["python", "python2", "python3", "pypy3"]),
];

fn find(table: &[(Language, &[&str])], word: &str) -> Option<Language> {
    table.iter().find(|(_, words)| words.contains(&word)).map(|(language, _)| *language)
}

impl Language {
    /// The language of a file of this name that begins with `head`.
    #[must_use]
    pub fn of_file(name: &[u8], head: &[u8]) -> Option<Self> {
        let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
        let name = String::from_utf8_lossy(name);
        if let Some(language) = find(NAMES, &name) {
            return Some(language);
        }
        match name.trim_start_matches('.').rsplit_once('.') {
            Some((_, extension)) => find(EXTENSIONS, &extension.to_ascii_lowercase()),
            None => Self::of_interpreter(head),
        }
    }

    /// The language of a script whose first line names its interpreter.
    fn of_interpreter(head: &[u8]) -> Option<Self> {
        let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
        let program = words.next()?;
        let program = if program == "env" { words.find(|word| !word.starts_with('-'))? } else { program };
        find(INTERPRETERS, program).or_else(|| find(INTERPRETERS, program.split('.').next().unwrap_or(program)))
    }

    /// The language that a notebook's kernel names.
    #[must_use]
    pub fn of_kernel(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "python" | "ipython" => Self::Python,
            "bash" => Self::Bash,
            "rust" => Self::Rust,
            "javascript" => Self::JavaScript,
            "typescript" => Self::TypeScript,
            "go" => Self::Go,
            "java" => Self::Java,
            "c" => Self::C,
            "c++" | "cpp" | "c++17" | "c++20" => Self::Cpp,
            _ => return None,
        })
    }

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Go => "go",
            Self::Java => "java",
            Self::JavaScript => "javascript",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Notebook => "notebook",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Toml => "toml",
            Self::TypeScript => "typescript",
            Self::Tsx => "tsx",
            Self::Yaml => "yaml",
        }
    }

    /// Whether it is split by its syntax.
    #[must_use]
    pub fn is_code(self) -> bool {
        self.grammar().is_some()
    }

    /// Its grammar, if it is split by one.
    pub(super) fn grammar(self) -> Option<tree_sitter::Language> {
        Some(match self {
            Self::Bash => tree_sitter_bash::LANGUAGE.into(),
            Self::C => tree_sitter_c::LANGUAGE.into(),
            Self::Cpp => tree_sitter_cpp::LANGUAGE.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Json | Self::Markdown | Self::Notebook | Self::Toml | Self::Yaml => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_interpreters() {
        let of = |name: &str, head: &str| Language::of_file(name.as_bytes(), head.as_bytes()).map(Language::as_str);
        assert_eq!(of("a/b.PY", ""), Some("python"));
        assert_eq!(of("Cargo.lock", ""), Some("toml"));
        assert_eq!(of(".bashrc", ""), Some("bash"));
        assert_eq!(of("run", "#!/usr/bin/env -S python3.11 -u\n"), Some("python"));
        assert_eq!(of("run", "#!/bin/sh\n"), Some("bash"));
        assert_eq!(of("run", "plain"), None);
        assert_eq!(of("run.unknown", "#!/bin/sh\n"), None);
        assert_eq!(of(".gitignore", ""), None);
    }

    #[test]
    fn every_grammar_is_one_that_the_parser_takes() {
        for (language, _) in EXTENSIONS {
            if let Some(grammar) = language.grammar() {
                assert!(tree_sitter::Parser::new().set_language(&grammar).is_ok(), "{language:?}");
            }
        }
    }
}
