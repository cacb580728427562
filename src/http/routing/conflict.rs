//! Whether the operator's own addresses go with each other and with all others.

use http::Method;

use crate::config::{Config, Dialect, Dialects};
use crate::http::dialects::custom::wire::{CustomRoute, Routes, Template};
use crate::http::routing::route;
use crate::http::routing::route::RouteError;
use crate::operations::Registry;

/// Numbers that are tried in the place of a job's: with these every address of ours is met that has digits in it.
const NUMBERS: [&str; 2] = ["0", "1"];

/// What is wrong with a route of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[[route]]: {message}")]
pub struct RouteFault {
    /// Which, from 0.
    pub route: usize,
    /// The key that is at fault.
    pub key: &'static str,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// Finds out whether the routes can be served.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(config: &Config, registry: &Registry) -> Result<(), RouteFault> {
    let routes = Routes::new(config.served_routes());
    let mut before: Vec<(usize, &CustomRoute, &str, &Template)> = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        let fault = |key: &'static str, message: String| RouteFault {
            route: number,
            key,
            message,
        };
        if registry.get(&route.operation).is_none() {
            let message = format!("there is no operation {:?}", route.operation);
            return Err(fault("operation", message));
        }
        if let Some(name) = route.field_names.repeated() {
            let message = format!("{name:?} would be two members of the same object");
            return Err(fault("words", message));
        }
        for (key, address) in route.templates() {
            let own = format!("{key} = {:?}", address.text());
            if let Some(whose) = owner(address, &config.dialects) {
                let message = format!("{own} clashes with an address of {whose}");
                return Err(fault(key, message));
            }
            let other = before.iter().find(|(.., other)| address.overlaps(other));
            if let Some((at, of, other_key, other)) = other {
                let whose = if *at == number {
                    "the same route".to_owned()
                } else {
                    format!("the route of {:?}", of.operation)
                };
                let message = format!(
                    "{own} clashes with {other_key} = {:?} of {whose}",
                    other.text()
                );
                return Err(fault(key, message));
            }
            before.push((number, route, key, address));
        }
    }
    Ok(())
}

/// Whose an address is already.
fn owner(address: &Template, served: &Dialects) -> Option<String> {
    let mut paths = NUMBERS.map(|number| address.fill(number)).into_iter();
    paths.find_map(|path| {
        // Nobody may ask there without a token, nor be led there, unless the address is ours.
        let is_ours = route::is_open(&path) || route::is_page(&path);
        if is_ours || is_mounted(&path, &Dialects::none()) {
            return Some("Cloakroom's own".to_owned());
        }
        let served = Dialect::ALL.iter().filter(|(_, one)| served.has(*one));
        let mut owners = served.filter(|(_, dialect)| is_mounted(&path, &Dialects::only(*dialect)));
        let (name, _) = owners.next()?;
        Some(format!("the dialect {name:?}"))
    })
}

/// Whether something is at an address, for whichever method.
fn is_mounted(path: &str, dialects: &Dialects) -> bool {
    route::route(&Method::OPTIONS, path, dialects) != Err(RouteError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FieldNames, Route};

    fn check_all(routes: &[[&str; 4]], dialects: &str) -> Result<(), String> {
        let route = |[operation, submit, status, result]: &[&str; 4]| Route {
            operation: (*operation).to_owned(),
            submit: (*submit).to_owned(),
            status: (*status).to_owned(),
            result: (*result).to_owned(),
            field_names: FieldNames::default(),
        };
        let config = Config {
            routes: routes.iter().map(route).collect(),
            dialects: dialects.parse().expect("dialects"),
            ..Config::default()
        };
        check(&config, &Registry::built_in()).map_err(|fault| {
            let RouteFault { route, message, .. } = fault;
            format!("{route} {message}")
        })
    }

    #[test]
    fn custom_paths_must_not_overlap_other_routes() {
        let fine = |routes: &[[&str; 4]], dialects| {
            assert_eq!(check_all(routes, dialects), Ok(()), "{routes:?} {dialects}");
        };
        let clash = |routes: &[[&str; 4]], dialects, expected: &str| {
            let found = check_all(routes, dialects).expect_err(expected);
            assert!(found.ends_with(expected), "{found}");
        };
        let a = ["zip", "/a", "/a/{id}", "/a/{id}.zip"];
        fine(&[a], "all");
        fine(&[a, ["copy", "/b", "/b/{id}", "/b/{id}/result"]], "all");
        fine(&[["zip", "/v1/a", "/v1/a/{id}", "/v1/r-{id}"]], "all");
        for (submit, status, whose) in [
            ("/", "/s/{id}", "Cloakroom's own"),
            ("/readyz", "/s/{id}", "Cloakroom's own"),
            ("/v1/jobs/", "/s/{id}", "Cloakroom's own"),
            ("/s", "/v1/jobs/{id}", "Cloakroom's own"),
            ("/s", "/v{id}/events", "Cloakroom's own"),
            ("/s", "/v1/operations/{id}", "Cloakroom's own"),
            ("/s", "/v1/downloads/a/b/c/{id}", "Cloakroom's own"),
            ("/s", "/monitor/{id}", "Cloakroom's own"),
            ("/s", "/rest/folders/{id}", "the dialect \"driveonweb\""),
            (
                "/s",
                "/api/xmlmerge/v{id}/types",
                "the dialect \"xml-merge\"",
            ),
            (
                "/s",
                "/api/xml-data-compare/v1/jobs/{id}",
                "the dialect \"xml-data-compare\"",
            ),
            ("/s", "/v1.{id}/drive/root", "the dialect \"onedrive\""),
        ] {
            clash(&[["zip", submit, status, "/r/{id}"]], "all", whose);
        }
        let rest = ["zip", "/s", "/rest/folders/{id}", "/r/{id}"];
        fine(&[rest], "onedrive,custom");
        // What is not served is in nobody's way.
        fine(&[a, a], "driveonweb");
        clash(
            &[a, ["copy", "/b", "/a/{id}", "/c/{id}"]],
            "custom",
            "1 status = \"/a/{id}\" clashes with status = \"/a/{id}\" of the route of \"zip\"",
        );
        clash(
            &[["zip", "/a/5", "/a/{id}", "/c/{id}"]],
            "custom",
            "0 status = \"/a/{id}\" clashes with submit = \"/a/5\" of the same route",
        );
        clash(
            &[["zap", "/a", "/b/{id}", "/c/{id}"]],
            "all",
            "no operation \"zap\"",
        );
    }
}
