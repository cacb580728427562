//! Invalid declarations of operations.

use serde_json::json;

use crate::config::check_refused;
use crate::harness::Site;

#[test]
fn errors_in_declarations_have_line_numbers() {
    let site = Site::new();
    let cases: &[(&str, &[&str])] = &[
        ("command = []", &["2: command: expected a program"]),
        ("command = 'ls'", &["2: ", "expected a list"]),
        (
            "command = ['a']\noutput = 'x'",
            &["3: ", "expected a table"],
        ),
        (
            "command = ['a']\ninputs.x.media-types = ['video']",
            &["3: inputs.x.media-types: expected a media type like"],
        ),
        (
            "command = ['{x}']\nparams.x = { type = 'string' }",
            &["2: command: expected a program without placeholders, found \"{x}\""],
        ),
        (
            "command = [\n'a',\n'{width}']\nparams.widht = { type = 'integer' }",
            &["4: command: unknown placeholder \"{width}\", expected one of {widht}, {output}"],
        ),
        (
            "command = ['a', '{input.x}']",
            &["2: command: unknown placeholder"],
        ),
        (
            "command = ['a', '{output}', '{output.dir}']",
            &["2: command: ", "cannot be used together"],
        ),
        (
            "command = ['a']\ncomand = 1",
            &["3: unknown key \"comand\"", "did you mean \"command\"?"],
        ),
        (
            "command = ['a']\nprogress = ['(?<phase>x)',\n '(']",
            &["4: progress: "],
        ),
        (
            "command = ['a']\nprogress = ['(?<speed>.)']",
            &["3: progress: unknown group \"speed\""],
        ),
        (
            "command = ['a']\nparams.x = 'string'",
            &["3: params.x: expected a table"],
        ),
        (
            "command = ['a']\nparams.x = { type = 'strin' }",
            &[
                "3: params.x: invalid JSON Schema: \"strin\" is not one of",
                "\"string\"",
            ],
        ),
        (
            "command = ['a']\nparams.x = { type = 'string', default = 1 }",
            &["3: params.x: the default does not match the schema"],
        ),
        (
            "command = ['a', '{x}']\nparams.x = { type = 'string', flag = '-x' }",
            &["3: params.x.flag: only a param with type = \"boolean\" has a flag"],
        ),
        (
            "command = ['a', '{x}']\nparams.x = { type = 'boolean', flag = '' }",
            &["3: params.x.flag: expected an argument like \"--verbose\", found \"\""],
        ),
        (
            "command = ['a', '{x}']\nparams.x = { type = 'boolean', flag = true }",
            &["3: params.x.flag: ", "found true"],
        ),
        (
            "command = ['a']\nparams.x = { type = 'boolean', flag = '-x' }",
            &["3: params.x.flag: no argument of the command uses {x}"],
        ),
        (
            "command = ['a', '{x}']\n[operations.c.params.x]\ntype = 'boolean'\nflag = '-x'\nrequired = true",
            &["6: params.x.required: a param with a flag is never required"],
        ),
        (
            "command = ['a', '{x}']\n[operations.c.params.x]\ntype = 'string'\nrequired = 'no'",
            &["5: params.x.required: expected true or false, found \"no\""],
        ),
        (
            "command = ['a']\nparams.x = { required = true, default = 1 }",
            &["3: params.x.required: a param with a default is never required"],
        ),
        (
            "command = ['a']\nparams.x = { type = 'string', writeOnly = 1 }",
            &["3: params.x.writeOnly: expected true or false, found 1"],
        ),
        (
            "command = ['a']\nparams.x = { type = 'string', write-only = true }",
            &["3: params.x.write-only: ", "did you mean \"writeOnly\"?"],
        ),
        (
            "command = ['a']\noutput.filename = '{x}.txt'\nparams.x = { type = 'string', format = 'password' }",
            &["3: output.filename: the param \"x\" is write-only"],
        ),
        (
            "command = ['a']\nparams.keep = { type = 'string' }",
            &["3: params.keep: ", "is reserved"],
        ),
        ("command = ['a']\nparams.work = {}", &["3: params.work: "]),
        (
            "command = ['a']\nparams.'a b' = {}",
            &["3: params.a b: ", "invalid name"],
        ),
        (
            "command = ['a']\nparams.x = {}\ninputs.x = {}",
            &["params.x: \"x\" is the name of an input, too"],
        ),
        (
            "command = ['a']\ninputs.x = { mediatypes = [] }",
            &[
                "3: unknown key \"mediatypes\"",
                "did you mean \"media-types\"?",
            ],
        ),
        (
            "command = ['a']\noutput.filename = 'a/b'",
            &["3: output.filename: "],
        ),
        (
            "command = ['a']\noutput.filename = '{output}'",
            &["3: output.filename: "],
        ),
        (
            "command = ['a']\noutput.media-type = 'video'",
            &["3: output.media-type: "],
        ),
        ("command = ['a']\nenv = ['A=B']", &["3: env: "]),
        (
            "command = ['a']\ntimeout = '0s'",
            &["3: ", "expected a duration"],
        ),
        ("command = ['a']\nconcurrency = 0", &["3: ", "at least 1"]),
    ];
    for (text, parts) in cases {
        let text = format!("[operations.c]\n{text}");
        check_refused(&mut site.command_configured(&text), parts);
    }
    for name in ["a b", "a/b", "-a", "ä"] {
        let text = format!("[operations.'{name}']\ncommand = ['a']");
        let expected = format!("{name:?} is not a valid operation name");
        check_refused(&mut site.command_configured(&text), &["1: ", &expected]);
    }
    let built_in = "[operations.zip]\ncommand = ['a']";
    check_refused(&mut site.command_configured(built_in), &["1: ", "built-in"]);
}

#[test]
fn operation_name_may_have_capitals_and_grace_may_be_zero() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.to_PDF]\ncommand = ['echo', 'made']\ngrace = '0s'\n\
         [operations.3d-print]\ncommand = ['true']\n",
    );
    let client = server.client();
    let job = client.post("/v1/operations/to_PDF", &json!({}), 202).json();
    let job = client.ended(job["id"].as_str().expect("an id"));
    assert_eq!(job["output"]["filename"], "to_PDF", "{job}");
    client.get("/v1/operations/3d-print", 200);
    server.stop();
}
