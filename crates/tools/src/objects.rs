//! Results that are too large for an event, kept under the digest of their bytes.

use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// How large a result may be to stand in its event, in bytes.
pub(crate) const MAX_IN_EVENT: usize = 256 * 1024;

/// Where large results are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects(Arc<dyn ObjectStore>);

/// An object cannot be kept or found.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// The store does not do it.
    #[error("the object store does not do it")]
    Store(#[from] object_store::Error),
    /// The folder cannot be made.
    #[error("the folder of objects cannot be made")]
    Folder(#[source] std::io::Error),
    /// What is found under the name is something else.
    #[error("{name} is not what its name says")]
    Altered {
        /// The name.
        name: String,
    },
}

impl Objects {
    /// A folder, which is made where it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(path: &Path) -> Result<Self, ObjectError> {
        std::fs::create_dir_all(path).map_err(ObjectError::Folder)?;
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(path)?)))
    }

    /// Keeps bytes, and answers with their name. The same bytes again are there already.
    ///
    /// # Errors
    /// The store does not do it.
    pub async fn keep(&self, bytes: Vec<u8>) -> Result<String, ObjectError> {
        let name = name_of(&bytes);
        self.0.put(&ObjectPath::from(name.as_str()), PutPayload::from(bytes)).await?;
        Ok(name)
    }

    /// What is kept under a name.
    ///
    /// # Errors
    /// There is nothing, or something else.
    pub async fn find(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        let bytes = self.0.get(&ObjectPath::from(name)).await?.bytes().await?;
        if name_of(&bytes) == name {
            return Ok(bytes.to_vec());
        }
        Err(ObjectError::Altered { name: name.to_owned() })
    }
}

fn name_of(bytes: &[u8]) -> String {
    format!("sha256/{}", hex::encode(Sha256::digest(bytes)))
}
