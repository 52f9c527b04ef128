//! The cells of a Jupyter notebook (nbformat 4, and 3 by its worksheets).

use serde::Deserialize;

use super::language::Language;

/// A larger notebook is chunked as the JSON that it is.
pub const MOST_BYTES: usize = 64 << 20;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What was written into it.
    pub text: String,
    /// Its language.
    pub language: Option<Language>,
}

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<RawCell>,
    #[serde(default)]
    worksheets: Vec<Worksheet>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<RawCell>,
}

#[derive(Deserialize)]
struct RawCell {
    cell_type: String,
    #[serde(alias = "input", default)]
    source: Source,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Whole(String),
    Lines(Vec<String>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    language_info: Named,
    kernelspec: Kernel,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kernel {
    language: Option<String>,
}

/// The cells of a notebook that hold text, in their order; nothing if this is none.
#[must_use]
pub fn cells(content: &str) -> Option<Vec<Cell>> {
    let notebook: Notebook = serde_json::from_str(content).ok()?;
    let named = notebook.metadata.language_info.name.or(notebook.metadata.kernelspec.language);
    // Notebooks of format 3 do not say it.
    let code = named.map_or(Some(Language::Python), |name| Language::of_kernel(&name));
    let cells = notebook.cells.into_iter().chain(notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells));
    let cell = |raw: RawCell| {
        let text = match raw.source {
            Source::Whole(text) => text,
            Source::Lines(lines) => lines.concat(),
        };
        let language = match raw.cell_type.as_str() {
            "code" => code,
            "markdown" => Some(Language::Markdown),
            _ => None,
        };
        Cell { text, language }
    };
    Some(cells.map(cell).filter(|cell| !cell.text.trim().is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_both_formats() {
        let four = r#"{"cells": [{"cell_type": "markdown", "source": ["a\n", "b"]},
            {"cell_type": "code", "source": "x = 1", "outputs": [{"data": {"image/png": "AAAA"}}]},
            {"cell_type": "raw", "source": " "}],
            "metadata": {"kernelspec": {"language": "rust"}}, "nbformat": 4}"#;
        let markdown = Cell { text: "a\nb".to_owned(), language: Some(Language::Markdown) };
        let code = |language| Cell { text: "x = 1".to_owned(), language };
        assert_eq!(cells(four), Some(vec![markdown, code(Some(Language::Rust))]));
        let three = r#"{"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}], "nbformat": 3}"#;
        assert_eq!(cells(three), Some(vec![code(Some(Language::Python))]));
        assert_eq!(cells("{\"cells\": 3}"), None);
        assert_eq!(cells("not json"), None);
    }
}
