//! Assembles the OpenAPI document of the server.

use serde_json::Value;

use crate::config::Dialects;
use crate::http::dialects::custom::openapi as custom_routes;
use crate::http::dialects::custom::wire::Routes;
use crate::http::native;
use crate::http::openapi::{components, dialects, submit};
use crate::operations::Registry;

const ABOUT: &str = "\
Submit slow work, get `202` with a job at once, and come back for the result.

HEAD is supported wherever GET is, and never waits. OPTIONS returns `204` with `Allow`. One trailing slash is ignored. \
Submissions reject unknown query parameters with `422`; other routes ignore them. \
All responses except results have `Cache-Control: no-store`.

Requests that are not valid HTTP/1.1 get `400`, and requests whose head is too long get `431` or `414`, each without a \
body.";

/// The OpenAPI document; `base` is the URL that all paths are relative to.
pub(in crate::http) fn document(
    registry: &Registry,
    served: &Dialects,
    published: &Routes,
    base: &str,
) -> Value {
    let mut paths = native::openapi::paths();
    let mut schemas = components::schemas();
    paths.extend(dialects::paths(served));
    paths.extend(custom_routes::paths(published, registry));
    schemas.extend(dialects::schemas(served));
    let mut tags = vec![
        json!({ "name": "operations", "description": "List the operations and submit jobs." }),
        json!({ "name": "jobs", "description": "Inspect, follow, cancel, retry and delete jobs, and download their results." }),
        json!({ "name": "monitor", "description": "Inspect a job by its monitor link, without a token." }),
        json!({ "name": "server", "description": "Health, metrics, sessions and the dashboard." }),
    ];
    tags.extend(dialects::tags(served));
    tags.extend(custom_routes::tags(published));
    for (name, registered) in registry.iter() {
        let description = &registered.description;
        schemas.insert(submit::schema_name(name), submit::params(description));
        paths.insert(format!("/v1/operations/{name}"), submit::path(description));
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

#[cfg(test)]
mod tests {
    use http::Method;

    use super::document;
    use crate::config::Dialects;
    use crate::http::dialects::custom::wire as custom;
    use crate::http::dialects::deltaxml::wire as deltaxml;
    use crate::http::dialects::onedrive::wire as onedrive;
    use crate::http::routing::route;
    use crate::http::routing::route::Route;
    use crate::operations::Registry;

    /// The method and the path that describe a route.
    fn method_and_path(route: &Route) -> (&'static str, String) {
        let method = match route {
            Route::Submit(_) | Route::Retry(_) | Route::Cancel(_) | Route::Session => "post",
            Route::Delete(_) => "delete",
            Route::Onedrive(call) => match call.action {
                onedrive::Action::Upload(_) | onedrive::Action::Copy(_) => "post",
                _ => "get",
            },
            Route::Deltaxml(endpoint) => match endpoint.action {
                deltaxml::Action::Submit(_) => "post",
                deltaxml::Action::Delete(_) => "delete",
                _ => "get",
            },
            Route::Custom(call) => match call.action {
                custom::Action::Submit => "post",
                _ => "get",
            },
            _ => "get",
        };
        let path = match route {
            // Each operation is described at its own path.
            Route::Operation(name) | Route::Submit(name) => format!("/v1/operations/{name}"),
            route => route.template().to_owned(),
        };
        (method, path)
    }

    #[test]
    fn every_route_is_described_at_its_path() {
        let registry = Registry::built_in();
        let published = custom::Routes::new(&[crate::config::Route {
            operation: "zip".to_owned(),
            submit: "/start".to_owned(),
            status: "/state/{id}".to_owned(),
            result: "/archive-{id}.zip".to_owned(),
            field_names: crate::config::FieldNames::default(),
        }]);
        let document = document(&registry, &Dialects::all(), &published, "/");
        let mut described = 0;
        for (path, item) in document["paths"].as_object().expect("paths") {
            let id = if path.starts_with("/v1/") {
                "01JD3QXYZ0000000000000000A"
            } else {
                "7"
            };
            let address = path
                .replace("{id}", id)
                .replace("{token}", "x")
                .replace("{uuid}", "0192f5b2-0000-0000-0000-00000000000a")
                .replace("{folder}", "7")
                .replace("{file}", "7")
                .replace("{job}", "7")
                .replace("{item}", "7");
            for method in [
                Method::GET,
                Method::POST,
                Method::DELETE,
                Method::PUT,
                Method::PATCH,
            ] {
                let name = method.as_str().to_ascii_lowercase();
                let found = route::route(&method, &address, &Dialects::all());
                let found =
                    found.or_else(|error| route::custom(error, &method, &address, &published));
                let expected = found.ok().as_ref().map(method_and_path);
                let found = item[&name]
                    .is_object()
                    .then(|| (name.as_str(), path.clone()));
                assert_eq!(found, expected, "{method} {path}");
                described += usize::from(found.is_some());
            }
        }
        // Each operation has a GET and a POST.
        assert_eq!(described, 47 + 2 * registry.iter().count());
    }
}
