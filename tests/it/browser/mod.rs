//! What web pages can do from within a real browser. Servers with disabled checks show that the attacks would work.

mod chromium;
mod dashboard;
mod differences;
mod hostile_site;
mod page;

use serde_json::json;

use crate::harness::{Client, Server, Site, wait_for};
use chromium::Chromium;
use hostile_site::HostileSite;

/// A server with a failpoint, and files to zip.
fn server(site: &Site, fault: Option<&str>) -> Server {
    for file in ["form", "query", "text", "json", "beacon", "rebound", "a"] {
        site.write(file, b"a");
    }
    let mut command = site.command();
    command.envs(fault.map(|fault| ("CLOAKROOM_FAULT", fault)));
    site.serve_with(command)
}

/// The paths of all zip jobs.
fn zipped(client: &Client) -> Vec<String> {
    let list = client.get("/v1/jobs", 200).json();
    let jobs = list["jobs"].as_array().expect("jobs").iter();
    let mut paths: Vec<_> = jobs
        .map(|job| job["params"]["path"].as_str().expect("a path").to_owned())
        .collect();
    paths.sort();
    paths
}

#[test]
fn cross_origin_pages_and_dns_rebinding_are_rejected() {
    let sites = [Site::new(), Site::new(), Site::new()];
    let [strict, no_site_check, no_host_check] = [
        server(&sites[0], None),
        server(&sites[1], Some("site-check-off")),
        server(&sites[2], Some("host-check-off")),
    ];
    let site = HostileSite::start();
    let url = |server: &Server| format!("http://{}", server.address());
    let rebound = |server: &Server, name: &str| {
        format!("http://evil.test:{}/attack?{name}", server.address().port())
    };
    let page = format!(
        "http://hostile.test/?visit={}&visit={}&strict={}&open={}",
        rebound(&strict, "strict-rebound"),
        rebound(&no_host_check, "open-rebound"),
        url(&strict),
        url(&no_site_check)
    );
    let Some(_browser) = Chromium::open(&page, site.address()) else {
        return;
    };
    for page in ["strict", "open", "strict-rebound", "open-rebound"] {
        let done = format!("{page} done");
        wait_for(&done, || site.reports().contains(&done).then_some(()));
    }
    let reports = site.reports();
    let has = |report: &str| reports.iter().any(|found| found.starts_with(report));
    let all = || reports.join("\n");

    // With a check disabled the attacks succeed. The page does not wait for the beacon.
    let expected = ["/docs/beacon", "/docs/form", "/docs/query"];
    wait_for("the beacon", || {
        (zipped(&no_site_check.client()) == expected).then_some(())
    });
    assert!(has("open-rebound saw 200"), "{}", all());
    assert_eq!(zipped(&no_host_check.client()), ["/docs/rebound"]);

    // With all checks enabled, no job was created and none was read.
    assert!(has("strict-rebound saw 421"), "{}", all());
    assert!(!has("strict read") && !has("strict followed"), "{}", all());
    let client = strict.client();
    let first = client.post("/v1/operations/zip", &json!({ "path": "/docs/a" }), 202);
    assert_eq!(first.json()["seq"], 1);
    for server in [strict, no_site_check, no_host_check] {
        server.stop();
    }
}
