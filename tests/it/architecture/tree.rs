//! The source tree as modules and the paths that each file names, read from its text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// A path inside the crate, without `crate`.
pub(super) type ModulePath = Vec<String>;

/// One source file.
pub(super) struct File {
    /// Without comments and without test modules.
    pub(super) text: String,
    module: ModulePath,
    children: BTreeSet<String>,
    /// What the file names, absolute; whether a `pub use` names it.
    paths: Vec<(ModulePath, bool)>,
}

/// The files of a crate by their path below `src`.
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, File>,
    modules: BTreeMap<ModulePath, String>,
    reexports: BTreeMap<(ModulePath, String), ModulePath>,
}

impl Tree {
    /// Reads every source file below `src`.
    pub(super) fn read(src: &Path) -> Self {
        let mut found = Vec::new();
        let mut folders = vec![src.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder of sources") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let below = path.strip_prefix(src).expect("it is below src");
                    let text = std::fs::read_to_string(&path).expect("UTF-8");
                    found.push((below.to_str().expect("UTF-8").to_owned(), text));
                }
            }
        }
        Self::of(found)
    }

    /// The tree of these files: path below `src`, and text.
    pub(super) fn of(found: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(path, _)| path != "main.rs")
            .map(|(path, text)| {
                let file = File::parse(&path, &text);
                (path, file)
            })
            .collect();
        let modules = files
            .iter()
            .map(|(path, file)| (file.module.clone(), path.clone()))
            .collect();
        let mut reexports = BTreeMap::new();
        for file in files.values_mut() {
            let uses = uses(&file.text);
            for (public, written, alias) in uses {
                let Some(path) = file.absolute(&written) else {
                    continue;
                };
                let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
                if public {
                    reexports.insert((file.module.clone(), name), path.clone());
                }
                file.paths.push((path, public));
            }
            for written in named_in_code(&file.text) {
                if let Some(path) = file.absolute(&written) {
                    file.paths.push((path, false));
                }
            }
        }
        Self {
            files,
            modules,
            reexports,
        }
    }

    /// What a file names, as written but absolute.
    pub(super) fn paths(&self, file: &str) -> impl Iterator<Item = &ModulePath> {
        self.files[file].paths.iter().map(|(path, _)| path)
    }

    /// The files that a file depends on. What a `mod.rs` passes on is a dependency of those who use it, not its own.
    pub(super) fn imports(&self, file: &str) -> BTreeSet<&str> {
        let passes_on = file.ends_with("mod.rs") || file == "lib.rs";
        let paths = self.files[file].paths.iter();
        paths
            .filter(|(_, public)| !(*public && passes_on))
            .filter_map(|(path, _)| self.resolve(path, 0))
            .filter(|other| *other != file && *other != "lib.rs")
            .collect()
    }

    /// The file in which a path ends, through re-exports.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&str> {
        for length in (0..=path.len()).rev() {
            let Some(file) = self.modules.get(&path[..length]) else {
                continue;
            };
            let next = path.get(length).cloned().unwrap_or_default();
            let passed_on = self.reexports.get(&(path[..length].to_vec(), next));
            return match passed_on {
                Some(target) if depth < 8 => {
                    let whole = [target.as_slice(), &path[length + 1..]].concat();
                    self.resolve(&whole, depth + 1)
                }
                _ => Some(file),
            };
        }
        None
    }

    /// Every group of files that import each other in a circle.
    pub(super) fn cycles(&self) -> Vec<Vec<&str>> {
        let imports: BTreeMap<&str, BTreeSet<&str>> = self
            .files
            .keys()
            .map(|file| (file.as_str(), self.imports(file)))
            .collect();
        let reach = |from: &str| {
            let mut seen = BTreeSet::new();
            let mut next: Vec<&str> = imports[from].iter().copied().collect();
            while let Some(file) = next.pop() {
                if seen.insert(file) {
                    next.extend(&imports[file]);
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            imports.keys().map(|file| (*file, reach(file))).collect();
        let mut cycles: BTreeSet<Vec<&str>> = BTreeSet::new();
        for (file, seen) in &reached {
            if seen.contains(file) {
                let group = seen.iter().filter(|other| reached[*other].contains(file));
                cycles.insert(group.copied().collect());
            }
        }
        cycles.into_iter().collect()
    }
}

impl File {
    fn parse(path: &str, text: &str) -> Self {
        let tests = Regex::new(r"(?ms)^#\[cfg\(test\)\]\nmod \w+ \{.*?^\}\n").expect("a pattern");
        let comments = Regex::new(r"(?m)^\s*//.*$").expect("a pattern");
        let text = tests.replace_all(text, "");
        let text = comments.replace_all(&text, "").into_owned();
        let mut module: ModulePath = path
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
            module.pop();
        }
        let declared = Regex::new(r"\bmod (\w+);").expect("a pattern");
        let children = declared.captures_iter(&text);
        let children = children.map(|found| found[1].to_owned()).collect();
        Self {
            text,
            module,
            children,
            paths: Vec::new(),
        }
    }

    fn absolute(&self, written: &str) -> Option<ModulePath> {
        let mut segments: Vec<&str> = written.split("::").map(str::trim).collect();
        if matches!(segments.last(), Some(&"*" | &"self")) && segments.len() > 1 {
            segments.pop();
        }
        let (start, rest) = match segments[0] {
            "crate" => (&[][..], &segments[1..]),
            "self" => (self.module.as_slice(), &segments[1..]),
            "super" => {
                let up = segments.iter().take_while(|one| **one == "super").count();
                let kept = self.module.len().checked_sub(up)?;
                (&self.module[..kept], &segments[up..])
            }
            child if self.children.contains(child) => (self.module.as_slice(), &segments[..]),
            _ => return None,
        };
        let rest = rest.iter().map(|one| (*one).to_owned());
        Some(start.iter().cloned().chain(rest).collect())
    }
}

/// The paths of all `use` items: whether it is public, the path, and the name it gets if another one.
fn uses(text: &str) -> Vec<(bool, String, Option<String>)> {
    let item = Regex::new(r"(?m)^[ \t]*(pub(?:\([^)]*\))? )?use ([^;]*);").expect("a pattern");
    let mut found = Vec::new();
    for use_item in item.captures_iter(text) {
        let mut flat = Vec::new();
        flatten("", &use_item[2], &mut flat);
        let public = use_item.get(1).is_some();
        found.extend(flat.into_iter().map(|path| match path.split_once(" as ") {
            Some((path, alias)) => (
                public,
                path.trim().to_owned(),
                Some(alias.trim().to_owned()),
            ),
            None => (public, path, None),
        }));
    }
    found
}

/// The paths of a use tree.
fn flatten(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        if !tree.is_empty() {
            found.push(format!("{prefix}{tree}"));
        }
        return;
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    for (at, char) in inner.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                flatten(&prefix, &inner[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    flatten(&prefix, &inner[start..], found);
}

/// The paths that are written out in code, outside of `use` items.
fn named_in_code(text: &str) -> Vec<String> {
    let item = Regex::new(r"(?m)^[ \t]*(?:pub(?:\([^)]*\))? )?use [^;]*;").expect("a pattern");
    let visibility = Regex::new(r"pub\(in [^)]*\)").expect("a pattern");
    let text = item.replace_all(text, "");
    let text = visibility.replace_all(&text, "pub");
    let path = Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").expect("a pattern");
    path.find_iter(&text)
        .map(|found| found.as_str().to_owned())
        .collect()
}
