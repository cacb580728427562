//! The modification time of an entry, in the three encodings of ZIP archives.
//!
//! Each header has an MS-DOS date and time without a time zone, in steps of 2 seconds, from 1980 to 2107. Readers interpret
//! it as local time; it is written in UTC here, because the reader's time zone is not known. An extra field contains the
//! exact time and takes precedence: that of Info-ZIP if the time fits in 32 bits (until 2038), else that of NTFS.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::operations::zip::extra_field::put_field;

/// The id of Info-ZIP's extended timestamp.
const UNIX_TIME_FIELD: u16 = 0x5455;
/// The flag for a modification time.
const HAS_MODIFIED: u8 = 1;
/// The id of the NTFS field.
const NTFS_FIELD: u16 = 0x000a;
/// The seconds from 1601, where NTFS times begin, to 1970.
const NTFS_EPOCH_SECONDS: i64 = 11_644_473_600;
const NTFS_TICKS_PER_SECOND: i64 = 10_000_000;

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// 1980-01-01, in days since 1970.
const DOS_EPOCH_DAYS: i64 = 3652;
/// 1980-01-01 00:00:00.
const DOS_FIRST: (u16, u16) = (0x0021, 0);
/// 2107-12-31 23:59:58.
const DOS_LAST: (u16, u16) = (0xff9f, 0xbf7d);

/// Seconds since 1970; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp(i64);

impl Timestamp {
    /// Rounds down to whole seconds.
    pub(super) fn of(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                -seconds - i64::from(before.subsec_nanos() > 0)
            }
        };
        Self(seconds)
    }

    /// Appends the extra field that can hold the exact time, if there is one.
    pub(super) fn put_fields(self, fields: &mut Vec<u8>) {
        if let Ok(seconds) = i32::try_from(self.0) {
            let mut data = vec![HAS_MODIFIED];
            data.extend_from_slice(&seconds.to_le_bytes());
            put_field(fields, UNIX_TIME_FIELD, &data);
            return;
        }
        let ticks = self
            .0
            .checked_add(NTFS_EPOCH_SECONDS)
            .and_then(|seconds| seconds.checked_mul(NTFS_TICKS_PER_SECOND))
            .and_then(|ticks| u64::try_from(ticks).ok());
        if let Some(ticks) = ticks {
            // Reserved; attribute 1 of 24 bytes: modification, access and creation time. Only the first is known, and is
            // written for all three.
            let mut data = vec![0, 0, 0, 0, 1, 0, 24, 0];
            for _ in 0..3 {
                data.extend_from_slice(&ticks.to_le_bytes());
            }
            put_field(fields, NTFS_FIELD, &data);
        }
    }

    /// The MS-DOS date and time in UTC. Times out of range become the first or the last possible time.
    pub(super) fn to_dos(self) -> (u16, u16) {
        let days = self.0.div_euclid(DAY_SECONDS);
        let Ok(mut days) = u64::try_from(days - DOS_EPOCH_DAYS) else {
            return DOS_FIRST;
        };
        // Years since 1980. 2100 is the only year divisible by four in the range that is not a leap year.
        let mut year = 0;
        loop {
            let length = if is_leap(year) { 366 } else { 365 };
            if days < length {
                break;
            }
            days -= length;
            year += 1;
            if year > 127 {
                return DOS_LAST;
            }
        }
        let february = if is_leap(year) { 29 } else { 28 };
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let seconds = self.0.rem_euclid(DAY_SECONDS);
        let (hour, minute, pair) = (seconds / 3600, seconds / 60 % 60, seconds % 60 / 2);
        let date = year << 9 | month << 5 | (days as u16 + 1);
        let time = (hour << 11 | minute << 5 | pair) as u16;
        (date, time)
    }
}

fn is_leap(years_since_1980: u16) -> bool {
    years_since_1980.is_multiple_of(4) && years_since_1980 != 120
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dos_times_are_clamped_to_1980_to_2107() {
        let check = |seconds: i64, expected: (u16, u16, u16, u16, u16, u16)| {
            let (date, time) = Timestamp(seconds).to_dos();
            let found = (
                date / 512 + 1980,
                date / 32 % 16,
                date % 32,
                time / 2048,
                time / 32 % 64,
                time % 32 * 2,
            );
            assert_eq!(found, expected, "{seconds}");
        };
        check(1_700_000_001, (2023, 11, 14, 22, 13, 20));
        check(315_532_800, (1980, 1, 1, 0, 0, 0));
        check(315_532_799, (1980, 1, 1, 0, 0, 0));
        check(i64::MIN, (1980, 1, 1, 0, 0, 0));
        check(951_782_399, (2000, 2, 28, 23, 59, 58));
        check(951_782_400, (2000, 2, 29, 0, 0, 0));
        check(4_107_542_400, (2100, 3, 1, 0, 0, 0));
        check(4_102_444_799, (2099, 12, 31, 23, 59, 58));
        check(4_354_819_199, (2107, 12, 31, 23, 59, 58));
        check(4_354_819_200, (2107, 12, 31, 23, 59, 58));
        check(i64::MAX, (2107, 12, 31, 23, 59, 58));
    }

    #[test]
    fn exact_time_uses_the_smallest_sufficient_field() {
        let fields = |seconds: i64| {
            let mut fields = Vec::new();
            Timestamp(seconds).put_fields(&mut fields);
            fields
        };
        assert_eq!(fields(1), [0x55, 0x54, 5, 0, 1, 1, 0, 0, 0]);
        assert_eq!(fields(-1), [0x55, 0x54, 5, 0, 1, 255, 255, 255, 255]);
        let late = fields(1 << 31);
        assert_eq!(late[..12], [10, 0, 32, 0, 0, 0, 0, 0, 1, 0, 24, 0]);
        let ticks = ((1_u64 << 31) + 11_644_473_600) * 10_000_000;
        assert_eq!(late[12..], ticks.to_le_bytes().repeat(3));
        assert!(fields(i64::MAX).is_empty());
    }

    #[test]
    fn times_are_rounded_down() {
        let half = Duration::from_millis(1500);
        assert_eq!(Timestamp::of(UNIX_EPOCH + half), Timestamp(1));
        assert_eq!(Timestamp::of(UNIX_EPOCH - half), Timestamp(-2));
    }
}
