//! The operations and the errors of a configuration.

use std::path::Path;
use std::sync::Arc;

use crate::cloakroom::{StartError, exposure};
use crate::config::Config;
use crate::http;
use crate::operations::{Operation, Registry};
use crate::roots::Roots;

/// The operations of a configuration, with these additional ones.
///
/// # Errors
/// [`StartError::Operation`]
pub(super) fn registry(
    config: &Config,
    operations: &[Arc<dyn Operation>],
    without_built_in: bool,
) -> Result<Registry, StartError> {
    let mut registry = if without_built_in {
        Registry::default()
    } else {
        Registry::built_in()
    };
    for operation in operations {
        registry.register(Arc::clone(operation))?;
    }
    registry.configure(config)?;
    Ok(registry)
}

/// The errors of a configuration, besides those of its operations.
pub(super) fn faults(
    config: &Config,
    has_tokens: bool,
    registry: Result<&Registry, &StartError>,
) -> Vec<StartError> {
    let exposed = exposure::check(config, has_tokens);
    let mut faults: Vec<_> = exposed
        .map_err(StartError::Exposed)
        .err()
        .into_iter()
        .collect();
    if let Ok(registry) = registry {
        let routes = http::check_routes(config, registry).into_iter();
        faults.extend(routes.map(StartError::Route));
    }
    let mut roots = config.roots.clone();
    while let Err((path, source)) = Roots::open(&roots, Path::new("")) {
        // Without the last root at this path, the next fault can be found.
        if let Some(at) = roots.iter().rposition(|root| root.path == path) {
            roots.remove(at);
        } else {
            roots.clear();
        }
        faults.push(StartError::Root { path, source });
    }
    faults
}
