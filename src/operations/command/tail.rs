//! The end of a stream.

use std::collections::VecDeque;

/// Keeps the last bytes of what was pushed.
#[derive(Debug)]
pub(in crate::operations) struct Tail {
    bytes: VecDeque<u8>,
    max_bytes: usize,
}

impl Tail {
    pub(in crate::operations) fn new(max_bytes: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            max_bytes,
        }
    }

    pub(in crate::operations) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.max_bytes)..];
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(self.max_bytes);
        self.bytes.drain(..surplus);
        self.bytes.extend(bytes);
    }

    /// The bytes as text. If the start was cut off, the text begins with the first whole line.
    pub(in crate::operations) fn text(mut self) -> String {
        let is_cut = self.bytes.len() == self.max_bytes;
        let bytes: &[u8] = self.bytes.make_contiguous();
        let line = bytes.iter().position(|byte| *byte == b'\n');
        let from = line.filter(|_| is_cut).map_or(0, |line| line + 1);
        String::from_utf8_lossy(&bytes[from..])
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_complete_lines() {
        let mut tail = Tail::new(10);
        tail.push(b"one\n");
        tail.push(b"two\nthree\n");
        assert_eq!(tail.text(), "three");
        let mut tail = Tail::new(10);
        tail.push(&[b'x'; 100]);
        assert_eq!(tail.text(), "x".repeat(10));
        let mut tail = Tail::new(10);
        tail.push(b"one\n");
        assert_eq!(tail.text(), "one");
    }
}
