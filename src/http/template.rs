//! What the addresses of each route have in common, as the description writes it.

use super::dialects::{custom, deltaxml, driveonweb, onedrive};
use super::route::Route;

/// The address of every operation.
pub(super) const OPERATION: &str = "/v1/operations/{name}";

impl Route {
    /// The route's address with names in braces for what differs. No arm for the rest: a new route does not compile until
    /// it is here.
    pub(super) fn template(&self) -> &str {
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
            Self::Driveonweb(call) => of_driveonweb(*call),
            Self::Onedrive(call) => of_onedrive(&call.what),
            Self::Deltaxml(call) => of_deltaxml(*call),
            Self::Custom(call) => match call.what {
                custom::What::Submit => call.of.submit.text(),
                custom::What::Status(_) => call.of.status.text(),
                custom::What::Result(_) => call.of.result.text(),
            },
            Self::Monitor(_) => "/monitor/{token}",
            Self::MonitorEvents(_) => "/monitor/{token}/events",
            Self::MonitorResult(_) => "/monitor/{token}/result",
            Self::Session => "/session",
        }
    }
}

fn of_driveonweb(call: driveonweb::Call) -> &'static str {
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

fn of_onedrive(what: &onedrive::What) -> &'static str {
    use onedrive::{Address, What};
    match what {
        What::Item(Address::Root) => "/drive/root",
        What::Item(_) => "/drive/items/{item}",
        What::Children(Address::Root) => "/drive/root/children",
        What::Children(_) | What::Upload(_) => "/drive/items/{item}/children",
        What::Content(_) => "/drive/items/{item}/content",
        What::Copy(_) => "/drive/items/{item}/copy",
        What::Monitor(_) => "/monitor/{token}",
        What::MonitorResult(_) => "/monitor/{token}/result",
    }
}

fn of_deltaxml(call: deltaxml::Call) -> &'static str {
    use deltaxml::{Product, What, Work};
    match (call.product, call.what) {
        (Product::Compare, What::Begin(_)) => "/api/xml-data-compare/v1/compare",
        (Product::Compare, What::Types) => "/api/xml-data-compare/v1/types",
        (Product::Compare, What::Job(_) | What::Delete(_)) => {
            "/api/xml-data-compare/v1/jobs/{uuid}"
        }
        (Product::Compare, What::Download(_)) => "/api/xml-data-compare/v1/downloads/{uuid}",
        (Product::Merge, What::Begin(Work::Concurrent)) => "/api/xmlmerge/v1/types/concurrent",
        (Product::Merge, What::Begin(Work::ThreeWay)) => "/api/xmlmerge/v1/types/threeway",
        (Product::Merge, What::Begin(_)) => "/api/xmlmerge/v1/types/sequential",
        (Product::Merge, What::Types) => "/api/xmlmerge/v1/types",
        (Product::Merge, What::Job(_) | What::Delete(_)) => "/api/xmlmerge/v1/jobs/{uuid}",
        (Product::Merge, What::Download(_)) => "/api/xmlmerge/v1/downloads/{uuid}",
    }
}
