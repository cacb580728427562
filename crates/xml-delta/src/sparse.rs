//! Values that some of many numbers have, at little more than the values' own size.

/// Numbers in one word of the set.
const WORD: u32 = u64::BITS;

/// A set of numbers, each with a value, in ascending order.
#[derive(Debug)]
pub(crate) struct Sparse<T> {
    /// Which numbers there are.
    words: Vec<u64>,
    /// How many of them are below each word's.
    below: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            below: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Copy> Sparse<T> {
    /// Adds a number that is higher than all others.
    pub(crate) fn push(&mut self, number: u32, value: T) {
        let word = (number / WORD) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.below.resize(word + 1, self.values.len() as u32);
        }
        self.words[word] |= 1 << (number % WORD);
        self.values.push(value);
    }

    pub(crate) fn get(&self, number: u32) -> Option<T> {
        self.rank(number).map(|rank| self.values[rank])
    }

    /// The value of a number, and that of the next one there is.
    pub(crate) fn pair(&self, number: u32) -> Option<(T, Option<T>)> {
        let rank = self.rank(number)?;
        Some((self.values[rank], self.values.get(rank + 1).copied()))
    }

    fn rank(&self, number: u32) -> Option<usize> {
        let word = (number / WORD) as usize;
        let bit = 1_u64 << (number % WORD);
        let set = *self.words.get(word)?;
        let before = (set & (bit - 1)).count_ones();
        (set & bit != 0).then(|| (self.below[word] + before) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_in_is_found() {
        let numbers = [0, 3, 63, 64, 65, 200, 1000];
        let mut sparse = Sparse::default();
        for number in numbers {
            sparse.push(number, number * 2);
        }
        for number in 0..2000 {
            let expected = numbers.contains(&number).then_some(number * 2);
            assert_eq!(sparse.get(number), expected, "{number}");
        }
        assert_eq!(sparse.pair(65), Some((130, Some(400))));
        assert_eq!(sparse.pair(1000), Some((2000, None)));
    }
}
