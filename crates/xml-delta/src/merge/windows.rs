//! Splits long content into windows to bound the memory of an alignment. A window ends at a boundary that all versions
//! have in common or, if there is none nearby, at its maximum size.
//!
//! Units are grouped into chunks whose ends depend on the content, so all versions are split at the same places. A
//! chunk that occurs once in each version is a common boundary.

use std::ops::Range;

use hashbrown::HashMap;

use crate::align::{
    Content, ContentPosition, Item, Matcher, Part, Unit, significant_chain, unique_matches,
};
use crate::hashes::mix;
use crate::tree::Tree;

/// Minimum units of a chunk, if a window has room for several chunks.
const MIN_CHUNK_UNITS: u32 = 16;
/// Maximum units of a chunk.
const MAX_CHUNK_UNITS: u32 = 1024;
/// A chunk ends where these bits of the hash of its last units are 0: on average after 64 more units.
const CHUNK_END_MASK: u64 = 0x3f << 58;

/// A part of the content of each version.
pub(super) struct Window {
    pub(super) ranges: Vec<Range<ContentPosition>>,
    /// The number of units before the window, in each version.
    pub(super) starts: Vec<u32>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// If the window does not end at a common boundary: the number of units before the next one.
    pub(super) forced: Option<Vec<u32>>,
}

/// A position in a version, and the number of units before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundary {
    pub(super) place: ContentPosition,
    pub(super) units: u32,
}

struct Chunk {
    key: u64,
    end: Boundary,
}

/// Iterates over windows.
pub(super) struct Windows {
    /// The chunks of each version.
    chunks: Vec<Vec<Chunk>>,
    /// Common boundaries and the end of the content: one position for each version, boundary by boundary.
    matches: Vec<Boundary>,
    /// Returns the next window.
    next: usize,
    /// The start of the next window.
    start: Vec<Boundary>,
    /// Maximum units of one version in a window.
    size: u32,
    is_first: bool,
}

impl Windows {
    /// One window with all content.
    pub(super) fn single(ranges: &[Range<u32>]) -> Self {
        let point = |node: u32| Boundary {
            place: ContentPosition::before(node),
            units: 0,
        };
        Self {
            chunks: Vec::new(),
            matches: ranges.iter().map(|range| point(range.end)).collect(),
            next: 0,
            start: ranges.iter().map(|range| point(range.start)).collect(),
            size: 0,
            is_first: true,
        }
    }

    /// Splits content that has more than `units` units in all versions together.
    pub(super) fn for_long_content<'t>(
        units: usize,
        matching: &Matcher<'_>,
        content: Content,
        versions: impl Iterator<Item = (&'t Tree, Range<u32>)> + Clone,
    ) -> Option<Self> {
        let is_long = |count: usize| count > units;
        let most = versions.clone().map(|(tree, range)| max_units(tree, range));
        if !is_long(most.sum()) {
            return None;
        }
        let start = versions.clone().map(|(_, range)| Boundary {
            place: ContentPosition::before(range.start),
            units: 0,
        });
        let start: Vec<Boundary> = start.collect();
        // A window must have room for several chunks.
        let size = (units / start.len()).max(8) as u32;
        let mut ends = Vec::new();
        let mut chunks = Vec::new();
        for (tree, range) in versions {
            let mut chunker = Chunker::new(size);
            let places = ContentPosition::before(range.start)..ContentPosition::before(range.end);
            matching.for_each_part(tree, content, &places, |part| {
                if let Part::Unit(unit) = part {
                    chunker.push(tree, &unit);
                }
            });
            ends.push(Boundary {
                place: places.end,
                units: chunker.units,
            });
            chunks.push(chunker.chunks);
        }
        if !is_long(ends.iter().map(|end| end.units as usize).sum()) {
            return None;
        }
        let mut matches = matches(&chunks);
        matches.extend(ends);
        Some(Self {
            chunks,
            matches,
            next: 0,
            start,
            size,
            is_first: true,
        })
    }

    /// Returns the next window.
    pub(super) fn next(&mut self) -> Option<Window> {
        let width = self.start.len();
        let mut matches = self.matches.chunks(width).skip(self.next).peekable();
        let target = *matches.peek()?;
        let fits = |ends: &&[Boundary]| {
            let mut pairs = ends.iter().zip(&self.start);
            pairs.all(|(end, start)| end.units.saturating_sub(start.units) <= self.size)
        };
        let mut last = None;
        let mut passed = 0;
        while let Some(ends) = matches.next_if(fits) {
            last = Some(ends);
            passed += 1;
        }
        let ends = match last {
            Some(ends) => ends.to_vec(),
            None => self.partial_end(target),
        };
        let window = Window {
            ranges: self
                .start
                .iter()
                .zip(&ends)
                .map(|(start, end)| start.place..end.place)
                .collect(),
            starts: self.start.iter().map(|start| start.units).collect(),
            is_first: std::mem::take(&mut self.is_first),
            is_last: matches.peek().is_none(),
            forced: last
                .is_none()
                .then(|| target.iter().map(|end| end.units).collect()),
        };
        self.next += passed;
        self.start = ends;
        Some(window)
    }

    /// The end of a window that cannot reach the next common boundary.
    fn partial_end(&self, target: &[Boundary]) -> Vec<Boundary> {
        let part = |((start, target), chunks): ((&Boundary, &Boundary), &Vec<Chunk>)| {
            let wanted = start.units + self.size;
            if target.units <= wanted {
                return *target;
            }
            let passed = chunks.partition_point(|chunk| chunk.end.units <= wanted);
            let end = passed.checked_sub(1).map(|last| chunks[last].end);
            end.filter(|end| end.units > start.units).unwrap_or(*start)
        };
        let ways = self.start.iter().zip(target);
        ways.zip(&self.chunks).map(part).collect()
    }

    /// Resumes at the given positions.
    pub(super) fn resume_at(&mut self, start: Vec<Boundary>) {
        self.start = start;
    }
}

/// An upper bound of the number of units in a range.
fn max_units(tree: &Tree, range: Range<u32>) -> usize {
    let mut count = 0;
    let mut next = range.start;
    while next < range.end {
        let node = tree.node(next);
        count += if node.is_text() {
            tree.span(next).len as usize
        } else {
            1
        };
        next = node.end;
    }
    count
}

/// Groups units into chunks.
struct Chunker {
    lengths: Range<u32>,
    chunks: Vec<Chunk>,
    key: u64,
    len: u32,
    units: u32,
    /// A hash of the last four units.
    recent: u64,
}

impl Chunker {
    fn new(size: u32) -> Self {
        let longest = MAX_CHUNK_UNITS.min(size / 4);
        Self {
            lengths: MIN_CHUNK_UNITS.min(longest)..longest,
            chunks: Vec::new(),
            key: 0,
            len: 0,
            units: 0,
            recent: 0,
        }
    }

    fn push(&mut self, tree: &Tree, unit: &Unit) {
        self.units += 1;
        self.len += 1;
        self.key = mix(self.key, unit.key);
        self.recent = (self.recent << 16).wrapping_add(unit.key);
        let is_end = self.len >= self.lengths.start && self.recent & CHUNK_END_MASK == 0;
        if is_end || self.len == self.lengths.end {
            let place = ContentPosition::after(tree, unit);
            self.chunks.push(Chunk {
                key: self.key,
                end: Boundary {
                    place,
                    units: self.units,
                },
            });
            self.len = 0;
            self.key = 0;
        }
    }
}

/// Returns the ends of chunks that occur once in every version, as far as the order agrees.
fn matches(chunks: &[Vec<Chunk>]) -> Vec<Boundary> {
    let items = |chunks: &Vec<Chunk>| -> Vec<Item> {
        let numbered = chunks.iter().zip(0..);
        let item = |(chunk, position): (&Chunk, u32)| Item {
            key: chunk.key,
            position,
            weight: 1,
        };
        numbered.map(item).collect()
    };
    let first = items(&chunks[0]);
    let mut all: Vec<Vec<u32>> = (0..first.len() as u32).map(|chunk| vec![chunk]).collect();
    for other in &chunks[1..] {
        let pairs: HashMap<u32, u32> = significant_chain(unique_matches(&first, &items(other)))
            .into_iter()
            .collect();
        all.retain_mut(|match_| {
            let partner = pairs.get(&match_[0]);
            match_.extend(partner);
            partner.is_some()
        });
    }
    let end = |(chunk, chunks): (&u32, &Vec<Chunk>)| chunks[*chunk as usize].end;
    all.iter()
        .flat_map(|match_| match_.iter().zip(chunks).map(end))
        .collect()
}
