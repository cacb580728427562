//! The path template of each route, as in the OpenAPI document and the metrics.

use crate::http::dialects::custom::wire as custom;
use crate::http::dialects::deltaxml::wire as deltaxml;
use crate::http::dialects::driveonweb::wire as driveonweb;
use crate::http::dialects::onedrive::wire as onedrive;
use crate::http::routing::route::Route;

/// The path of an operation.
pub(in crate::http) const OPERATION: &str = "/v1/operations/{name}";

impl Route {
    /// The path with parameter names in braces. The match has no wildcard, so that a new route does not compile without a
    /// template.
    pub(in crate::http) fn template(&self) -> &str {
        match self {
            Self::Dashboard => "/",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::OpenApi => "/openapi.json",
            Self::Metrics => "/metrics",
            Self::Operations => "/v1/operations",
            Self::Operation(_) | Self::Submit(_) => OPERATION,
            Self::Jobs => "/v1/jobs",
            Self::Events => "/v1/events",
            Self::JobEvents(_) => "/v1/jobs/{id}/events",
            Self::Log(_) => "/v1/jobs/{id}/log",
            Self::Retry(_) => "/v1/jobs/{id}/retry",
            Self::Job(_) | Self::Delete(_) => "/v1/jobs/{id}",
            Self::Cancel(_) => "/v1/jobs/{id}/cancel",
            Self::Download(_) => "/v1/downloads/{id}",
            Self::Driveonweb(endpoint) => of_driveonweb(*endpoint),
            Self::Onedrive(endpoint) => of_onedrive(&endpoint.action),
            Self::Deltaxml(endpoint) => of_deltaxml(*endpoint),
            Self::Custom(endpoint) => match endpoint.action {
                custom::Action::Submit => endpoint.route.submit.text(),
                custom::Action::Status(_) => endpoint.route.status.text(),
                custom::Action::Result(_) => endpoint.route.result.text(),
            },
            Self::Monitor(_) => "/monitor/{token}",
            Self::MonitorEvents(_) => "/monitor/{token}/events",
            Self::MonitorResult(_) => "/monitor/{token}/result",
            Self::Session => "/session",
        }
    }
}

fn of_driveonweb(endpoint: driveonweb::Endpoint) -> &'static str {
    use driveonweb::{Endpoint, Kind};
    match endpoint {
        Endpoint::Roots => "/rest/folders",
        Endpoint::Folder(_) => "/rest/folders/{folder}",
        Endpoint::Start(Kind::Zip, _) => "/rest/folders/{folder}/zip",
        Endpoint::Start(Kind::Copy, _) => "/rest/folders/{folder}/copy",
        Endpoint::Job(Kind::Zip, _) => "/rest/jobs/zip/{job}",
        Endpoint::Job(Kind::Copy, _) => "/rest/jobs/copy/{job}",
        Endpoint::Download(_) => "/rest/files/{file}/download",
    }
}

fn of_onedrive(what: &onedrive::Action) -> &'static str {
    use onedrive::{Action, Address};
    match what {
        Action::Item(Address::Root) => "/drive/root",
        Action::Item(_) => "/drive/items/{item}",
        Action::Children(Address::Root) => "/drive/root/children",
        Action::Children(_) | Action::Upload(_) => "/drive/items/{item}/children",
        Action::Content(_) => "/drive/items/{item}/content",
        Action::Copy(_) => "/drive/items/{item}/copy",
        Action::Monitor(_) => "/monitor/{token}",
        Action::MonitorResult(_) => "/monitor/{token}/result",
    }
}

fn of_deltaxml(endpoint: deltaxml::Endpoint) -> &'static str {
    use deltaxml::{Action, Operation, Product};
    match (endpoint.product, endpoint.action) {
        (Product::Compare, Action::Submit(_)) => "/api/xml-data-compare/v1/compare",
        (Product::Compare, Action::Types) => "/api/xml-data-compare/v1/types",
        (Product::Compare, Action::Job(_) | Action::Delete(_)) => {
            "/api/xml-data-compare/v1/jobs/{uuid}"
        }
        (Product::Compare, Action::Download(_)) => "/api/xml-data-compare/v1/downloads/{uuid}",
        (Product::Merge, Action::Submit(Operation::Concurrent)) => {
            "/api/xmlmerge/v1/types/concurrent"
        }
        (Product::Merge, Action::Submit(Operation::ThreeWay)) => "/api/xmlmerge/v1/types/threeway",
        (Product::Merge, Action::Submit(_)) => "/api/xmlmerge/v1/types/sequential",
        (Product::Merge, Action::Types) => "/api/xmlmerge/v1/types",
        (Product::Merge, Action::Job(_) | Action::Delete(_)) => "/api/xmlmerge/v1/jobs/{uuid}",
        (Product::Merge, Action::Download(_)) => "/api/xmlmerge/v1/downloads/{uuid}",
    }
}
