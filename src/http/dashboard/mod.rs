//! `GET /`: the dashboard. The page holds no data and needs no token: its script uses the API like any other client. It is
//! one response that includes its script and style; its policy forbids other scripts and resources.

mod page;

pub(crate) use page::page;
