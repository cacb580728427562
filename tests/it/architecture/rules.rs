//! The rules, each as a list of its violations.

use std::collections::BTreeMap;

use regex::Regex;

use super::tree::Tree;

/// Every violation of every rule; `docs` is the text of `lib.rs` with its table of layers.
pub(super) fn violations(tree: &Tree, docs: &str) -> Vec<String> {
    [
        layers(tree, docs),
        cycles(tree),
        sql(tree),
        status_codes(tree),
        http_and_store(tree),
        dialects(tree),
        mod_files(tree),
    ]
    .concat()
}

/// The layer of each top-level module, from the table in the crate docs: `//! | 3 | [`engine`] | ... |`.
fn table(docs: &str) -> BTreeMap<String, u32> {
    let row = Regex::new(r"(?m)^//! \| (\d) \| ([^|]*) \|").expect("a pattern");
    let name = Regex::new(r"`(\w+)`").expect("a pattern");
    let mut layers = BTreeMap::new();
    for row in row.captures_iter(docs) {
        let layer = row[1].parse().expect("a digit");
        for name in name.captures_iter(&row[2]) {
            layers.insert(name[1].to_ascii_lowercase(), layer);
        }
    }
    layers
}

/// A module uses its own layer and those below.
fn layers(tree: &Tree, docs: &str) -> Vec<String> {
    let layers = table(docs);
    let layer = |module: &str| layers.get(module).copied();
    let mut found = Vec::new();
    for file in tree.files.keys().filter(|file| *file != "lib.rs") {
        let module = top(file);
        let Some(own) = layer(module) else {
            found.push(format!(
                "src/{file}: {module} is in no row of the table of layers in lib.rs"
            ));
            continue;
        };
        for import in tree.imports(file) {
            if layer(top(import)).is_some_and(|other| other > own) {
                found.push(format!(
                    "src/{file} (layer {own}) imports src/{import}, which is above it"
                ));
            }
        }
    }
    found
}

fn top(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

/// No file imports itself through others.
fn cycles(tree: &Tree) -> Vec<String> {
    let cycles = tree.cycles().into_iter();
    cycles
        .map(|files| {
            format!(
                "these files import each other in a circle: {}",
                files.join(", ")
            )
        })
        .collect()
}

/// Only the store speaks SQL.
fn sql(tree: &Tree) -> Vec<String> {
    let pattern =
        r#"(?i)"(select .* from|insert into|update \w+ set|delete from|pragma) |\brusqlite\b"#;
    outside(tree, pattern, &["store/"], "SQL belongs into src/store")
}

/// Status codes stay where HTTP is spoken.
fn status_codes(tree: &Tree) -> Vec<String> {
    let places = [
        "http/",
        "outbound/",
        "cli/",
        "operations/documents/remote/",
        "operations/fetch/",
    ];
    outside(
        tree,
        r"\bStatusCode\b",
        &places,
        "status codes belong where HTTP is spoken",
    )
}

fn outside(tree: &Tree, pattern: &str, places: &[&str], rule: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let elsewhere = tree
        .files
        .iter()
        .filter(|(file, _)| !places.iter().any(|place| file.starts_with(place)));
    elsewhere
        .filter_map(|(file, source)| pattern.find(&source.text).map(|hit| (file, hit.as_str())))
        .map(|(file, hit)| format!("src/{file}: {hit}: {rule}"))
        .collect()
}

/// HTTP reaches the store through the engine.
fn http_and_store(tree: &Tree) -> Vec<String> {
    let files = tree.files.keys().filter(|file| file.starts_with("http/"));
    files
        .filter(|file| {
            tree.paths(file)
                .any(|path| path.first().is_some_and(|one| one == "store"))
        })
        .map(|file| format!("src/{file} names crate::store; ask the engine"))
        .collect()
}

/// A dialect knows no other dialect and no part of the engine but its API; its wire knows no engine at all.
fn dialects(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.files.keys() {
        let parts: Vec<&str> = file.split('/').collect();
        let ["http", "dialects", dialect, rest @ ..] = parts.as_slice() else {
            continue;
        };
        let is_wire = rest.first().is_some_and(|name| name.starts_with("wire"));
        for path in tree.paths(file) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            match path.as_slice() {
                ["http", "dialects", other, ..]
                    if other != dialect && *dialect != "mod.rs" && is_module(tree, other) =>
                {
                    found.push(format!("src/{file} names the dialect {other}"));
                }
                ["engine", ..] if is_wire => {
                    found.push(format!(
                        "src/{file} names the engine; a wire only encodes and decodes"
                    ));
                }
                ["engine", module, ..] if is_lower(module) => {
                    found.push(format!(
                        "src/{file} names engine::{module}, which is inside of the engine"
                    ));
                }
                _ => {}
            }
        }
    }
    found
}

fn is_module(tree: &Tree, dialect: &str) -> bool {
    let folder = format!("http/dialects/{dialect}/");
    tree.files.keys().any(|file| file.starts_with(&folder))
}

fn is_lower(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// `mod.rs` has docs, `mod` and `use` lines only.
fn mod_files(tree: &Tree) -> Vec<String> {
    let item = r"(?m)^(?:pub(?:\([^)]*\))? )?(?:(?:async|unsafe|const) )*(?:fn|struct|enum|union|trait|impl|const|static|type|macro_rules!)\b[^\n]*";
    let item = Regex::new(item).expect("a pattern");
    let files = tree
        .files
        .iter()
        .filter(|(file, _)| file.ends_with("mod.rs"));
    files
        .filter_map(|(file, source)| item.find(&source.text).map(|hit| (file, hit.as_str())))
        .map(|(file, hit)| format!("src/{file} holds an item: {hit}"))
        .collect()
}
