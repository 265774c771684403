//! Results that are too large for an event, kept under the digest of their bytes: in a folder, or in a bucket that speaks S3.

mod s3;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use s3::{S3Config, S3Endpoint, S3EndpointError, S3SecretKey};

/// How large a result may be to stand in its event, in bytes.
pub(crate) const MAX_IN_EVENT: usize = 256 * 1024;

/// How long to keep or to find an object may take, with all that is tried again: an act waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// Where large results are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects(Arc<dyn ObjectStore>);

/// An object cannot be kept or found.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// The store does not do it. What might pass was tried again already.
    #[error("the object store does not do it")]
    Store(#[from] object_store::Error),
    /// The store does not take our key, or the key may not do this. Amazon's says so, too, of what is not there, to a key
    /// that may not list. Trying again does not help.
    #[error("the object store refuses the key: {code}")]
    Refused {
        /// The store's word for why, such as `SignatureDoesNotMatch`.
        code: String,
    },
    /// It took too long. Trying again may help.
    #[error("the object store did not do it within {} s", LIMIT.as_secs())]
    Late,
    /// There is nothing under the name, or no bucket.
    #[error("{name} is not there")]
    Missing {
        /// The name.
        name: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// The folder cannot be made.
    #[error("the folder of objects cannot be made")]
    Folder(#[source] std::io::Error),
    /// What is configured is no bucket, or no place in one.
    #[error("{field} is {value:?}, accepted is {accepted}")]
    Config {
        /// Which field of [`S3Config`].
        field: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        accepted: &'static str,
    },
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

    /// A bucket that speaks S3. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`ObjectError::Config`], or there is no client for it.
    pub fn s3(config: &S3Config) -> Result<Self, ObjectError> {
        let prefix = config.prefix()?;
        Ok(Self(Arc::new(PrefixStore::new(config.bucket()?, prefix))))
    }

    /// Keeps bytes, and answers with their name. The same bytes again are there already.
    ///
    /// # Errors
    /// The store does not do it.
    pub async fn keep(&self, bytes: Vec<u8>) -> Result<String, ObjectError> {
        let name = name_of(&bytes);
        let path = ObjectPath::from(name.as_str());
        within(&name, self.0.put(&path, PutPayload::from(bytes))).await?;
        Ok(name)
    }

    /// What is kept under a name.
    ///
    /// # Errors
    /// There is nothing, or something else.
    pub async fn find(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        let path = ObjectPath::from(name);
        let bytes = within(name, async { self.0.get(&path).await?.bytes().await }).await?;
        if name_of(&bytes) == name {
            return Ok(bytes.to_vec());
        }
        Err(ObjectError::Altered { name: name.to_owned() })
    }
}

/// What the store answers about a name, in good time.
async fn within<T>(
    name: &str,
    asked: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, ObjectError> {
    let answer = tokio::time::timeout(LIMIT, asked).await.map_err(|_| ObjectError::Late)?;
    answer.map_err(|error| match error {
        object_store::Error::NotFound { .. } => ObjectError::Missing { name: name.to_owned(), source: error },
        // The whole answer may hold what was signed, which nobody needs to read in a log.
        object_store::Error::PermissionDenied { source, .. }
        | object_store::Error::Unauthenticated { source, .. } => {
            ObjectError::Refused { code: s3::code_of(&source.to_string()) }
        }
        error => ObjectError::Store(error),
    })
}

fn name_of(bytes: &[u8]) -> String {
    format!("sha256/{}", hex::encode(Sha256::digest(bytes)))
}
