//! Options and limits of comparisons and merges.

/// Limits of a document. A larger document is rejected with [`ErrorKind::OverLimit`](crate::ErrorKind::OverLimit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size in bytes; at most 1 GiB.
    pub bytes: usize,
    /// Maximum depth of nested elements.
    pub depth: usize,
    /// Maximum number of nodes.
    pub nodes: usize,
    /// Maximum number of attributes of an element.
    pub attributes: usize,
    /// Maximum number of namespace declarations in scope.
    pub namespaces: usize,
    /// Maximum size in bytes of all entity expansions.
    pub entity_bytes: usize,
    /// Maximum memory in bytes for all documents and the output together, as an estimate.
    pub memory: usize,
    /// Maximum size in bytes of the output.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 50_000,
            nodes: 16 << 20,
            attributes: 4096,
            namespaces: 1024,
            entity_bytes: 8 << 20,
            memory: 2 << 30,
            output: usize::MAX,
        }
    }
}

/// How white space counts, except where `xml:space` is `preserve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whitespace {
    /// Every character is significant.
    #[default]
    Exact,
    /// White space separates words, and is insignificant between elements. The output has the last version's.
    Loose,
    /// Like `Loose`, and the output contains only white space that separates words.
    Ignore,
}

/// How namespaces count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Namespaces {
    /// Names match only in the same namespace.
    #[default]
    Significant,
    /// Names match by their local part where versions have different namespaces: a namespace that a version does not
    /// share with the first is matched with the one that has the most names in common.
    Ignored,
}

/// Which root elements are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roots {
    /// Those with the same name. Others are [`ErrorKind::DifferentRoots`](crate::ErrorKind::DifferentRoots).
    #[default]
    Same,
    /// Any; their names are no change.
    Any,
}

/// The context that a comparison writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Context {
    /// All content.
    #[default]
    Full,
    /// Unchanged elements without their content.
    ChangesOnly,
}

/// Options of a comparison.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// The output.
    pub context: Context,
    /// Matching.
    pub matching: MatchOptions,
    /// Marks deletions and additions of equal content as moves.
    pub moves: bool,
}

/// Options of matching.
#[derive(Debug, Clone)]
pub struct MatchOptions {
    /// How white space counts.
    pub whitespace: Whitespace,
    /// Compares text word by word instead of as a whole.
    pub words: bool,
    /// Elements whose children are unordered, by name or path: `list`, `catalog/list`, `/catalog/list`.
    /// `deltaxml:ordered="false"` in a document has the same effect.
    pub unordered: Vec<String>,
    /// Elements that match only if their keys are equal, with what the key consists of: `item@id` for an attribute, or
    /// after a colon and a space a list of child elements and attributes: `dependency: groupId,artifactId`,
    /// `entry: @lang,head/title`, `word: .` for the element's own text. `deltaxml:key` in a document has the same
    /// effect.
    pub keys: Vec<String>,
    /// Elements and attributes whose changes are ignored: `timestamp`, `build/number`, `item@modified`, `@modified`.
    /// The output has the last version's.
    pub ignored: Vec<String>,
    /// Matches elements by attributes that are named like identifiers: `id`, `key`, `name`, also with a prefix.
    pub ids: bool,
    /// Numbers are equal if they differ by at most this much. Texts and attributes count as numbers as a whole. The
    /// output has the last version's.
    pub tolerance: f64,
    /// The text of the DTD that document type declarations refer to: its entities are expanded. Without it, references
    /// to entities that a document does not declare are kept.
    pub external_subset: Option<String>,
    /// How namespaces count.
    pub namespaces: Namespaces,
    /// Whether root elements must have the same name.
    pub roots: Roots,
    /// Maximum number of words and children of one element, in all versions together, that are matched at once. Longer
    /// content is matched in windows, which bounds memory.
    pub window: usize,
    /// Limits of each document.
    pub limits: Limits,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            whitespace: Whitespace::Exact,
            words: true,
            unordered: Vec::new(),
            keys: Vec::new(),
            ignored: Vec::new(),
            ids: true,
            tolerance: 0.0,
            external_subset: None,
            namespaces: Namespaces::Significant,
            roots: Roots::Same,
            window: 1 << 17,
            limits: Limits::default(),
        }
    }
}

/// The form of a merge's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeForm {
    /// A delta with all versions.
    #[default]
    Delta,
    /// One document with the changes of all versions, in which only conflicts are marked.
    Merged,
}

/// Options of a merge.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// The output.
    pub form: MergeForm,
    /// How the versions derive from each other.
    pub mode: Mode,
    /// What becomes of different elements that several versions added at one place.
    pub additions: Additions,
    /// Matching.
    pub matching: MatchOptions,
}

/// What becomes of different elements that several versions added at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Additions {
    /// All are kept, without a conflict, unless they have the same key or identifier.
    #[default]
    Both,
    /// They are a conflict.
    Conflict,
    /// The merged document has those of the first version that added any. A delta has all.
    Ours,
    /// The merged document has those of the last version that added any. A delta has all.
    Theirs,
}

/// Options of a page.
#[derive(Debug, Clone, Default)]
pub struct PageOptions {
    /// The names of the files, in the order of the versions. They can be missing.
    pub files: Vec<String>,
}

/// How versions derive from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Each from the first.
    #[default]
    Concurrent,
    /// Two versions from the first.
    ThreeWay,
    /// Each from the previous one.
    Sequential,
}
