//! Checks custom routes for conflicts with each other and with all other routes.

use http::Method;

use crate::config::{Config, Dialect, Dialects};
use crate::http::dialects::custom::wire::{CustomRoute, Routes, Template};
use crate::http::routing::router::{RouteError, Router};
use crate::http::routing::{paths, table};
use crate::operations::Registry;

/// Numbers that are tried in place of a job's number. They suffice to match every path of the server that has digits.
const SAMPLE_NUMBERS: [&str; 2] = ["0", "1"];

/// An error in a custom route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[[route]]: {message}")]
pub struct RouteFault {
    /// The position of the route in the configuration, from 0.
    pub route: usize,
    /// The key with the invalid value.
    pub key: &'static str,
    /// The message.
    pub message: String,
}

/// The errors in the custom routes: operations that do not exist, field names that repeat, and paths that are taken.
pub(crate) fn check(config: &Config, registry: &Registry) -> Vec<RouteFault> {
    let routes = Routes::new(config.served_routes());
    let owners = Owners::new(&config.dialects);
    let mut before: Vec<(usize, &CustomRoute, &str, &Template)> = Vec::new();
    let mut faults = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        let mut fault = |key: &'static str, message: String| {
            faults.push(RouteFault {
                route: number,
                key,
                message,
            });
        };
        if registry.get(&route.operation).is_none() {
            let message = format!("there is no operation {:?}", route.operation);
            fault("operation", message);
        }
        if let Some(name) = route.field_names.repeated() {
            let message = format!("{name:?} would be two members of the same object");
            fault("words", message);
        }
        for (key, address) in route.templates() {
            let own = format!("{key} = {:?}", address.text());
            if let Some(whose) = owners.of(address) {
                fault(key, format!("{own} clashes with an address of {whose}"));
                continue;
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
                fault(key, message);
                continue;
            }
            before.push((number, route, key, address));
        }
    }
    faults
}

/// The existing routes, by their owners.
struct Owners(Vec<(String, Router)>);

impl Owners {
    fn new(served: &Dialects) -> Self {
        let own = "Cloakroom's own".to_owned();
        let mut owners = vec![(own, table::router(&Dialects::none()))];
        for (name, dialect) in Dialect::ALL {
            if served.has(dialect) {
                let router = table::router(&Dialects::only(dialect));
                owners.push((format!("the dialect {name:?}"), router));
            }
        }
        Self(owners)
    }

    /// The owner of an address, if it is taken.
    fn of(&self, address: &Template) -> Option<&str> {
        let mut paths = SAMPLE_NUMBERS
            .map(|number| address.fill(number))
            .into_iter();
        paths.find_map(|path| {
            // Paths with special rules for authentication and links must not be configured, even if no route has them.
            let is_special = paths::is_open(&path) || paths::is_page(&path);
            let mut owners = self.0.iter();
            let owner = owners.find(|(_, router)| {
                router.find(&Method::OPTIONS, &path) != Err(RouteError::NotFound)
            });
            let owner = if is_special { self.0.first() } else { owner };
            owner.map(|(name, _)| name.as_str())
        })
    }
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
        let fault = check(&config, &Registry::built_in()).into_iter().next();
        fault.map_or(Ok(()), |RouteFault { route, message, .. }| {
            Err(format!("{route} {message}"))
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
        // Dialects that are not served conflict with nothing.
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
