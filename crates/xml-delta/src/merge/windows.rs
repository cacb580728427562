//! Long content in windows, so that what is laid out at once is bounded: they end where all versions have the same, or,
//! where there is no such place for long, when they are full.
//!
//! Units are gathered in chunks that end where the units themselves say so, and so at the same places in all versions. A
//! chunk that is once in each version is a place that all of them have.

use std::ops::Range;

use hashbrown::HashMap;

use crate::align::{Content, Item, Matching, Part, Place, Unit, telling, unique};
use crate::hashes::mix;
use crate::tree::Tree;

/// A chunk has this many units at least, if a window has room for several,
const SHORTEST: u32 = 16;
/// and these at most.
const LONGEST: u32 = 1024;
/// It ends where these bits of its last units are all 0: after 64 more units, on average.
const ENDS: u64 = 0x3f << 58;

/// Some of the content of each version.
pub(super) struct Window {
    pub(super) ranges: Vec<Range<Place>>,
    /// How many units there are before it.
    pub(super) starts: Vec<u32>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// Where it does not end where all versions have the same: how many units there are before the next such place.
    pub(super) forced: Option<Vec<u32>>,
}

/// A place in a version, and how many units are before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) place: Place,
    pub(super) units: u32,
}

struct Chunk {
    key: u64,
    end: Point,
}

/// The windows that are left.
pub(super) struct Windows {
    /// Of each version.
    chunks: Vec<Vec<Chunk>>,
    /// Where all versions have the same, and the ends: a point for each version, one match after the other.
    matches: Vec<Point>,
    /// The next of them.
    next: usize,
    /// Where to go on.
    start: Vec<Point>,
    /// Units of one version that are laid out at once.
    size: u32,
    is_first: bool,
}

impl Windows {
    /// All of the content at once.
    pub(super) fn single(ranges: &[Range<u32>]) -> Self {
        let point = |node: u32| Point {
            place: Place::before(node),
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

    /// For content that has more units, all versions together, than are to be laid out at once.
    pub(super) fn of_long<'t>(
        units: usize,
        matching: &Matching<'_>,
        content: Content,
        versions: impl Iterator<Item = (&'t Tree, Range<u32>)> + Clone,
    ) -> Option<Self> {
        let is_long = |count: usize| count > units;
        let most = versions
            .clone()
            .map(|(tree, range)| most_units(tree, range));
        if !is_long(most.sum()) {
            return None;
        }
        let start = versions.clone().map(|(_, range)| Point {
            place: Place::before(range.start),
            units: 0,
        });
        let start: Vec<Point> = start.collect();
        // Some chunks of each version must have room.
        let size = (units / start.len()).max(8) as u32;
        let mut ends = Vec::new();
        let mut chunks = Vec::new();
        for (tree, range) in versions {
            let mut chunker = Chunker::new(size);
            let places = Place::before(range.start)..Place::before(range.end);
            matching.each_part(tree, content, &places, |part| {
                if let Part::Unit(unit) = part {
                    chunker.take(tree, &unit);
                }
            });
            ends.push(Point {
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

    /// The next of them.
    pub(super) fn next(&mut self) -> Option<Window> {
        let width = self.start.len();
        let mut matches = self.matches.chunks(width).skip(self.next).peekable();
        let target = *matches.peek()?;
        let fits = |ends: &&[Point]| {
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
            None => self.part_of(target),
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

    /// As much as there is room for of the way to a match that is too far away.
    fn part_of(&self, target: &[Point]) -> Vec<Point> {
        let part = |((start, target), chunks): ((&Point, &Point), &Vec<Chunk>)| {
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

    /// Goes on from here instead of the last window's end.
    pub(super) fn go_back(&mut self, start: Vec<Point>) {
        self.start = start;
    }
}

/// At most so many units are in some content.
fn most_units(tree: &Tree, range: Range<u32>) -> usize {
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

/// Gathers units.
struct Chunker {
    lengths: Range<u32>,
    chunks: Vec<Chunk>,
    key: u64,
    len: u32,
    units: u32,
    /// Of the last four units.
    recent: u64,
}

impl Chunker {
    fn new(size: u32) -> Self {
        let longest = LONGEST.min(size / 4);
        Self {
            lengths: SHORTEST.min(longest)..longest,
            chunks: Vec::new(),
            key: 0,
            len: 0,
            units: 0,
            recent: 0,
        }
    }

    fn take(&mut self, tree: &Tree, unit: &Unit) {
        self.units += 1;
        self.len += 1;
        self.key = mix(self.key, unit.key);
        self.recent = (self.recent << 16).wrapping_add(unit.key);
        let is_end = self.len >= self.lengths.start && self.recent & ENDS == 0;
        if is_end || self.len == self.lengths.end {
            let place = Place::after(tree, unit);
            self.chunks.push(Chunk {
                key: self.key,
                end: Point {
                    place,
                    units: self.units,
                },
            });
            self.len = 0;
            self.key = 0;
        }
    }
}

/// The ends of chunks that are once in every version, as many as are in the same order.
fn matches(chunks: &[Vec<Chunk>]) -> Vec<Point> {
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
        let pairs: HashMap<u32, u32> = telling(unique(&first, &items(other))).into_iter().collect();
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
