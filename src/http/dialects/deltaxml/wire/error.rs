//! Errors in the format of each product.

use crate::http::dialects::deltaxml::wire::node::{Member, Node};
use crate::http::dialects::deltaxml::wire::time::time;
use crate::http::dialects::deltaxml::wire::{Media, Product};
use crate::job::WallMs;

/// An error.
pub(crate) struct Error<'a> {
    /// A sentence for people.
    pub(crate) message: &'a str,
    /// The id of the error, which also appears in the server's log.
    pub(crate) id: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The time of the error.
    pub(crate) at: WallMs,
}

impl Error<'_> {
    /// The members of the error.
    pub(crate) fn node(&self, product: Product) -> Node {
        let [message, id, code] = match product {
            Product::Compare => ["errorMessage", "errorId", "errorCode"],
            Product::Merge => ["ErrorMessage", "ErrorId", "ErrorCode"],
        };
        Node::Object(vec![
            Member::text(message, self.message),
            Member::text(id, &*self.id),
            Member::number(code, self.status.into()),
            Member::text("timestamp", time(self.at)),
        ])
    }
}

/// The error as a response body.
pub(crate) fn error(product: Product, error: &Error<'_>, media: Media) -> String {
    let root = match product {
        Product::Compare => "error",
        Product::Merge => "Error",
    };
    error.node(product).render(media, root)
}
