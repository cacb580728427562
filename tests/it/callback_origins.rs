//! Callback receivers that hang must not delay the callbacks of others.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Client, Site, wait_for};
use crate::origin::{Origin, reply};

/// Less than the 15 s after which the first callback to a hanging receiver times out.
const BEFORE_ANY_TIMEOUT: Duration = Duration::from_secs(12);

/// A receiver whose backlog accepts connections, and that never answers.
struct Hanging(TcpListener);

impl Hanging {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn url(&self) -> String {
        format!("http://{}/", self.0.local_addr().expect("its address"))
    }
}

fn zip(client: Client, callback: &str) -> String {
    let path = format!("/v1/operations/zip?callback={callback}");
    let job = client
        .post(&path, &json!({ "path": "/docs/a" }), 202)
        .json();
    job["id"].as_str().expect("an id").to_owned()
}

/// Submits a job with a healthy receiver; its callback must be delivered before any other times out.
fn check_healthy(client: Client) {
    let healthy = Origin::saying(reply("204 No Content", "", b""));
    let begun = Instant::now();
    let id = zip(client, &healthy.url("/"));
    wait_for("the callback", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        (job["callback"]["state"] == "delivered").then_some(())
    });
    let took = begun.elapsed();
    assert!(took < BEFORE_ANY_TIMEOUT, "{took:?}");
}

fn site() -> Site {
    let site = Site::new();
    site.write("a", b"a");
    site
}

#[test]
fn hanging_receiver_on_another_port_delays_no_callback() {
    let site = site();
    let server = site.serve();
    let hanging = Hanging::new();
    for _ in 0..12 {
        server.client().ended(&zip(server.client(), &hanging.url()));
    }
    check_healthy(server.client());
}

#[test]
fn fifty_hanging_receivers_delay_no_callback() {
    let site = site();
    let server = site.serve();
    let hanging: Vec<_> = (0..50).map(|_| Hanging::new()).collect();
    for receiver in hanging.iter().chain(&hanging) {
        zip(server.client(), &receiver.url());
    }
    check_healthy(server.client());
}

#[test]
fn thousands_of_callbacks_to_one_hanging_receiver_delay_no_callback() {
    let site = site();
    let server = site.serve();
    let hanging = Hanging::new();
    server.client().ended(&zip(server.client(), &hanging.url()));
    server.kill();
    let database = site.data().join("cloakroom.db");
    let database = rusqlite::Connection::open(database).expect("the database opens");
    let columns: String = database
        .query_row(
            "select group_concat(name, ', ') from pragma_table_info('job') where name not in ('seq', 'id')",
            [],
            |row| row.get(0),
        )
        .expect("the columns");
    let copied = database.execute(
        &format!(
            "with recursive copy (n) as (select 1 union all select n + 1 from copy where n < 6000)
             insert into job (seq, id, {columns}) select 1000000 + n, randomblob(16), {columns} from job, copy"
        ),
        [],
    );
    assert_eq!(copied.expect("rows"), 6000);
    drop(database);
    let server = site.serve();
    check_healthy(server.client());
}
