//! Assembles the OpenAPI document of the server.

use serde_json::{Map, Value};

use crate::config::Dialects;
use crate::http::dialects::custom::openapi as custom_routes;
use crate::http::dialects::custom::wire::Routes;
use crate::http::openapi::builder::path_parameter;
use crate::http::openapi::{components, submit};
use crate::http::routing::route::{Details, Route};
use crate::http::routing::table;
use crate::operations::Registry;

const ABOUT: &str = "\
Submit slow work, get `202` with a job at once, and come back for the result.

HEAD is supported wherever GET is, and never waits. OPTIONS returns `204` with `Allow`. One trailing slash is ignored. \
Submissions reject unknown query parameters with `422`; other routes ignore them. \
All responses except results have `Cache-Control: no-store`.

All responses have `X-Request-Id`: that of the request, if it has 1 to 128 letters, digits, `-`, `_` and `.`, or else a new \
one. The server's log has the same id.

Submissions through any API take `traceparent` and `tracestate`.

Requests that are not valid HTTP/1.1 get `400`, and requests whose head is too long get `431` or `414`, each without a \
body.";

/// The OpenAPI document; `base` is the URL that all paths are relative to.
pub(crate) fn document(
    registry: &Registry,
    served: &Dialects,
    published: &Routes,
    base: &str,
) -> Value {
    let (mut paths, mut schemas, mut tags) = (Map::new(), Map::new(), Vec::new());
    for api in table::served(served) {
        for route in api.routes {
            add(&mut paths, route, registry);
        }
        schemas.extend((api.schemas)());
        let tag = |(name, description): &(&str, &str)| json!({ "name": name, "description": description });
        tags.extend(api.tags.iter().map(tag));
    }
    paths.extend(custom_routes::paths(published, registry));
    tags.extend(custom_routes::tags(published));
    for (name, registered) in registry.iter() {
        let params = submit::params(&registered.description);
        schemas.insert(submit::schema_name(name), params);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cloakroom",
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": base }],
        "tags": tags,
        // A server without tokens needs no authentication.
        "security": [{}, { "token": [] }, { "password": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": components::problems(),
            "parameters": components::parameters(),
            "headers": components::headers(),
            "securitySchemes": components::security(),
        },
    })
}

/// Adds a route to its path, or to one path for each operation.
fn add(paths: &mut Map<String, Value>, route: &Route, registry: &Registry) {
    match route.details {
        Details::Fixed(details) => {
            let item = item(paths, route.template);
            item[route.verb.name()] = described(route, route.id, &details());
            let parameter = route.template.split_once('{');
            if let Some((name, _)) = parameter.and_then(|(_, rest)| rest.split_once('}')) {
                item["parameters"] = json!([path_parameter(name)]);
            }
        }
        Details::ByOperation(details) => {
            for (name, registered) in registry.iter() {
                let id = format!("{}.{name}", route.id);
                let item = item(paths, &route.template.replace("{name}", name));
                let details = details(&registered.description);
                item[route.verb.name()] = described(route, &id, &details);
            }
        }
    }
}

/// The description of a path.
fn item<'a>(paths: &'a mut Map<String, Value>, path: &str) -> &'a mut Value {
    paths.entry(path).or_insert_with(|| json!({}))
}

/// The description of a route. Its details can replace the summary.
fn described(route: &Route, id: &str, details: &Value) -> Value {
    let mut described = json!({ "operationId": id, "tags": [route.tag], "summary": route.summary });
    for (name, value) in details.as_object().into_iter().flatten() {
        described[name] = value.clone();
    }
    described
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_once() {
        let registry = Registry::built_in();
        let published = Routes::default();
        let document = document(&registry, &Dialects::all(), &published, "/");
        let mut expected = BTreeSet::new();
        for route in table::served(&Dialects::all()).flat_map(|api| api.routes) {
            let names = registry.iter().map(|(name, _)| name);
            let paths: BTreeSet<_> = names
                .map(|name| route.template.replace("{name}", name))
                .collect();
            for path in paths {
                assert!(
                    expected.insert((path.clone(), route.verb.name())),
                    "{path} is in the tables twice"
                );
            }
        }
        let methods = ["get", "post", "delete", "put", "patch"];
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                let methods = methods.into_iter();
                let described = methods.filter(|method| item[method].is_object());
                described.map(|method| (path.clone(), method))
            })
            .collect();
        assert_eq!(described, expected);
    }

    #[test]
    fn custom_routes_are_described() {
        let published = Routes::new(&[crate::config::Route {
            operation: "zip".to_owned(),
            submit: "/start".to_owned(),
            status: "/state/{id}".to_owned(),
            result: "/archive-{id}.zip".to_owned(),
            field_names: crate::config::FieldNames::default(),
        }]);
        let document = document(&Registry::built_in(), &Dialects::all(), &published, "/");
        for (path, method) in [
            ("/start", "post"),
            ("/state/{id}", "get"),
            ("/archive-{id}.zip", "get"),
        ] {
            assert!(document["paths"][path][method].is_object(), "{path}");
        }
    }
}
