//! The routes of the driveonweb dialect.

use crate::config::Dialect;
use crate::http::dialects::driveonweb::wire::Kind;
use crate::http::dialects::driveonweb::{handler, openapi};
use crate::http::routing::route::Details::Fixed;
use crate::http::routing::route::{Api, Route};
use crate::http::routing::router::Verb::{Get, GetOnly};

/// The dialect.
pub(crate) static API: Api = Api {
    dialect: Some(Dialect::Driveonweb),
    routes: ROUTES,
    accepts: is_number,
    canonical: None,
    refusal: |_, _| None,
    tags: &[(
        "driveonweb",
        "Folders, files and polling jobs for driveonweb clients.",
    )],
    schemas: openapi::schemas,
};

/// All parameters are numbers of files, folders or jobs.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

static ROUTES: &[Route] = &[
    Route {
        verb: Get,
        template: "/rest/folders",
        handler: handler!(handler::roots),
        id: "driveonwebRoots",
        tag: "driveonweb",
        summary: "List the roots",
        details: Fixed(openapi::roots),
    },
    Route {
        verb: Get,
        template: "/rest/folders/{folder}",
        handler: handler!(handler::folder),
        id: "driveonwebFolder",
        tag: "driveonweb",
        summary: "List a folder",
        details: Fixed(openapi::folder),
    },
    Route {
        verb: GetOnly,
        template: "/rest/folders/{folder}/zip",
        handler: handler!(handler::start, Kind::Zip),
        id: "driveonwebZip",
        tag: "driveonweb",
        summary: "Zip a folder",
        details: Fixed(openapi::zip),
    },
    Route {
        verb: GetOnly,
        template: "/rest/folders/{folder}/copy",
        handler: handler!(handler::start, Kind::Copy),
        id: "driveonwebCopy",
        tag: "driveonweb",
        summary: "Copy a folder into another",
        details: Fixed(openapi::copy),
    },
    Route {
        verb: Get,
        template: "/rest/jobs/zip/{job}",
        handler: handler!(handler::job, Kind::Zip),
        id: "driveonwebZipJob",
        tag: "driveonweb",
        summary: "Poll a job; the server delays each response longer than the one before",
        details: Fixed(openapi::job),
    },
    Route {
        verb: Get,
        template: "/rest/jobs/copy/{job}",
        handler: handler!(handler::job, Kind::Copy),
        id: "driveonwebCopyJob",
        tag: "driveonweb",
        summary: "Poll a job; the server delays each response longer than the one before",
        details: Fixed(openapi::job),
    },
    Route {
        verb: Get,
        template: "/rest/files/{file}/download",
        handler: handler!(handler::download),
        id: "driveonwebDownload",
        tag: "driveonweb",
        summary: "Download a file or the result of a job",
        details: Fixed(openapi::download),
    },
];
