use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that stands in the document, in the environment (`env:NAME`) or a file (`file:PATH`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Setting {
    /// The value itself.
    Literal(String),
    /// The name of an environment variable.
    Env(String),
    /// The path of a file.
    File(String),
}

/// Where a secret is kept: in the environment or in a file, never in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum SecretReference {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file.
    File(String),
}

impl TryFrom<String> for Setting {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.strip_prefix("env:"), text.strip_prefix("file:")) {
            (Some(name), _) => variable(name).map(Self::Env),
            (None, Some(path)) => file(path).map(Self::File),
            (None, None) if text.is_empty() => Err("a setting must not be empty".to_owned()),
            (None, None) => Ok(Self::Literal(text)),
        }
    }
}

impl TryFrom<String> for SecretReference {
    type Error = String;

    /// The refusal does not repeat the text: it may be the secret.
    fn try_from(text: String) -> Result<Self, String> {
        match (text.strip_prefix("env:"), text.strip_prefix("file:")) {
            (Some(name), _) => variable(name).map(Self::Env),
            (None, Some(path)) => file(path).map(Self::File),
            (None, None) => {
                Err("a secret never stands in a document; write env:NAME or file:PATH \
                                 to say where it is kept"
                    .to_owned())
            }
        }
    }
}

fn variable(name: &str) -> Result<String, String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(letters) {
        return Err("env: must be followed by the name of an environment variable".to_owned());
    }
    Ok(name.to_owned())
}

fn file(path: &str) -> Result<String, String> {
    if path.is_empty() {
        return Err("file: must be followed by a path".to_owned());
    }
    Ok(path.to_owned())
}

impl From<Setting> for String {
    fn from(setting: Setting) -> Self {
        setting.to_string()
    }
}

impl From<SecretReference> for String {
    fn from(reference: SecretReference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}
