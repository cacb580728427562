//! Parsers of single values: sizes, durations, counts. Errors say what was expected.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, de};

/// Bytes as a whole number, or as text with a unit: `65536`, `"64 KiB"`.
struct Size;

impl Visitor<'_> for Size {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as a number or with a unit, like 1048576 or \"1 MiB\"")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let size: Result<ByteSize, _> = text.parse();
        size.map(|size| size.as_u64())
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A size in bytes.
pub(super) fn size<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
    let bytes = from.deserialize_any(Size)?;
    T::try_from(bytes).map_err(|_| D::Error::invalid_value(Unexpected::Unsigned(bytes), &Size))
}

/// An optional size in bytes.
pub(super) fn some_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    size(from).map(Some)
}

/// A duration as text, like `1h 30m`.
struct Time {
    may_be_zero: bool,
}

impl Visitor<'_> for Time {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration like \"90s\" or \"1h 30m\"")?;
        if self.may_be_zero {
            return Ok(());
        }
        f.write_str(", longer than zero")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        let time = humantime::parse_duration(text).ok();
        time.filter(|time| self.may_be_zero || !time.is_zero())
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A duration longer than zero.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Time { may_be_zero: false })
}

/// A duration of zero or more.
pub(super) fn time_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Time { may_be_zero: true })
}

/// An optional duration longer than zero.
pub(super) fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from).map(Some)
}

/// A list of durations.
pub(super) fn times<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Duration>, D::Error> {
    struct One(Duration);
    impl<'de> Deserialize<'de> for One {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            time(from).map(Self)
        }
    }
    let times = Vec::<One>::deserialize(from)?;
    Ok(times.into_iter().map(|time| time.0).collect())
}

/// A number of at least 1.
pub(super) fn count<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
    struct Count;
    impl de::Expected for Count {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, at least 1")
        }
    }
    let number = i64::deserialize(from)?;
    let count = u64::try_from(number).ok().filter(|count| *count > 0);
    count
        .and_then(|count| T::try_from(count).ok())
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Signed(number), &Count))
}

/// An optional number of at least 1.
pub(super) fn some_count<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    count(from).map(Some)
}
