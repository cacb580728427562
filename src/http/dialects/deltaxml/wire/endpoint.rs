//! The DeltaXML products, their paths, and the work that they submit.

use crate::http::dialects::deltaxml::wire::compare;
use crate::job::JobId;

/// A DeltaXML product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// XML Data Compare.
    Compare,
    /// XML Merge.
    Merge,
}

impl Product {
    const ALL: [Self; 2] = [Self::Compare, Self::Merge];

    /// The prefix of its paths.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Compare => "/api/xml-data-compare/v1",
            Self::Merge => "/api/xmlmerge/v1",
        }
    }

    /// The product that a path belongs to, which decides the format of errors.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|product| {
            let rest = path.strip_prefix(product.prefix());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The product's name for a param or a job option.
    pub(crate) fn field_name(self, param: &str) -> &str {
        match (self, param) {
            (Self::Compare, _) => {
                let mut inputs = compare::INPUTS.into_iter();
                let input = inputs.find(|(_, input_param)| *input_param == param);
                input.map_or(param, |(input, _)| input)
            }
            (Self::Merge, "versions") => "Versions",
            (Self::Merge, "callback") => "Callback",
            (Self::Merge, "output") => "Output",
            (Self::Merge, _) => param,
        }
    }

    /// The path of a job.
    pub(crate) fn job_path(self, id: JobId) -> String {
        format!("{}/jobs/{}", self.prefix(), id.to_uuid())
    }

    /// The path of a job's result.
    pub(crate) fn download_path(self, id: JobId) -> String {
        format!("{}/downloads/{}", self.prefix(), id.to_uuid())
    }
}

/// The work that a request submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Compares two documents.
    Compare,
    /// Merges versions that all derive from the first.
    Concurrent,
    /// Merges two versions that derive from a third.
    ThreeWay,
    /// Merges versions that each derive from the previous one.
    Sequential,
}

impl Operation {
    /// The merge types.
    pub(crate) const MERGES: [Self; 3] = [Self::ThreeWay, Self::Concurrent, Self::Sequential];

    /// The name of the operation in the native API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent | Self::ThreeWay | Self::Sequential => "merge",
        }
    }

    /// The last segment of its path, which is also the `mode` of a merge.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "concurrent",
            Self::ThreeWay => "threeway",
            Self::Sequential => "sequential",
        }
    }

    /// The root element of its requests in XML.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "ConcurrentMerge",
            Self::ThreeWay => "ThreeWayMerge",
            Self::Sequential => "SequentialMerge",
        }
    }
}

/// Whether a path is the path of a result, if it exists.
pub(crate) fn is_download(path: &str) -> bool {
    let rest = Product::of(path).and_then(|product| path.strip_prefix(product.prefix()));
    rest.is_some_and(|rest| rest.starts_with("/downloads/"))
}
