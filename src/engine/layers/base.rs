//! The base image under a plan's images: its documents, and the files that layers are computed from.

use std::sync::Arc;

use crate::base_image::{self, Ask, BaseImage, BaseSystem};
use crate::exit::{Exit, Failure};
use crate::image;
use crate::lock::{BaseDigests, Lock};
use crate::reference::PinnedReference;
use crate::registry;
use crate::store::Store;
use crate::ui::{Ui, Unit};

/// A base image that was read.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) image: BaseImage,
    /// As the lock names it.
    pub(super) text: String,
    pub(super) digests: BaseDigests,
    pub(super) system: Arc<BaseSystem>,
}

impl Base {
    /// Reads the base from its registry, as far as it is not in the store.
    ///
    /// # Errors
    ///
    /// A base that the lock does not pin, or a registry that does not give it.
    pub(super) async fn read(
        base: &PinnedReference,
        lock: &Lock,
        registry: &registry::Client,
        store: &Store,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let (text, digests) = pinned(base, lock)?;
        let image = base_image::read(registry, text, digests).await?;
        let ask = Ask { system: true, ..Ask::on(lock.target.platform) };
        let bar = ui.bar("base image", None, Unit::Bytes);
        let facts = base_image::inspect(registry, store, text, digests, &ask, &bar).await?;
        bar.finish();
        Ok(Base {
            image,
            text: text.to_owned(),
            digests,
            system: Arc::new(facts.system.expect("it was asked for")),
        })
    }
}

/// The text and digests that the lock has for a base of the plan.
fn pinned<'a>(base: &PinnedReference, lock: &'a Lock) -> Result<(&'a str, BaseDigests), Failure> {
    let found = [&lock.base.runtime, &lock.base.devel].into_iter().find_map(|pin| {
        let is_it = image::base_image(pin).as_ref() == Some(base);
        is_it.then_some((pin.reference.as_str(), pin.digests?))
    });
    found.ok_or_else(|| Failure::message(Exit::LockStale, format!("the lock does not pin {base}")))
}
