//! What is wrong, in the words of each product.

use crate::http::dialects::deltaxml::wire::job::time;
use crate::http::dialects::deltaxml::wire::node::{Member, Node};
use crate::http::dialects::deltaxml::wire::{Media, Product};
use crate::job::WallMs;

/// Something that went wrong.
pub(crate) struct Error<'a> {
    pub(crate) message: &'a str,
    /// What it is known by.
    pub(crate) id: String,
    /// The HTTP status that goes with it.
    pub(crate) status: u16,
    pub(crate) at: WallMs,
}

impl Error<'_> {
    /// The members that it has.
    pub(in crate::http) fn node(&self, product: Product) -> Node {
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

/// The reply that is an error.
pub(crate) fn error(product: Product, error: &Error<'_>, media: Media) -> String {
    let root = match product {
        Product::Compare => "error",
        Product::Merge => "Error",
    };
    error.node(product).written(media, root)
}
