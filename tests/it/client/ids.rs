//! Commands that take the first characters of a job's ID.

use super::{cloakroom, code, said, words};
use crate::harness::Site;

fn submit(site: &Site) -> String {
    said(site, &["submit", "-q", "zip", "path=/docs/a"])
        .trim()
        .to_owned()
}

#[test]
fn unique_prefix_in_either_case_stands_for_the_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let ids: Vec<_> = (0..3).map(|_| submit(&site)).collect();
    let prefix = ids[1][..24].to_lowercase();
    said(&site, &["wait", "-q", &prefix]);
    for command in [&["status", &prefix][..], &["status", &ids[1][..25]]] {
        let shown = said(&site, command);
        assert!(
            shown.contains(&ids[1]) && !shown.contains(&ids[0]),
            "{shown}"
        );
    }
    let saved = cloakroom(&site, &["get", "-q", "-o", "-", &prefix]);
    assert!(saved.stdout.starts_with(b"PK"), "{saved:?}");
    said(&site, &["log", &prefix]);
    said(&site, &["retry", &prefix]);
    assert_eq!(code(&site, &["cancel", &prefix]), Some(1), "it has ended");
    said(&site, &["delete", &prefix]);
    let output = cloakroom(&site, &["status", &prefix]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("no job has an ID"), "{output:?}");
    // These are no prefixes of any ID.
    for none in ["UUUUUU", "zzzzzz"] {
        assert_eq!(code(&site, &["status", none]), Some(1), "{none}");
    }
    assert_eq!(code(&site, &["status", &ids[0][..5]]), Some(2), "too short");
    server.stop();
}

#[test]
fn ambiguous_prefix_lists_at_most_ten_ids() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    // The first six characters change every 17 minutes.
    let mut ids = vec![submit(&site)];
    let alike = |ids: &[String]| {
        let newest = ids.last().expect("an ID");
        ids.iter().filter(|id| id[..6] == newest[..6]).count()
    };
    let ambiguous = |ids: &[String]| {
        let prefix = ids.last().expect("an ID")[..6].to_lowercase();
        let output = cloakroom(&site, &["status", &prefix]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = words(&output);
        (ids.iter().filter(|id| text.contains(*id)).count(), text)
    };
    while alike(&ids) < 2 {
        ids.push(submit(&site));
    }
    assert_eq!(ambiguous(&ids).0, 2);
    while alike(&ids) < 12 {
        ids.push(submit(&site));
    }
    let (listed, text) = ambiguous(&ids);
    assert!(listed == 10 && text.contains("and more"), "{text}");
    server.stop();
}

#[test]
fn list_is_restricted_to_an_id_prefix() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let mut ids: Vec<_> = (0..9).map(|_| submit(&site)).collect();
    let listed = |query: &str| -> Vec<String> {
        let list = client.get(&format!("/v1/jobs?{query}"), 200).json();
        let jobs = list["jobs"].as_array().expect("a list").iter();
        jobs.map(|job| job["id"].as_str().expect("an ID").to_owned())
            .collect()
    };
    for gap in [4, 0] {
        said(&site, &["delete", &ids.remove(gap)]);
    }
    for id in &ids {
        assert_eq!(listed(&format!("id-prefix={id}")), [id.as_str()]);
        assert_eq!(listed(&format!("id-prefix={}", &id[..24])), [id.as_str()]);
    }
    ids.reverse();
    assert_eq!(listed("id-prefix=0"), ids);
    assert_eq!(listed("id-prefix=0&limit=2"), ids[..2]);
    assert_eq!(listed("id-prefix=0&operation=copy"), [""; 0]);
    assert_eq!(listed("id-prefix=7"), [""; 0]);
    for wrong in ["8", "", "u", "000000000000000000000000000"] {
        client.get(&format!("/v1/jobs?id-prefix={wrong}"), 422);
    }
    server.stop();
}
