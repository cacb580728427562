//! How much is logged, and in which format.

use clap::ValueEnum;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::cli::{EXIT_USAGE, Failure};

/// The variable that sets the filter of every command.
const FILTER_VARIABLE: &str = "CLOAKROOM_LOG";

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LogFormat {
    Text,
    Json,
}

/// How much is logged, and in which format.
pub(in crate::cli) struct LogSettings {
    pub(in crate::cli) filter: Targets,
    pub(in crate::cli) format: LogFormat,
}

impl LogSettings {
    /// The settings of commands without flags for the log: errors as text, or what `CLOAKROOM_LOG` says.
    ///
    /// # Errors
    /// `CLOAKROOM_LOG` is invalid.
    pub(in crate::cli) fn of_environment() -> Result<Self, Failure> {
        let variable = std::env::var(FILTER_VARIABLE).unwrap_or_default();
        let filter = if variable.is_empty() {
            Targets::new().with_default(LevelFilter::ERROR)
        } else {
            parse_filter(&variable).map_err(|expected| {
                let message = format!("{FILTER_VARIABLE}: invalid value {variable:?}: {expected}");
                Failure::new(EXIT_USAGE, message)
            })?
        };
        let format = LogFormat::Text;
        Ok(Self { filter, format })
    }
}

/// Parses a filter.
///
/// # Errors
/// The text is no filter.
pub(in crate::cli) fn parse_filter(text: &str) -> Result<Targets, String> {
    // `Targets` takes a word that is no level for a target at level trace, and logs nothing else.
    // An empty word would be a level, too.
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_plain = |part: &str| part.contains('=') || is_level(part);
    let parsed = text.parse().ok();
    parsed
        .filter(|_| text.split(',').all(is_plain))
        .ok_or_else(|| {
            "expected a level (off, error, warn, info, debug, trace) or levels by module like \"info,hyper=debug\""
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_is_a_level_or_levels_by_module() {
        for text in ["off", "info", "DEBUG", "info,hyper=debug", "hyper=debug"] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
        for text in ["", "loud", "hyper", "info,hyper", "hyper=loud", "info,"] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
    }
}
