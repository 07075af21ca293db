//! A part of a cache entry that is parsed when it is first used: of the hundreds of wheels on a page few are.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// A `T`, or its JSON from an entry whose checksum was right.
#[derive(Debug, Clone)]
pub struct LazyJson<T> {
    text: Option<Box<RawValue>>,
    value: OnceLock<T>,
}

impl<T> From<T> for LazyJson<T> {
    fn from(value: T) -> Self {
        LazyJson { text: None, value: value.into() }
    }
}

impl<T: DeserializeOwned> Deref for LazyJson<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get_or_init(|| {
            let text = self.text.as_deref().map_or("", RawValue::get);
            serde_json::from_str(text).expect("entries are read by the version that wrote them")
        })
    }
}

impl<T: DeserializeOwned + PartialEq> PartialEq for LazyJson<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: DeserializeOwned + Serialize> Serialize for LazyJson<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => text.serialize(serializer),
            None => (**self).serialize(serializer),
        }
    }
}

impl<'de, T> Deserialize<'de> for LazyJson<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Some(Box::<RawValue>::deserialize(deserializer)?);
        Ok(LazyJson { text, value: OnceLock::new() })
    }
}
