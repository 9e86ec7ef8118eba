//! Secrets of connectors: held by reference in documents, by value only in memory.

use std::{env, fmt, fs, io};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a reference leads to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// It begins with neither `env:` nor `file:`.
    #[error("a secret is referred to by env:NAME or file:PATH")]
    Form,
    /// The variable is not set, or holds nothing.
    #[error("the environment variable {name} is not set")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("read {path}")]
    File {
        /// Where it should be.
        path: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The file is empty.
    #[error("{path} is empty")]
    Empty {
        /// Where it is.
        path: String,
    },
}

/// Reads what `env:NAME` or `file:PATH` refers to, without the white space around it.
pub fn resolve(reference: &str) -> Result<Secret, ReferenceError> {
    if let Some(name) = reference.strip_prefix("env:") {
        let text = env::var(name).unwrap_or_default();
        return held(&text).ok_or_else(|| ReferenceError::Variable { name: name.to_owned() });
    }
    let path = reference.strip_prefix("file:").ok_or(ReferenceError::Form)?;
    let text = fs::read_to_string(path)
        .map_err(|source| ReferenceError::File { path: path.to_owned(), source })?;
    held(&text).ok_or_else(|| ReferenceError::Empty { path: path.to_owned() })
}

fn held(text: &str) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::new("s3cret".to_owned())), "Secret(..)");
    }

    #[test]
    fn a_file_gives_its_text_without_the_newline_at_its_end() {
        let path = env::temp_dir().join(format!("tenure-secret-{}", std::process::id()));
        fs::write(&path, "s3cret\n").unwrap();

        let secret = resolve(&format!("file:{}", path.display())).unwrap();
        fs::remove_file(path).unwrap();

        assert_eq!(secret.expose(), "s3cret");
    }

    #[test]
    fn what_is_written_out_is_no_reference() {
        assert!(matches!(resolve("s3cret"), Err(ReferenceError::Form)));
        assert!(matches!(
            resolve("env:TENURE_NO_SUCH_VARIABLE"),
            Err(ReferenceError::Variable { .. })
        ));
    }
}
