//! What was released, when and by whom; and atomic changes of several files.
mod attributes;
mod check;
mod disk;
mod draft;
mod error;
mod exists;
mod git;
mod history;
mod kept_locks;
mod model;
mod prepare;
mod project_lock;
mod publish;
mod replaceable;
mod rollback;
mod selector;
mod state;
mod transaction;

pub use check::ImageCheck;
pub use disk::FOLDER;
pub use draft::{Draft, Published};
pub use error::Error;
pub use exists::prove;
pub use git::{GitFacts, file_at};
pub use history::{History, Torn};
pub use kept_locks::{
    file_of as lock_file_of, find as find_lock, keep as keep_lock, retain as retain_locks,
};
pub use model::{FILE_NAME, FORMAT, FileEdit, Kind, Record};
pub use prepare::{Prepared, prepare};
pub use project_lock::{ProjectLock, hold_build, hold_build_now};
pub use publish::{
    Publication, config_files, draft, draft_rollback, preview, preview_rollback, publish,
    read_config, read_history, rehearse, roll_back,
};
pub use rollback::{Conflict, Plan, decide};
pub use selector::{BadSelector, Selector};
pub use state::{Place, State};
pub use transaction::{FileChange, Recovered, is_interrupted};
