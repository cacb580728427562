//! Whether output has colors.

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;

/// The value of `--color`, set once when the arguments are parsed.
static CHOICE: OnceLock<ColorChoice> = OnceLock::new();

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ColorChoice {
    /// On a terminal, unless the environment variable `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Makes this the choice for the process.
    pub(in crate::cli) fn apply(self) {
        // The arguments are parsed once.
        let _ = CHOICE.set(self);
    }
}

/// Whether standard output has colors.
pub(in crate::cli) fn stdout_has_colors() -> bool {
    has_colors(std::io::stdout().is_terminal())
}

/// Whether standard error has colors.
pub(in crate::cli) fn stderr_has_colors() -> bool {
    has_colors(std::io::stderr().is_terminal())
}

fn has_colors(is_terminal: bool) -> bool {
    match CHOICE.get() {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        Some(ColorChoice::Auto) | None => {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            is_terminal && !is_set("NO_COLOR") && !is_dumb
        }
    }
}
