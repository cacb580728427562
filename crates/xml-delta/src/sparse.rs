//! A compact map from ascending integers to values.

/// Bits in a word.
const WORD_BITS: u32 = u64::BITS;

/// A map from integers, inserted in ascending order, to values.
#[derive(Debug)]
pub(crate) struct SparseMap<T> {
    /// A bit for each key.
    words: Vec<u64>,
    /// The number of keys before each word.
    below: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for SparseMap<T> {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            below: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Copy> SparseMap<T> {
    /// Inserts a key that is higher than all others.
    pub(crate) fn push(&mut self, number: u32, value: T) {
        let word = (number / WORD_BITS) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.below.resize(word + 1, self.values.len() as u32);
        }
        self.words[word] |= 1 << (number % WORD_BITS);
        self.values.push(value);
    }

    /// The memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.words.capacity() * 8
            + self.below.capacity() * 4
            + self.values.capacity() * size_of::<T>()
    }

    pub(crate) fn get(&self, number: u32) -> Option<T> {
        self.rank(number).map(|rank| self.values[rank])
    }

    /// The value of a key and of the next higher key.
    pub(crate) fn get_with_next(&self, number: u32) -> Option<(T, Option<T>)> {
        let rank = self.rank(number)?;
        Some((self.values[rank], self.values.get(rank + 1).copied()))
    }

    fn rank(&self, number: u32) -> Option<usize> {
        let word = (number / WORD_BITS) as usize;
        let bit = 1_u64 << (number % WORD_BITS);
        let set = *self.words.get(word)?;
        let before = (set & (bit - 1)).count_ones();
        (set & bit != 0).then(|| (self.below[word] + before) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inserted_keys_are_found() {
        let numbers = [0, 3, 63, 64, 65, 200, 1000];
        let mut sparse = SparseMap::default();
        for number in numbers {
            sparse.push(number, number * 2);
        }
        for number in 0..2000 {
            let expected = numbers.contains(&number).then_some(number * 2);
            assert_eq!(sparse.get(number), expected, "{number}");
        }
        assert_eq!(sparse.get_with_next(65), Some((130, Some(400))));
        assert_eq!(sparse.get_with_next(1000), Some((2000, None)));
    }
}
