//! The content of the file: secrets, each encrypted with its place, within an encrypted index.
//!
//! ```text
//! "airssys-secrets\0", format, salt, check, index
//! ```
//!
//! The key comes from the operator's text and the salt by Argon2id. `check` is nothing, encrypted with all
//! before it as associated data, so that a wrong key fails there. The index has the lockers with the names,
//! the versions and the encrypted values of their secrets. Each value has a nonce of its own, and its
//! locker, name and version as associated data, so that it cannot take another's place. Values stay
//! encrypted in memory too. An older copy of the whole file is not told apart.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Generate, Key, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::locker::{Page, Value, page};

const MAGIC: &[u8; 16] = b"airssys-secrets\0";

/// The format of the file. It stands for the algorithms and their costs too.
const FORMAT: u32 = 1;

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The costs of the key: 19 MiB and 2 passes, as OWASP recommends.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;

/// Reasons for which a file is not opened, or a secret is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SealError {
    #[error("it is not a file of secrets; name another file, or restore it from a copy")]
    OtherFile,
    #[error("it has the format {0}, and this program reads the format {FORMAT}; use a newer program")]
    OtherFormat(u32),
    #[error("the key is not the one that the file was made with, or its first bytes were changed")]
    WrongKey,
    #[error("the file was changed or cut by another program; restore it from a copy")]
    Changed,
    #[error("the encryption failed")]
    Encryption,
}

/// An encrypted text with its nonce.
#[derive(Clone, Serialize, Deserialize)]
struct Encrypted {
    nonce: [u8; NONCE_BYTES],
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Secret {
    version: u64,
    value: Encrypted,
}

/// A secret that clones of its file share.
#[derive(Clone)]
struct Shared(Arc<Secret>);

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Shared, D::Error> {
        Secret::deserialize(from).map(Shared::new)
    }
}

impl Shared {
    fn new(secret: Secret) -> Shared {
        Shared(Arc::new(secret))
    }
}

type Lockers = BTreeMap<String, BTreeMap<String, Shared>>;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Index {
    last_version: u64,
    lockers: Lockers,
}

/// The secrets of a file, with its key. A clone shares the values.
#[derive(Clone)]
pub(super) struct Sealed {
    cipher: Arc<Aes256Gcm>,
    salt: [u8; SALT_BYTES],
    check: Encrypted,
    index: Index,
}

fn cipher(key: &str, salt: &[u8]) -> Result<Aes256Gcm, SealError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(|_| SealError::Encryption)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut bytes = Zeroizing::new([0; 32]);
    argon2.hash_password_into(key.as_bytes(), salt, &mut *bytes).map_err(|_| SealError::Encryption)?;
    Aes256Gcm::new_from_slice(&*bytes).map_err(|_| SealError::Encryption)
}

fn encrypt(cipher: &Aes256Gcm, msg: &[u8], aad: &[u8]) -> Result<Encrypted, SealError> {
    let nonce = Nonce::generate();
    let bytes = cipher.encrypt(&nonce, Payload { msg, aad }).map_err(|_| SealError::Encryption)?;
    Ok(Encrypted { nonce: nonce.into(), bytes })
}

fn decrypt(cipher: &Aes256Gcm, encrypted: &Encrypted, aad: &[u8]) -> Option<Value> {
    let payload = Payload { msg: &encrypted.bytes, aad };
    cipher.decrypt(&Nonce::from(encrypted.nonce), payload).ok().map(Zeroizing::new)
}

/// Returns associated data that no other list of parts has.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_le_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// Returns the associated data of a value: its place and its version, which no other value has.
fn place(locker: &str, id: &str, version: u64) -> Vec<u8> {
    joined(&[b"value", locker.as_bytes(), id.as_bytes(), &version.to_le_bytes()])
}

/// Returns the associated data of the check and of the index.
fn head(of: &str, salt: &[u8]) -> Vec<u8> {
    joined(&[of.as_bytes(), MAGIC, &FORMAT.to_le_bytes(), salt])
}

/// Takes bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn put(encrypted: &Encrypted, to: &mut Vec<u8>) {
    to.extend_from_slice(&encrypted.nonce);
    to.extend_from_slice(&encrypted.bytes);
}

impl Sealed {
    /// Makes an empty file.
    pub(super) fn new(key: &str) -> Result<Sealed, SealError> {
        let salt: [u8; SALT_BYTES] = Key::<Aes256Gcm>::generate().into();
        let cipher = cipher(key, &salt)?;
        let check = encrypt(&cipher, b"", &head("check", &salt))?;
        Ok(Sealed { cipher: Arc::new(cipher), salt, check, index: Index::default() })
    }

    /// Reads a file.
    pub(super) fn open(key: &str, bytes: &[u8]) -> Result<Sealed, SealError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(SealError::OtherFile)?;
        let format = u32::from_le_bytes(take(&mut rest).ok_or(SealError::Changed)?);
        if format != FORMAT {
            return Err(SealError::OtherFormat(format));
        }
        let salt: [u8; SALT_BYTES] = take(&mut rest).ok_or(SealError::Changed)?;
        let nonce = take(&mut rest).ok_or(SealError::Changed)?;
        let tag: [u8; TAG_BYTES] = take(&mut rest).ok_or(SealError::Changed)?;
        let check = Encrypted { nonce, bytes: tag.into() };
        let nonce = take(&mut rest).ok_or(SealError::Changed)?;
        let index = Encrypted { nonce, bytes: rest.into() };
        let cipher = cipher(key, &salt)?;
        decrypt(&cipher, &check, &head("check", &salt)).ok_or(SealError::WrongKey)?;
        let index = decrypt(&cipher, &index, &head("index", &salt)).ok_or(SealError::Changed)?;
        let index = ciborium::from_reader(&**index).map_err(|_| SealError::Changed)?;
        Ok(Sealed { cipher: Arc::new(cipher), salt, check, index })
    }

    /// Returns the content of the file.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, SealError> {
        let mut index = Vec::new();
        ciborium::into_writer(&self.index, &mut index).map_err(|_| SealError::Encryption)?;
        let index = encrypt(&self.cipher, &index, &head("index", &self.salt))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.salt);
        put(&self.check, &mut bytes);
        put(&index, &mut bytes);
        Ok(bytes)
    }

    fn secret(&self, locker: &str, id: &str) -> Option<&Secret> {
        Some(&self.index.lockers.get(locker)?.get(id)?.0)
    }

    pub(super) fn get(&self, locker: &str, id: &str) -> Result<Option<Value>, SealError> {
        let Some(secret) = self.secret(locker, id) else { return Ok(None) };
        let place = place(locker, id, secret.version);
        decrypt(&self.cipher, &secret.value, &place).map(Some).ok_or(SealError::Changed)
    }

    pub(super) fn set(&mut self, locker: &str, id: &str, value: &[u8]) -> Result<(), SealError> {
        let version = self.index.last_version.checked_add(1).ok_or(SealError::Encryption)?;
        self.index.last_version = version;
        let value = encrypt(&self.cipher, value, &place(locker, id, version))?;
        let secrets = self.index.lockers.entry(locker.to_owned()).or_default();
        secrets.insert(id.to_owned(), Shared::new(Secret { version, value }));
        Ok(())
    }

    /// Deletes a secret. Returns false if it does not exist.
    pub(super) fn delete(&mut self, locker: &str, id: &str) -> bool {
        let Some(secrets) = self.index.lockers.get_mut(locker) else { return false };
        let deleted = secrets.remove(id).is_some();
        if secrets.is_empty() {
            self.index.lockers.remove(locker);
        }
        deleted
    }

    pub(super) fn exists(&self, locker: &str, id: &str) -> bool {
        self.secret(locker, id).is_some()
    }

    pub(super) fn list(&self, locker: &str, after: Option<&str>, limit: usize) -> Page {
        let Some(secrets) = self.index.lockers.get(locker) else { return Page::default() };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        page(secrets.range::<str, _>((from, Bound::Unbounded)).map(|(id, _)| id.clone()), limit)
    }

    /// Returns the number of secrets in a locker.
    pub(super) fn count(&self, locker: &str) -> usize {
        self.index.lockers.get(locker).map_or(0, BTreeMap::len)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "correct horse battery staple";

    fn sealed() -> Sealed {
        let mut sealed = Sealed::new(KEY).unwrap();
        for (locker, id) in [("one", "a"), ("one", "b"), ("other", "a")] {
            sealed.set(locker, id, format!("value of {locker} {id}").as_bytes()).unwrap();
        }
        sealed
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_detected() {
        let bytes = sealed().bytes().unwrap();
        // The costs of the key are paid once: the places are before, in and after each part.
        let parts = [0, 16, 20, 52, 64, 80, 92, bytes.len() - TAG_BYTES, bytes.len() - 1];
        for place in parts {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Sealed::open(KEY, &changed).is_err(), "byte {place}");
        }
        for length in parts {
            assert!(Sealed::open(KEY, &bytes[..length]).is_err(), "{length} bytes");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(Sealed::open(KEY, &longer).err(), Some(SealError::Changed));
        assert_eq!(Sealed::open("another key for the file", &bytes).err(), Some(SealError::WrongKey));
        assert_eq!(Sealed::open(KEY, b"[backend.main]\n").err(), Some(SealError::OtherFile));
        let mut newer = bytes.clone();
        newer[16] = 2;
        assert_eq!(Sealed::open(KEY, &newer).err(), Some(SealError::OtherFormat(2)));
        assert_eq!(
            Sealed::open(KEY, &bytes).unwrap().get("one", "a").unwrap().unwrap().as_slice(),
            b"value of one a"
        );
    }

    #[test]
    fn value_in_the_place_of_another_is_detected() {
        let swapped = |locker: &str, id: &str, version: Option<u64>| {
            let mut sealed = sealed();
            let taken = Arc::clone(&sealed.index.lockers["one"]["a"].0);
            let version = version.unwrap_or(taken.version);
            let secret = Secret { version, value: taken.value.clone() };
            sealed.index.lockers.get_mut(locker).unwrap().insert(id.to_owned(), Shared::new(secret));
            sealed.get(locker, id)
        };
        assert!(swapped("one", "a", None).unwrap().is_some());
        for (locker, id, version) in [("one", "b", None), ("other", "a", None), ("one", "a", Some(7))] {
            assert_eq!(swapped(locker, id, version), Err(SealError::Changed), "{locker} {id}");
        }
    }

    #[test]
    fn equal_values_differ_in_the_file_and_show_neither_names_nor_values() {
        let mut sealed = sealed();
        sealed.set("one", "a", b"hunter2-hunter2").unwrap();
        sealed.set("one", "b", b"hunter2-hunter2").unwrap();
        let of = |id: &str| sealed.index.lockers["one"][id].0.value.bytes.clone();
        assert_ne!(of("a"), of("b"));
        let bytes = sealed.bytes().unwrap();
        for shown in ["hunter2", "other", KEY] {
            assert!(!bytes.windows(shown.len()).any(|window| window == shown.as_bytes()), "{shown}");
        }
        assert_ne!(bytes, sealed.bytes().unwrap());
    }
}
