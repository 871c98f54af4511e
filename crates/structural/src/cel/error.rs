//! Why an expression does not compile, and why one fails when it runs.

/// What is wrong with an expression, drawn as upstream draws it: the place, the line, an arrow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(String);

impl CompileError {
    /// Something wrong at a place, counted in characters.
    pub(crate) fn at(source: &str, at: usize, message: impl AsRef<str>) -> Self {
        let before: String = source.chars().take(at).collect();
        let line = before.matches('\n').count();
        let column = before.chars().rev().take_while(|it| *it != '\n').count();
        let text = source.lines().nth(line).unwrap_or_default();
        let arrow = format!("{}^", ".".repeat(column));
        Self(format!(
            "ERROR: <input>:{}:{}: {}\n | {text}\n | {arrow}",
            line + 1,
            column + 1,
            message.as_ref()
        ))
    }

    /// Something wrong with the expression as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Why an evaluation gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// It cost more than it may.
    #[error("operation cancelled: actual cost limit exceeded")]
    Budget,
    /// Something is not there, does not fit, overflows.
    #[error("{0}")]
    Failed(String),
}

impl EvalError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(crate) fn no_such_key(key: impl std::fmt::Display) -> Self {
        Self::Failed(format!("no such key: {key}"))
    }

    pub(crate) fn no_such_overload() -> Self {
        Self::Failed("no such overload".to_owned())
    }
}
