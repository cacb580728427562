//! What an attempt is about to do outside the database, as the store keeps it for later attempts.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The key of the flag in [`Intents::renames`].
const RENAMES_KEY: &str = "renames";

/// The owner of a stored intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The operation.
    Work,
    /// The code that renames a result file to its target.
    Result,
}

impl Slot {
    fn key(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Result => "result",
        }
    }
}

/// The intents of a job: at most one for each slot.
pub(super) struct Intents(Value);

impl Intents {
    /// Reads stored intents. Without a stored object, there are no intents.
    pub(super) fn parse(stored: Option<&str>) -> Self {
        let stored = stored.and_then(|json| serde_json::from_str(json).ok());
        Self(stored.filter(Value::is_object).unwrap_or_else(|| json!({})))
    }

    /// The intent in a slot. An intent that is not a `T` was written by another release, and the work starts over.
    pub(super) fn get<T: DeserializeOwned>(&self, slot: Slot) -> Option<T> {
        T::deserialize(self.0.get(slot.key())?).ok()
    }

    /// Whether the last intent was a rename to a target.
    pub(super) fn renames(&self) -> bool {
        self.0.get(RENAMES_KEY) == Some(&Value::Bool(true))
    }

    /// Replaces the intent in a slot.
    ///
    /// # Errors
    /// The intent cannot be serialized.
    pub(super) fn set(
        &mut self,
        slot: Slot,
        intent: &impl Serialize,
        renames: bool,
    ) -> serde_json::Result<()> {
        self.0[slot.key()] = serde_json::to_value(intent)?;
        self.0[RENAMES_KEY] = renames.into();
        Ok(())
    }

    /// The form that the store keeps.
    pub(super) fn to_json(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_independent_and_survive_storage() {
        let mut intents = Intents::parse(None);
        intents.set(Slot::Work, &7, false).expect("a number");
        intents.set(Slot::Result, &"file", true).expect("a string");
        let stored = Intents::parse(Some(&intents.to_json()));
        assert_eq!(stored.get(Slot::Work), Some(7));
        assert_eq!(stored.get(Slot::Result), Some("file".to_owned()));
        assert!(stored.renames());
    }

    #[test]
    fn last_intent_decides_on_renames() {
        let mut intents = Intents::parse(None);
        intents.set(Slot::Result, &1, true).expect("a number");
        intents.set(Slot::Work, &1, false).expect("a number");
        assert!(!intents.renames());
    }

    #[test]
    fn foreign_intents_are_ignored() {
        for stored in [None, Some("["), Some("[1]"), Some("null")] {
            let mut intents = Intents::parse(stored);
            assert_eq!(intents.get::<u8>(Slot::Work), None, "{stored:?}");
            assert!(!intents.renames());
            intents.set(Slot::Work, &1, false).expect("a number");
        }
        let intents = Intents::parse(Some(r#"{"work":"text"}"#));
        assert_eq!(intents.get::<u8>(Slot::Work), None);
    }
}
