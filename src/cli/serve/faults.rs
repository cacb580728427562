//! Errors of a configuration, as messages.

use crate::cli::serve::file::SettingLines;
use crate::cloakroom::StartError;
use crate::config::Route;

/// Formats errors with the lines of the settings. Leaves out those that follow from an error of the file.
pub(super) fn messages(
    errors: Vec<StartError>,
    lines: &SettingLines,
    routes: &[Route],
) -> Vec<String> {
    let message = |error| match error {
        StartError::Route(fault) => {
            let route = routes.get(fault.route);
            let follows = route.is_some_and(|route| lines.is_consequence(&fault, route));
            (!follows).then(|| lines.route_error(&fault))
        }
        StartError::Root { ref path, .. } => Some(lines.root_error(path, &error)),
        other => Some(other.to_string()),
    };
    errors.into_iter().filter_map(message).collect()
}
