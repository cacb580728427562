//! Checks the rules of marks with an independent parser.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// The versions in a mark, by group.
type Groups = Vec<Vec<String>>;

/// An open element.
struct Open {
    name: String,
    mark: Option<Groups>,
    /// The versions that have the element.
    versions: Vec<String>,
    /// It represents an attribute.
    is_attribute: bool,
    /// The groups of its alternatives.
    alternatives: Vec<Vec<String>>,
}

fn groups(mark: &str) -> Groups {
    let group = |group: &str| group.split('=').map(str::to_owned).collect();
    mark.split("!=").map(group).collect()
}

/// Panics if a delta breaks a rule. Its prefixes must be the usual ones.
pub(super) fn check(delta: &str, versions: &[&str]) {
    let mut reader = Reader::from_str(delta);
    let mut open: Vec<Open> = Vec::new();
    loop {
        match reader.read_event().expect("a well-formed delta") {
            Event::Start(tag) => {
                let element = begin(&tag, &mut open, versions, delta);
                open.push(element);
            }
            Event::Empty(tag) => drop(begin(&tag, &mut open, versions, delta)),
            Event::End(_) => end(&open.pop().expect("an element"), delta),
            Event::Eof => return,
            _ => {}
        }
    }
}

fn begin(tag: &BytesStart<'_>, open: &mut [Open], versions: &[&str], delta: &str) -> Open {
    let name = tag.name().0.to_owned();
    let mark = tag
        .try_get_attribute("deltaxml:deltaV2")
        .expect("attributes");
    let mark = mark.map(|mark| groups(&mark.value));
    let is_attribute = open
        .last()
        .is_some_and(|parent| parent.name == "deltaxml:attributes");
    let mut has: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
    if let Some(parent) = open.last_mut() {
        has.clone_from(&parent.versions);
        check_child(parent, &name, mark.as_ref(), delta);
    }
    if let Some(mark) = &mark {
        let own: Vec<String> = mark.concat();
        assert!(
            own.iter().all(|version| has.contains(version)),
            "{own:?} in {has:?}, {name}:\n{delta}"
        );
        let order = |version: &String| versions.iter().position(|one| one == version);
        assert!(
            mark.iter().all(|group| group.is_sorted_by_key(order)),
            "{mark:?}"
        );
        assert!(mark.is_sorted_by_key(|group| order(&group[0])), "{mark:?}");
        has = own;
    }
    Open {
        name,
        mark,
        versions: has,
        is_attribute,
        alternatives: Vec::new(),
    }
}

fn is_word(name: &str) -> bool {
    [
        "attributes",
        "attributeValue",
        "textGroup",
        "text",
        "contentGroup",
        "content",
    ]
    .iter()
    .any(|word| name.strip_prefix("deltaxml:") == Some(word))
}

fn check_child(parent: &mut Open, name: &str, mark: Option<&Groups>, delta: &str) {
    if is_word(&parent.name) || parent.is_attribute {
        parent
            .alternatives
            .extend(mark.into_iter().flatten().cloned());
        return;
    }
    let differs = parent.mark.as_ref().is_some_and(|mark| mark.len() > 1);
    assert_eq!(
        mark.is_some(),
        differs,
        "{name} in {} {:?}:\n{delta}",
        parent.name,
        parent.mark
    );
}

fn end(element: &Open, delta: &str) {
    let splits = ["deltaxml:textGroup", "deltaxml:contentGroup"].contains(&element.name.as_str())
        || element.is_attribute;
    if splits {
        assert_eq!(
            Some(&element.alternatives),
            element.mark.as_ref(),
            "{delta}"
        );
    }
}
