//! The routes of the OneDrive dialect.

use http::Response;
use http::request::Parts;

use crate::config::Dialect;
use crate::http::dialects::onedrive::{handler, openapi, wire};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::routing::route::Details::Fixed;
use crate::http::routing::route::{Api, Route};
use crate::http::routing::router::Verb::{Get, Post};

/// The dialect.
pub(crate) static API: Api = Api {
    dialect: Some(Dialect::Onedrive),
    routes: ROUTES,
    accepts: |_| true,
    canonical: Some(wire::canonical_path),
    refusal,
    tags: &[(
        "onedrive",
        "Items and long-running actions for OneDrive clients. Every path also exists below `/v1.0`, with `/me/drive` \
         for `/drive`, and for items that are named by their path: `/drive/root:/NAME/path` and \
         `/drive/root:/NAME/path:/copy`. `action.copy` is an older name of `copy`.",
    )],
    schemas: openapi::schemas,
};

/// Monitor links are native, with an additional member in errors.
fn refusal(problem: &Problem, request: &Parts) -> Option<Response<Body>> {
    let path = request.uri.path();
    if wire::is_onedrive_path(path) {
        return Some(handler::refusal(problem));
    }
    path.starts_with("/monitor/").then(|| {
        let error = handler::error(problem);
        problem.clone().with_error(error).response(path)
    })
}

static ROUTES: &[Route] = &[
    Route {
        verb: Get,
        template: "/drive/root",
        handler: handler!(handler::item),
        id: "onedriveRoot",
        tag: "onedrive",
        summary: "Get the folder that holds the roots",
        details: Fixed(openapi::item),
    },
    Route {
        verb: Get,
        template: "/drive/root/children",
        handler: handler!(handler::children),
        id: "onedriveRoots",
        tag: "onedrive",
        summary: "List the roots",
        details: Fixed(openapi::children),
    },
    Route {
        verb: Get,
        template: "/drive/items/{item}",
        handler: handler!(handler::item),
        id: "onedriveItem",
        tag: "onedrive",
        summary: "Get a file or folder",
        details: Fixed(openapi::item),
    },
    Route {
        verb: Get,
        template: "/drive/items/{item}/content",
        handler: handler!(handler::content),
        id: "onedriveContent",
        tag: "onedrive",
        summary: "Download a file",
        details: Fixed(openapi::content),
    },
    Route {
        verb: Get,
        template: "/drive/items/{item}/children",
        handler: handler!(handler::children),
        id: "onedriveChildren",
        tag: "onedrive",
        summary: "List a folder",
        details: Fixed(openapi::children),
    },
    Route {
        verb: Post,
        template: "/drive/items/{item}/children",
        handler: handler!(handler::upload),
        id: "onedriveUpload",
        tag: "onedrive",
        summary: "Fetch a file from a URL into a folder",
        details: Fixed(openapi::upload),
    },
    Route {
        verb: Post,
        template: "/drive/items/{item}/copy",
        handler: handler!(handler::copy),
        id: "onedriveCopy",
        tag: "onedrive",
        summary: "Copy an item",
        details: Fixed(openapi::copy),
    },
];
