//! The API's description of itself, OpenAPI 3.1: `GET /openapi.json`.
//!
//! Made once at start-up from the operations on offer, and served as bytes. Describes what the routes answer and
//! decides nothing. A new route gets its entry in `native::openapi`; a new submission option, in [`submit`]; what several
//! of them share is in [`components`].

#[macro_use]
pub(in crate::http) mod json;

pub(in crate::http) mod call;
pub(in crate::http) mod components;
pub(in crate::http) mod dialects;
pub(in crate::http) mod results;
pub(in crate::http) mod server;
pub(in crate::http) mod submit;

use serde_json::{Map, Value};

use crate::config::Dialects;
use crate::http::dialects::custom::openapi as custom_routes;
use crate::http::dialects::custom::wire::Routes;
use crate::http::native;
use crate::operations::Registry;

const ABOUT: &str = "\
Hand in slow work, get `202` and a ticket at once, come back for the result.

HEAD works wherever GET does, and never waits. OPTIONS is answered `204` with `Allow`. One trailing slash is ignored. \
Query parameters that are not described are refused with `422` by submissions, and ignored elsewhere. \
Everything but results is sent with `Cache-Control: no-store`.

What is not HTTP/1.1 is answered `400`, a head that is too long `431` or `414`, each without a body.";

/// The description; `base` is what every address begins with.
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
        json!({ "name": "operations", "description": "What a job can do, and the way to submit one." }),
        json!({ "name": "jobs", "description": "What became of a job." }),
        json!({ "name": "monitor", "description": "The same for whoever was given a job's link." }),
        json!({ "name": "server", "description": "The server itself." }),
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
        // Where there are no tokens, none is wanted.
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

/// A reference to `#/components/<kind>/<name>`.
pub(in crate::http) fn component(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

pub(in crate::http) fn schema(name: &str) -> Value {
    component("schemas", name)
}

pub(in crate::http) fn parameter(name: &str) -> Value {
    component("parameters", name)
}

/// A reply and its headers. The first are always there, the others sometimes.
pub(in crate::http) fn reply(description: &str, always: &[&str], sometimes: &[&str]) -> Value {
    let mut headers = Map::new();
    for name in sometimes {
        headers.insert((*name).to_owned(), component("headers", name));
    }
    for name in always {
        // A reference cannot say `required`, so these point at the schema behind the header.
        let behind = component("headers", &format!("{name}/schema"));
        headers.insert(
            (*name).to_owned(),
            json!({ "required": true, "schema": behind }),
        );
    }
    json!({ "description": description, "headers": headers })
}

/// The same, with a JSON body of this schema.
pub(in crate::http) fn json_reply(mut reply: Value, schema: &Value) -> Value {
    reply["content"] = json!({ "application/json": { "schema": schema } });
    reply
}

/// The replies of one route: its own, and these problems besides those that every request may meet.
pub(in crate::http) fn replies(own: &[(&str, Value)], problems: &[u16]) -> Value {
    const EVERYWHERE: [u16; 5] = [400, 401, 403, 405, 421];
    let mut replies = Map::new();
    for (status, reply) in own {
        replies.insert((*status).to_owned(), reply.clone());
    }
    for status in EVERYWHERE.iter().chain(problems) {
        replies.insert(
            status.to_string(),
            component("responses", &status.to_string()),
        );
    }
    Value::Object(replies)
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

    /// Where a route is described.
    fn place(route: &Route) -> (&'static str, String) {
        let method = match route {
            Route::Submit(_) | Route::Retry(_) | Route::Cancel(_) | Route::Session => "post",
            Route::Delete(_) => "delete",
            Route::Onedrive(call) => match call.what {
                onedrive::Action::Upload(_) | onedrive::Action::Copy(_) => "post",
                _ => "get",
            },
            Route::Deltaxml(call) => match call.what {
                deltaxml::Action::Begin(_) => "post",
                deltaxml::Action::Delete(_) => "delete",
                _ => "get",
            },
            Route::Custom(call) => match call.what {
                custom::Action::Submit => "post",
                _ => "get",
            },
            _ => "get",
        };
        let path = match route {
            // Each has a description of its own.
            Route::Operation(name) | Route::Submit(name) => format!("/v1/operations/{name}"),
            route => route.template().to_owned(),
        };
        (method, path)
    }

    #[test]
    fn every_description_is_of_the_route_at_its_address() {
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
                    found.or_else(|miss| route::custom(miss, &method, &address, &published));
                let expected = found.ok().as_ref().map(place);
                let found = item[&name]
                    .is_object()
                    .then(|| (name.as_str(), path.clone()));
                assert_eq!(found, expected, "{method} {path}");
                described += usize::from(found.is_some());
            }
        }
        // Two for each operation.
        assert_eq!(described, 47 + 2 * registry.iter().count());
    }
}
