//! `GET /`: the page for people. It holds no data, so nobody is asked who he is: its script asks the API, as any client
//! does. One answer with everything in it; nothing else may run on it or be loaded.

mod page;

pub(in crate::http) use page::page;
