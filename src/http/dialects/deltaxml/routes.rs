//! The routes of the DeltaXML dialects.

use http::Response;
use http::request::Parts;

use crate::config::Dialect;
use crate::http::dialects::deltaxml::wire::{Operation, Product};
use crate::http::dialects::deltaxml::{handler, openapi};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::routing::route::Details::Fixed;
use crate::http::routing::route::{Api, Route};
use crate::http::routing::router::Verb::{Delete, Get, Post};

/// XML Data Compare.
pub(crate) static COMPARE: Api = Api {
    dialect: Some(Dialect::DataCompare),
    routes: COMPARE_ROUTES,
    accepts: |_| true,
    canonical: None,
    refusal: |problem, request| refusal(Product::Compare, problem, request),
    tags: &[(
        "xml-data-compare",
        "Comparisons for clients of DeltaXML XML Data Compare.",
    )],
    schemas: openapi::compare_schemas,
};

/// XML Merge.
pub(crate) static MERGE: Api = Api {
    dialect: Some(Dialect::XmlMerge),
    routes: MERGE_ROUTES,
    accepts: |_| true,
    canonical: None,
    refusal: |problem, request| refusal(Product::Merge, problem, request),
    tags: &[("xml-merge", "Merges for clients of DeltaXML XML Merge.")],
    schemas: openapi::merge_schemas,
};

fn refusal(product: Product, problem: &Problem, request: &Parts) -> Option<Response<Body>> {
    let is_ours = Product::of(request.uri.path()) == Some(product);
    is_ours.then(|| handler::refusal(problem, product, &request.headers))
}

static COMPARE_ROUTES: &[Route] = &[
    Route {
        verb: Post,
        template: "/api/xml-data-compare/v1/compare",
        handler: handler!(handler::submit, Operation::Compare),
        id: "xml-data-compare.compare",
        tag: "xml-data-compare",
        summary: "Compare two documents",
        details: Fixed(|| openapi::submission(Product::Compare)),
    },
    Route {
        verb: Get,
        template: "/api/xml-data-compare/v1/jobs/{uuid}",
        handler: handler!(handler::job, Product::Compare),
        id: "xml-data-compare.job",
        tag: "xml-data-compare",
        summary: "Get a job",
        details: Fixed(|| openapi::job(Product::Compare)),
    },
    Route {
        verb: Delete,
        template: "/api/xml-data-compare/v1/jobs/{uuid}",
        handler: handler!(handler::delete, Product::Compare),
        id: "xml-data-compare.delete",
        tag: "xml-data-compare",
        summary: "Cancel a job if it has not finished, and delete it",
        details: Fixed(|| openapi::deleted_job(Product::Compare)),
    },
    Route {
        verb: Get,
        template: "/api/xml-data-compare/v1/downloads/{uuid}",
        handler: handler!(handler::download),
        id: "xml-data-compare.download",
        tag: "xml-data-compare",
        summary: "Download the result of a job",
        details: Fixed(|| openapi::download(Product::Compare)),
    },
];

static MERGE_ROUTES: &[Route] = &[
    Route {
        verb: Get,
        template: "/api/xmlmerge/v1/types",
        handler: handler!(handler::types),
        id: "xml-merge.types",
        tag: "xml-merge",
        summary: "List the merge types",
        details: Fixed(openapi::types),
    },
    Route {
        verb: Post,
        template: "/api/xmlmerge/v1/types/concurrent",
        handler: handler!(handler::submit, Operation::Concurrent),
        id: "xml-merge.concurrent",
        tag: "xml-merge",
        summary: "Merge versions that all derive from the first",
        details: Fixed(|| openapi::submission(Product::Merge)),
    },
    Route {
        verb: Post,
        template: "/api/xmlmerge/v1/types/threeway",
        handler: handler!(handler::submit, Operation::ThreeWay),
        id: "xml-merge.threeway",
        tag: "xml-merge",
        summary: "Merge two versions that derive from a third",
        details: Fixed(|| openapi::submission(Product::Merge)),
    },
    Route {
        verb: Post,
        template: "/api/xmlmerge/v1/types/sequential",
        handler: handler!(handler::submit, Operation::Sequential),
        id: "xml-merge.sequential",
        tag: "xml-merge",
        summary: "Merge versions that each derive from the previous one",
        details: Fixed(|| openapi::submission(Product::Merge)),
    },
    Route {
        verb: Get,
        template: "/api/xmlmerge/v1/jobs/{uuid}",
        handler: handler!(handler::job, Product::Merge),
        id: "xml-merge.job",
        tag: "xml-merge",
        summary: "Get a job",
        details: Fixed(|| openapi::job(Product::Merge)),
    },
    Route {
        verb: Delete,
        template: "/api/xmlmerge/v1/jobs/{uuid}",
        handler: handler!(handler::delete, Product::Merge),
        id: "xml-merge.delete",
        tag: "xml-merge",
        summary: "Cancel a job if it has not finished, and delete it",
        details: Fixed(|| openapi::deleted_job(Product::Merge)),
    },
    Route {
        verb: Get,
        template: "/api/xmlmerge/v1/downloads/{uuid}",
        handler: handler!(handler::download),
        id: "xml-merge.download",
        tag: "xml-merge",
        summary: "Download the result of a job",
        details: Fixed(|| openapi::download(Product::Merge)),
    },
];
