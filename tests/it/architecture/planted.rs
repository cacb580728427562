//! Each rule finds a violation that is planted for it, and nothing in sources that keep it.

use super::rules::violations;
use super::tree::Tree;

const LAYERS: &str = "\
//! | 4 | [`http`] | requests |
//! | 3 | [`engine`] | the life of jobs |
//! | 1 | [`store`] | the database |
//! | 0 | [`job`] | states |
";

/// Sources that keep every rule, with `planted` added to the file of that path or in its place.
fn found(planted: &[(&str, &str)]) -> Vec<String> {
    let sources = [
        ("lib.rs", "mod engine;\nmod http;\nmod job;\nmod store;\n"),
        ("job.rs", "pub struct Job;\n"),
        ("store/mod.rs", "mod handle;\npub use handle::Store;\n"),
        (
            "store/handle.rs",
            "use crate::job::Job;\npub struct Store;\nconst ALL: &str = \"select id from job\";\n",
        ),
        ("engine/mod.rs", "mod handle;\npub use handle::Engine;\n"),
        (
            "engine/handle.rs",
            "use crate::store::Store;\npub struct Engine(Store);\n",
        ),
        ("http/mod.rs", "mod app;\nmod dialects;\n"),
        (
            "http/app.rs",
            "use crate::engine::Engine;\nuse http::StatusCode;\n",
        ),
        ("http/dialects/mod.rs", "mod one;\nmod two;\n"),
        ("http/dialects/one/mod.rs", "mod handler;\nmod wire;\n"),
        ("http/dialects/one/wire.rs", "use crate::job::Job;\n"),
        (
            "http/dialects/one/handler.rs",
            "use super::wire;\nuse crate::engine::Engine;\n",
        ),
        ("http/dialects/two/mod.rs", "mod wire;\n"),
        ("http/dialects/two/wire.rs", ""),
    ];
    let text = |path: &str, text: &str| {
        let planted = planted.iter().find(|(file, _)| *file == path);
        format!("{text}{}", planted.map_or("", |(_, more)| more))
    };
    let new = planted
        .iter()
        .filter(|(path, _)| !sources.iter().any(|(file, _)| file == path))
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let known = sources
        .iter()
        .map(|(path, source)| ((*path).to_owned(), text(path, source)));
    violations(&Tree::of(known.chain(new)), LAYERS)
}

#[test]
fn clean_sources_have_no_violation() {
    assert_eq!(found(&[]), Vec::<String>::new());
}

#[test]
fn each_rule_finds_its_planted_violation() {
    let planted = [
        ("job.rs", "use crate::store::Store;\n", "above it"),
        ("plan.rs", "", "in no row of the table"),
        (
            "store/handle.rs",
            "use crate::engine::Engine;\n",
            "circle: engine/handle.rs, store/handle.rs",
        ),
        (
            "engine/handle.rs",
            "const Q: &str = \"delete from job\";\n",
            "SQL belongs",
        ),
        (
            "engine/handle.rs",
            "use http::StatusCode;\n",
            "status codes belong",
        ),
        (
            "http/app.rs",
            "fn f() { crate::store::Store; }\n",
            "names crate::store",
        ),
        (
            "http/dialects/one/wire.rs",
            "use crate::engine::Engine;\n",
            "a wire only encodes",
        ),
        (
            "http/dialects/one/handler.rs",
            "use crate::engine::handle::Engine;\n",
            "inside of the engine",
        ),
        (
            "http/dialects/one/handler.rs",
            "use super::super::two::wire;\n",
            "names the dialect two",
        ),
        (
            "engine/mod.rs",
            "fn helper() {}\n",
            "holds an item: fn helper",
        ),
    ];
    for (file, text, expected) in planted {
        let found = found(&[(file, text)]);
        assert!(
            found.iter().any(|violation| violation.contains(expected)),
            "{file}: {text}: {found:?}"
        );
    }
}

#[test]
fn tests_and_comments_are_ignored() {
    let text =
        "// use crate::http::app;\n#[cfg(test)]\nmod tests {\n    use crate::http::app;\n}\n";
    assert_eq!(found(&[("job.rs", text)]), Vec::<String>::new());
}
