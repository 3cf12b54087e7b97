use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::{FileError, FileProblem};

/// What other users may be able to do with a file that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anything.
    Any,
    /// Not change it, and not put another one in its place: `StrictModes` of `sshd`.
    NotWrite,
    /// Nothing: a private key.
    Nothing,
}

/// The content of a file of at most `limit` bytes; `None` when there is no such file.
pub(crate) fn read(path: &Path, limit: usize, others: Access) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io(path)(error)),
    };
    let metadata = file.metadata().map_err(FileError::io(path))?;
    check_access(path, &metadata, others)?;
    // Room for all of it from the start: a vector that grows would leave copies of a private key behind.
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX).clamp(4096, limit.max(4096));
    let mut content = Zeroizing::new(Vec::with_capacity(size + 1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut content).map_err(FileError::io(path))?;
    if content.len() > limit {
        return Err(FileError::new(path, FileProblem::TooLarge { limit }));
    }
    Ok(Some(content))
}

fn check_access(path: &Path, metadata: &Metadata, others: Access) -> Result<(), FileError> {
    let mode = metadata.permissions().mode();
    match others {
        Access::Any => Ok(()),
        Access::Nothing if mode & 0o077 != 0 => Err(FileError::new(path, FileProblem::ReadableByOthers)),
        Access::Nothing => Ok(()),
        Access::NotWrite if !metadata.is_file() => Err(FileError::new(path, FileProblem::NotAFile)),
        Access::NotWrite if mode & 0o022 != 0 => Err(FileError::new(path, FileProblem::WritableByOthers)),
        Access::NotWrite => check_directory_of(path),
    }
}

/// Who can write to the directory can put another file in the place of this one, unless the directory is sticky.
fn check_directory_of(path: &Path) -> Result<(), FileError> {
    let path = fs::canonicalize(path).map_err(FileError::io(path))?;
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    let mode = fs::metadata(directory).map_err(FileError::io(directory))?.permissions().mode();
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(FileError::new(directory, FileProblem::WritableByOthers));
    }
    Ok(())
}

/// Makes the directory in which `path` is to lie, for its owner alone. What is there already stays as it is.
pub(crate) fn create_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn problem(path: &Path, others: Access) -> FileProblem {
        read(path, 100, others).unwrap_err().problem
    }

    #[test]
    fn a_missing_file_is_none_and_a_large_one_an_error() {
        let (directory, path) = file(0o600);
        assert_eq!(read(&directory.path().join("other"), 100, Access::Nothing).unwrap(), None);
        assert_eq!(**read(&path, 7, Access::Nothing).unwrap().unwrap(), *b"content");
        assert!(matches!(read(&path, 6, Access::Any).unwrap_err().problem, FileProblem::TooLarge { limit: 6 }));
        assert!(matches!(problem(directory.path(), Access::Any), FileProblem::Io(_)));
        assert!(matches!(problem(directory.path(), Access::NotWrite), FileProblem::NotAFile));
    }

    #[test]
    fn what_others_can_change_proves_nothing() {
        for mode in [0o620, 0o602, 0o666] {
            let (_directory, path) = file(mode);
            assert!(matches!(problem(&path, Access::NotWrite), FileProblem::WritableByOthers), "{mode:o}");
            let help = format!("run `chmod go-w {}`", path.display());
            assert!(read(&path, 100, Access::NotWrite).unwrap_err().to_string().ends_with(&help));
        }
        let (directory, path) = file(0o644);
        read(&path, 100, Access::NotWrite).unwrap().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o770)).unwrap();
        let error = read(&path, 100, Access::NotWrite).unwrap_err();
        assert_eq!(error.path, fs::canonicalize(directory.path()).unwrap());
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        read(&path, 100, Access::NotWrite).unwrap().unwrap();
    }

    #[test]
    fn what_others_can_read_is_not_private() {
        for mode in [0o640, 0o604, 0o601, 0o620] {
            let (_directory, path) = file(mode);
            let help = format!("run `chmod 600 {}`", path.display());
            assert!(read(&path, 100, Access::Nothing).unwrap_err().to_string().ends_with(&help), "{mode:o}");
        }
        let (_directory, path) = file(0o400);
        read(&path, 100, Access::Nothing).unwrap().unwrap();
    }
}
