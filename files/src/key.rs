//! Where a file is.

use std::fmt;

use kefu_model::TenantId;
use object_store::path::{Path, PathPart};

/// A file of a tenant: 128 random bits, as the caller chose them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    tenant: TenantId,
    id: u128,
}

impl FileKey {
    /// The key of that file.
    #[must_use]
    pub fn new(tenant: TenantId, id: u128) -> Self {
        Self { tenant, id }
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.id
    }

    /// `files/<tenant>/<two digits>/<thirty-two digits>`: folders of a local disk stay small.
    pub(crate) fn path(&self) -> Path {
        let name = format!("{:032x}", self.id);
        folder(&self.tenant).join(name[..2].to_owned()).join(name)
    }

    /// The key of a path of that tenant; none for one that is not ours.
    pub(crate) fn of_path(tenant: &TenantId, path: &Path) -> Option<Self> {
        let name = path.filename()?;
        let id = (name.len() == 32).then(|| u128::from_str_radix(name, 16).ok())??;
        let key = Self::new(tenant.clone(), id);
        (key.path() == *path).then_some(key)
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

/// The folder of a tenant's files. What a path may not contain is encoded.
pub(crate) fn folder(tenant: &TenantId) -> Path {
    Path::from_iter([PathPart::from("files"), PathPart::from(tenant.as_str())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_key_and_no_other_tenants() {
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let key = FileKey::new(a.clone(), 0xabcd);
        assert_eq!(key.path().as_ref(), "files/a/00/0000000000000000000000000000abcd");
        assert_eq!(FileKey::of_path(&a, &key.path()), Some(key.clone()));
        assert_eq!(FileKey::of_path(&b, &key.path()), None);
        assert_eq!(FileKey::of_path(&a, &Path::from("files/a/00/abcd")), None);
        assert_eq!(FileKey::of_path(&a, &Path::from("files/a/ff/0000000000000000000000000000abcd")), None);
    }
}
