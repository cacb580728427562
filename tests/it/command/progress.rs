//! Progress reported by commands.

use serde_json::{Value, json};

use super::submit;
use crate::harness::{Client, Site, wait_for};

/// A command that prints these lines, and continues each time the test has seen one.
fn script(site: &Site, said: &[&str]) -> String {
    let steps = said.iter().enumerate().map(|(number, said)| {
        let go = site.path().join(format!("go-{number}"));
        format!(
            "{said}\nuntil [ -e {} ]; do sleep 0.01; done\n",
            go.display()
        )
    });
    steps.collect::<String>() + "echo ok >\"$1\""
}

fn go_on(site: &Site, number: usize) {
    std::fs::write(site.path().join(format!("go-{number}")), "").expect("a file");
}

/// Waits until a job's JSON meets a condition; returns it.
fn shown(client: Client, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    wait_for("progress", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        assert!(job["finishedAt"].is_null(), "{job}");
        what(&job).then_some(job)
    })
}

#[test]
fn progress_is_parsed_from_both_streams() {
    let site = Site::new();
    let script = script(
        &site,
        &[
            "echo '  Duration: 00:01:40.00, start: 0' >&2; printf 'time=00:00:25.00\\r'",
            "echo 'frame=7'; echo 'time=00:01:15.5 speed=9x'",
            "echo 'Pass two' >&2; echo '80 %'",
        ],
    );
    let more = r"progress = ['Duration: (?<total>[\d:.]+)', 'time=(?<current>[\d:.]+)', '(?<percent>\d+) %', '^(?<phase>Pass .*)$']";
    let server = super::serve_script(&site, &script, more);
    let client = server.client();
    let id = submit(client, &json!({}));
    let job = shown(client, &id, |job| job["percentComplete"] == 25.0);
    assert_eq!(job["phase"], "Running");
    go_on(&site, 0);
    shown(client, &id, |job| job["percentComplete"] == 75.5);
    go_on(&site, 1);
    shown(client, &id, |job| {
        job["percentComplete"] == 80.0 && job["phase"] == "Pass two"
    });
    go_on(&site, 2);
    let job = client.ended(&id);
    assert_eq!(
        (&job["status"], &job["percentComplete"]),
        (&json!("succeeded"), &json!(100.0))
    );
    server.stop();
}

#[test]
fn progress_is_parsed_from_a_line_based_result() {
    let site = Site::new();
    let script = script(&site, &["echo 'row 30 of 100'"]).replace(" >\"$1\"", "");
    let server = site.serve_configured(&format!(
        "[operations.c]\ncommand = ['sh', '-c', '''{script}''']\nprogress = ['row (?<current>\\d+) of (?<total>\\d+)']\n"
    ));
    let client = server.client();
    let id = submit(client, &json!({}));
    shown(client, &id, |job| job["percentComplete"] == 30.0);
    go_on(&site, 0);
    let job = client.ended(&id);
    assert_eq!(super::result(client, &job), "row 30 of 100\nok\n");
    server.stop();
}

#[test]
fn json_lines_on_descriptor_3_are_progress() {
    let site = Site::new();
    let script = script(
        &site,
        &[
            r#"echo '{"percent":40,"phase":"Cutting"}' >&3"#,
            r#"echo 'no JSON' >&3; echo '{"percent":"x"}' >&3; echo '{"percent":60.25,"current":4,"total":10,"stage":"part four"}' >&3"#,
            r#"echo '{"percent":250}' >&3"#,
        ],
    );
    let server = super::serve_script(&site, &script, "");
    let client = server.client();
    let id = submit(client, &json!({}));
    shown(client, &id, |job| {
        job["percentComplete"] == 40.0 && job["phase"] == "Cutting"
    });
    go_on(&site, 0);
    let job = shown(client, &id, |job| job["percentComplete"] == 60.2);
    assert_eq!(job["phase"], "Cutting");
    assert_eq!(
        job["stage"],
        json!({ "name": "part four", "current": 4, "total": 10 })
    );
    go_on(&site, 1);
    shown(client, &id, |job| job["percentComplete"] == 99.9);
    go_on(&site, 2);
    assert_eq!(client.ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn progress_is_parsed_from_unterminated_lines_and_results() {
    let site = Site::new();
    // Each line uses another format; the last three are unterminated.
    let script = script(
        &site,
        &[
            "echo 'at 10 %'",
            "printf '\\rat 20 %%' >&2",
            "printf '\\rat 30 %%'",
            "printf '{\"percent\":40}' >&3",
        ],
    );
    let script = script.replace(">\"$1\"", "");
    let server = site.serve_configured(&format!(
        "[operations.c]\ncommand = ['sh', '-c', '''{script}''']\nprogress = ['at (?<percent>\\d+) %']\n"
    ));
    let client = server.client();
    let id = submit(client, &json!({}));
    for (number, percent) in [10.0, 20.0, 30.0, 40.0].into_iter().enumerate() {
        shown(client, &id, |job| job["percentComplete"] == percent);
        go_on(&site, number);
    }
    let job = client.ended(&id);
    assert_eq!(
        super::result(client, &job),
        "at 10 %\n\rat 30 %ok\n",
        "the result is what was printed"
    );
    server.stop();
}
