//! The API's description of itself, OpenAPI 3.1: `GET /openapi.json`.
//!
//! Made once at start-up from the operations on offer, and served as bytes. Describes what the routes answer and
//! decides nothing. A new route gets its entry in [`routes`]; a new submission option, in [`submit`]; what several
//! of them share is in [`components`].

mod call;
mod components;
mod custom;
mod deltaxml;
mod dialects;
mod results;
mod routes;
mod submit;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::dialects::custom::Routes;
use crate::config::Dialects;
use crate::operations::Registry;

const ABOUT: &str = "\
Hand in slow work, get `202` and a ticket at once, come back for the result.

HEAD works wherever GET does, and never waits. OPTIONS is answered `204` with `Allow`. One trailing slash is ignored. \
Query parameters that are not described are refused with `422` by submissions, and ignored elsewhere. \
Everything but results is sent with `Cache-Control: no-store`.

What is not HTTP/1.1 is answered `400`, a head that is too long `431` or `414`, each without a body.";

/// The description, as it is sent; `base` is what every address begins with.
pub(super) fn bytes(
    registry: &Registry,
    served: &Dialects,
    published: &Routes,
    base: &str,
) -> Bytes {
    document(registry, served, published, base)
        .to_string()
        .into()
}

fn document(registry: &Registry, served: &Dialects, published: &Routes, base: &str) -> Value {
    let mut paths = routes::paths();
    let mut schemas = components::schemas();
    paths.extend(dialects::paths(served));
    paths.extend(custom::paths(published, registry));
    schemas.extend(dialects::schemas(served));
    let mut tags = vec![
        json!({ "name": "operations", "description": "What a job can do, and the way to submit one." }),
        json!({ "name": "jobs", "description": "What became of a job." }),
        json!({ "name": "monitor", "description": "The same for whoever was given a job's link." }),
        json!({ "name": "server", "description": "The server itself." }),
    ];
    tags.extend(dialects::tags(served));
    tags.extend(custom::tags(published));
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
fn component(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn schema(name: &str) -> Value {
    component("schemas", name)
}

fn parameter(name: &str) -> Value {
    component("parameters", name)
}

/// A reply and its headers. The first are always there, the others sometimes.
fn reply(description: &str, always: &[&str], sometimes: &[&str]) -> Value {
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
fn json_reply(mut reply: Value, schema: &Value) -> Value {
    reply["content"] = json!({ "application/json": { "schema": schema } });
    reply
}

/// The replies of one route: its own, and these problems besides those that every request may meet.
fn replies(own: &[(&str, Value)], problems: &[u16]) -> Value {
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

    use super::super::dialects::{custom, deltaxml, driveonweb, onedrive};
    use super::super::route::{self, Route};
    use super::document;
    use crate::config::Dialects;
    use crate::operations::Registry;

    /// Where a route is described. No arm for the rest: a new route does not compile until it is here.
    fn place(route: &Route) -> (&'static str, String) {
        let (method, path) = match route {
            Route::Health => ("get", "/healthz"),
            Route::Ready => ("get", "/readyz"),
            Route::OpenApi => ("get", "/openapi.json"),
            Route::Operations => ("get", "/v1/operations"),
            Route::Operation(name) => return ("get", format!("/v1/operations/{name}")),
            Route::Submit(name) => return ("post", format!("/v1/operations/{name}")),
            Route::Jobs => ("get", "/v1/jobs"),
            Route::Events => ("get", "/v1/events"),
            Route::JobEvents(_) => ("get", "/v1/jobs/{id}/events"),
            Route::Log(_) => ("get", "/v1/jobs/{id}/log"),
            Route::Retry(_) => ("post", "/v1/jobs/{id}/retry"),
            Route::Job(_) => ("get", "/v1/jobs/{id}"),
            Route::Delete(_) => ("delete", "/v1/jobs/{id}"),
            Route::Cancel(_) => ("post", "/v1/jobs/{id}/cancel"),
            Route::Download(_) => ("get", "/v1/downloads/{id}"),
            Route::Driveonweb(call) => ("get", driveonweb(*call)),
            Route::Onedrive(call) => onedrive(&call.what),
            Route::Deltaxml(call) => return deltaxml(*call),
            Route::Custom(call) => return custom(call),
            Route::Monitor(_) => ("get", "/monitor/{token}"),
            Route::MonitorEvents(_) => ("get", "/monitor/{token}/events"),
            Route::MonitorResult(_) => ("get", "/monitor/{token}/result"),
            Route::Session => ("post", "/session"),
        };
        (method, path.to_owned())
    }

    fn custom(call: &custom::Call) -> (&'static str, String) {
        let (method, template) = match call.what {
            custom::What::Submit => ("post", &call.of.submit),
            custom::What::Status(_) => ("get", &call.of.status),
            custom::What::Result(_) => ("get", &call.of.result),
        };
        (method, template.text().to_owned())
    }

    fn driveonweb(call: driveonweb::Call) -> &'static str {
        use driveonweb::{Call, Kind};
        match call {
            Call::Roots => "/rest/folders",
            Call::Folder(_) => "/rest/folders/{folder}",
            Call::Begin(Kind::Zip, _) => "/rest/folders/{folder}/zip",
            Call::Begin(Kind::Copy, _) => "/rest/folders/{folder}/copy",
            Call::Job(Kind::Zip, _) => "/rest/jobs/zip/{job}",
            Call::Job(Kind::Copy, _) => "/rest/jobs/copy/{job}",
            Call::Download(_) => "/rest/files/{file}/download",
        }
    }

    fn deltaxml(call: deltaxml::Call) -> (&'static str, String) {
        use deltaxml::{What, Work};
        let (method, rest) = match call.what {
            What::Begin(Work::Compare) => ("post", "compare".to_owned()),
            What::Begin(work) => ("post", format!("types/{}", work.word())),
            What::Types => ("get", "types".to_owned()),
            What::Job(_) => ("get", "jobs/{uuid}".to_owned()),
            What::Delete(_) => ("delete", "jobs/{uuid}".to_owned()),
            What::Download(_) => ("get", "downloads/{uuid}".to_owned()),
        };
        (method, format!("{}/{rest}", call.product.prefix()))
    }

    fn onedrive(what: &onedrive::What) -> (&'static str, &'static str) {
        use onedrive::{Address, What};
        match what {
            What::Item(Address::Root) => ("get", "/drive/root"),
            What::Item(_) => ("get", "/drive/items/{item}"),
            What::Children(Address::Root) => ("get", "/drive/root/children"),
            What::Children(_) => ("get", "/drive/items/{item}/children"),
            What::Content(_) => ("get", "/drive/items/{item}/content"),
            What::Upload(_) => ("post", "/drive/items/{item}/children"),
            What::Copy(_) => ("post", "/drive/items/{item}/copy"),
            What::Monitor(_) => ("get", "/monitor/{token}"),
            What::MonitorResult(_) => ("get", "/monitor/{token}/result"),
        }
    }

    #[test]
    fn every_description_is_of_the_route_at_its_address() {
        let registry = Registry::built_in();
        let published = custom::Routes::new(&[crate::config::Route {
            operation: "zip".to_owned(),
            submit: "/start".to_owned(),
            status: "/state/{id}".to_owned(),
            result: "/archive-{id}.zip".to_owned(),
            words: crate::config::Words::default(),
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
        assert_eq!(described, 45 + 2 * registry.iter().count());
    }
}
