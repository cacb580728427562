//! Which parts of one element's content are which of another's.
//!
//! The finest sure signs first: equal content, once on either side; equal identifiers; equal content in the same order;
//! content that is equal but for white space; and where nothing is equal, what is most alike. Each step works in the
//! gaps that the ones before it left, and none takes time that grows with the square of a row's length.

mod chain;
mod common;
mod matcher;
mod ordered;
mod row;
mod similar;
mod sketch;

pub(crate) use chain::telling;
pub(crate) use common::{Item, unique};
pub(crate) use matcher::{Matching, ids};
pub(crate) use row::{Content, Part, Place, Row, Unit};
pub(crate) use similar::match_freely;
