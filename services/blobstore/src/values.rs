//! The resources that guests hold, besides containers.

use std::collections::VecDeque;

use crate::body::Body;
use crate::bounds::{CHUNK_BYTES, MAX_PAGE_NAMES, MAX_SYNC_BYTES};
use crate::calls::OpenContainer;
use crate::container::Object;
use crate::data::Place;
use crate::error::BlobError;

/// A value that a guest writes.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OutgoingValue {
    pub(crate) body: Body,
    /// True after the stream was given out.
    pub(crate) is_taken: bool,
    /// The container into which the value goes.
    pub(crate) container: Option<OpenContainer>,
    pub(crate) _place: Place,
}

/// A value that a guest reads.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct IncomingValue {
    pub(crate) object: Object,
    pub(crate) container: OpenContainer,
    pub(crate) place: Place,
}

impl IncomingValue {
    /// Reads the whole value.
    pub(crate) async fn read_all(mut self) -> Result<Vec<u8>, BlobError> {
        let size = self.object.size;
        if size > MAX_SYNC_BYTES {
            let message =
                format!("the value has {size} bytes; consume more than {MAX_SYNC_BYTES} as a stream");
            return Err(BlobError::InvalidArgument(message));
        }
        // The backend says the size, so the reader is not trusted to keep to it.
        let mut bytes = Vec::with_capacity(CHUNK_BYTES.min(usize::try_from(size).unwrap_or(CHUNK_BYTES)));
        while let Some(chunk) = self.container.within(self.object.reader.read()).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MAX_SYNC_BYTES {
                return Err(BlobError::Other("the object is larger than its backend says".to_owned()));
            }
        }
        Ok(bytes)
    }
}

/// The names of a container's objects, on their way to a guest.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct ObjectNames {
    pub(crate) container: OpenContainer,
    /// Names that were read and not given out.
    pub(crate) waiting: VecDeque<String>,
    pub(crate) after: Option<String>,
    pub(crate) is_last: bool,
    pub(crate) _place: Place,
}

impl ObjectNames {
    /// Takes up to `most` names, but not more than a page. Returns true with them if none follows.
    pub(crate) async fn take(&mut self, most: u64) -> Result<(Vec<String>, bool), BlobError> {
        let most = usize::try_from(most).unwrap_or(MAX_PAGE_NAMES).min(MAX_PAGE_NAMES);
        // One more than is wanted tells whether a name follows.
        while !self.is_last && self.waiting.len() <= most {
            let wanted = most + 1 - self.waiting.len();
            let container = self.container.container();
            let list = container.list(self.after.as_deref(), wanted);
            let page = self.container.within(list).await?;
            self.is_last = page.is_last || page.names.is_empty();
            self.after = page.names.last().cloned().or(self.after.take());
            self.waiting.extend(page.names);
        }
        let names: Vec<_> = self.waiting.drain(..most.min(self.waiting.len())).collect();
        Ok((names, self.is_last && self.waiting.is_empty()))
    }
}
