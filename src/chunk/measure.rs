//! What the size of a chunk counts: characters, or the tokens of a given tokenizer.

use std::sync::Arc;

use text_splitter::ChunkSizer;
use tokenizers::Tokenizer;

use crate::error::{Error, ErrorKind, Result};

/// What is counted.
#[derive(Debug, Clone)]
pub enum Measure {
    /// Unicode scalar values.
    Characters,
    /// The tokens of this tokenizer, without those that it puts around a text.
    Tokens(Arc<Tokenizer>),
}

impl Measure {
    /// The tokens of the tokenizer that this `tokenizer.json` describes, as Hugging Face writes it.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if it does not parse.
    pub fn of_tokenizer(json: &[u8]) -> Result<Self> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|error| {
            let text = format!("tokenizer: expected the content of a tokenizer.json of Hugging Face: {error}");
            Error::new(ErrorKind::Argument, text)
        })?;
        // Many files ask for as many tokens as the model takes, no more and no less; here they are counted.
        let _ = tokenizer.with_truncation(None);
        tokenizer.with_padding(None);
        Ok(Self::Tokens(Arc::new(tokenizer)))
    }
}

impl Measure {
    /// Whether characters are counted.
    #[must_use]
    pub fn is_characters(&self) -> bool {
        matches!(self, Self::Characters)
    }
}

impl ChunkSizer for Measure {
    fn size(&self, text: &str) -> usize {
        match self {
            Self::Characters => text.chars().count(),
            // What a tokenizer cannot encode is no reason to lose a file.
            Self::Tokens(tokenizer) => {
                tokenizer.encode_fast(text, false).map_or_else(|_| text.chars().count(), |encoding| encoding.len())
            }
        }
    }
}
