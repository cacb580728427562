//! Options and limits of comparisons and merges.

/// What is bounded, and by how much. A document that is more is refused with [`Code::OverLimit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document; never more than 1 GiB.
    pub bytes: usize,
    /// Elements inside of each other.
    pub depth: usize,
    /// Nodes of one document.
    pub nodes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Namespace declarations inside of each other.
    pub namespaces: usize,
    /// Bytes that all references to entities of one document stand for.
    pub entity_bytes: usize,
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
        }
    }
}

/// What white space means where `xml:space` does not say `preserve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whitespace {
    /// Every character counts.
    #[default]
    Exact,
    /// It separates words; between elements it means nothing. The last version's is written.
    Loose,
    /// As loose, and the result has no more of it than words need.
    Ignore,
}

/// What a comparison writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Context {
    /// Everything that either document has.
    #[default]
    Full,
    /// The same, but of elements that both have alike only their start tags.
    ChangesOnly,
}

/// How to compare.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// What to write.
    pub context: Context,
    /// How to match.
    pub matching: MatchOptions,
    /// Mark what was moved as such, not only as deleted and added.
    pub moves: bool,
}

/// How to match the parts of versions with each other.
#[derive(Debug, Clone)]
pub struct MatchOptions {
    /// What white space means.
    pub whitespace: Whitespace,
    /// Texts differ in words; otherwise as a whole.
    pub words: bool,
    /// Elements whose children are in no order, by name or small path: `list`, `catalog/list`, `/catalog/list`.
    /// `deltaxml:ordered="false"` in a document says the same.
    pub unordered: Vec<String>,
    /// Elements that are matched only by equal keys, with the attribute that is the key: `item@id`.
    /// `deltaxml:key` in a document gives a key, too.
    pub keys: Vec<String>,
    /// Words and children of one element, in all versions together, that are matched with each other at once. Longer
    /// content is matched a part at a time, which bounds the memory that it takes.
    pub window: usize,
    /// What is refused.
    pub limits: Limits,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            whitespace: Whitespace::Exact,
            words: true,
            unordered: Vec::new(),
            keys: Vec::new(),
            window: 1 << 17,
            limits: Limits::default(),
        }
    }
}

/// What a merge writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeForm {
    /// Every version, with marks.
    #[default]
    Delta,
    /// One document that has every change, with marks only where versions contradict each other.
    Merged,
}

/// How to merge.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// What to write.
    pub form: MergeForm,
    /// How the versions come from each other.
    pub mode: Mode,
    /// How to match.
    pub matching: MatchOptions,
}

/// How versions come from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All from the first, each on its own.
    #[default]
    Concurrent,
    /// Two from the first.
    ThreeWay,
    /// Each from the one before it.
    Sequential,
}
