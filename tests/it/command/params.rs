//! Params of commands: optional ones, flags, and their order.

use serde_json::{Value, json};

use super::{result, run};
use crate::harness::{Client, Site};

/// Prints its arguments, one a line.
const ARGUMENTS: &str = "[operations.c]\n\
    command = ['printf', '%s\\n', 'start', '{verbose}', '--name={name}', '{number}', '{list}', '{mono}', '{both}{verbose}']\n\
    params.verbose = { type = 'boolean', flag = '--verbose' }\n\
    params.name = { type = 'string', required = false }\n\
    params.number = { type = 'integer', required = false, minimum = 0 }\n\
    params.list = { type = 'array', items = { type = 'string' }, required = false }\n\
    params.mono = { type = 'boolean', flag = 'mono audio', default = true }\n\
    params.both = { type = 'string', required = false }\n";

fn arguments(client: Client, params: &Value) -> Vec<String> {
    let printed = result(client, &run(client, params));
    printed.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn absent_param_and_false_flag_leave_their_arguments_out() {
    let site = Site::new();
    let server = site.serve_configured(ARGUMENTS);
    let client = server.client();
    let check = |params: Value, expected: &[&str]| {
        assert_eq!(arguments(client, &params), expected, "{params}");
    };
    check(json!({}), &["mono audio"]);
    check(json!({ "verbose": false, "mono": false }), &[]);
    check(
        json!({ "verbose": true, "mono": false, "both": "b" }),
        &["--verbose", "b--verbose"],
    );
    check(json!({ "mono": false, "both": "b" }), &[]);
    check(
        json!({ "mono": false, "name": "", "number": 0, "list": ["a", "b"] }),
        &["--name=", "0", "a", "b"],
    );
    for (bad, pointer) in [
        (json!({ "verbose": "--verbose" }), "#/verbose"),
        (json!({ "name": null }), "#/name"),
        (json!({ "number": -1 }), "#/number"),
    ] {
        let problem = client.post("/v1/operations/c", &bad, 422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // A box of a form that is checked, and fields that are not filled in.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = b"verbose=on&number=";
    let job = client.ask("POST", "/v1/operations/c", &form, body, 202);
    let job = client.ended(job.json()["id"].as_str().expect("an id"));
    assert_eq!(result(client, &job), "start\n--verbose\nmono audio\n");
    server.stop();
}

#[test]
fn optional_params_are_published_as_plain_json_schema() {
    let site = Site::new();
    let server = site.serve_configured(ARGUMENTS);
    let client = server.client();
    let params = client.get("/v1/operations/c", 200).json()["params"].clone();
    assert_eq!(params["required"], json!([]));
    let properties = &params["properties"];
    assert_eq!(
        properties["verbose"],
        json!({ "type": "boolean", "default": false })
    );
    assert_eq!(properties["name"], json!({ "type": "string" }));
    assert_eq!(
        properties["number"],
        json!({ "type": "integer", "minimum": 0 })
    );
    let document = client.get("/openapi.json", 200).json();
    let schema = &document["components"]["schemas"]["c.params"];
    assert_eq!(schema["properties"]["name"], json!({ "type": "string" }));
    server.stop();
}

#[test]
fn idempotency_key_finds_the_job_of_the_same_params_only() {
    let site = Site::new();
    let server = site.serve_configured(ARGUMENTS);
    let client = server.client();
    let post = |body: &str, status| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
        ];
        let reply = client.ask(
            "POST",
            "/v1/operations/c",
            &headers,
            body.as_bytes(),
            status,
        );
        reply.json()
    };
    let first = post(r#"{"verbose":true}"#, 202);
    assert_eq!(post(r#"{"verbose":true}"#, 202)["id"], first["id"]);
    post(r#"{"verbose":true,"name":"x"}"#, 422);
    client.ended(first["id"].as_str().expect("an id"));
    server.stop();
}

#[test]
fn params_keep_the_order_of_the_file() {
    let names = ["zeta", "width", "alpha", "source", "mid"];
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['true', '{zeta}']\n\
         inputs.second = { required = true }\ninputs.first = {}\n\
         params.zeta = { type = 'object', required = false, properties = { y = {}, x = {} } }\n\
         params.width = { type = 'integer', default = 1 }\n\
         [operations.c.params.alpha]\nmaximum = 9\ntype = 'integer'\nminimum = 1\n\
         [operations.c.params.source]\ntype = 'string'\n\
         [operations.c.params.mid]\ntype = 'string'\n",
    );
    let client = server.client();
    let expected: Vec<_> = ["second", "first"].into_iter().chain(names).collect();
    let keys = |value: &Value| -> Vec<String> {
        let members = value.as_object().expect("an object");
        members.keys().cloned().collect()
    };
    let list = client.get("/v1/operations", 200).json();
    let all = list["operations"].as_array().expect("operations");
    let one = all.iter().find(|one| one["name"] == "c").expect("it");
    let document = client.get("/openapi.json", 200).json();
    for params in [
        &one["params"],
        &client.get("/v1/operations/c", 200).json()["params"],
        &document["components"]["schemas"]["c.params"],
    ] {
        let properties = &params["properties"];
        assert_eq!(keys(properties), expected);
        assert_eq!(keys(&properties["alpha"]), ["maximum", "type", "minimum"]);
        assert_eq!(keys(&properties["zeta"]["properties"]), ["y", "x"]);
        assert_eq!(
            params["required"],
            json!(["second", "alpha", "source", "mid"])
        );
    }
    assert_eq!(keys(&one["inputs"]), ["second", "first"]);
    let form = &document["paths"]["/v1/operations/c"]["post"]["requestBody"]["content"]["multipart/form-data"];
    assert_eq!(keys(&form["schema"]["properties"]), expected);
    server.stop();
}
