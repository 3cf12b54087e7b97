use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::{FileError, FileProblem};

/// What other users may be able to do with a file that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anything.
    Any,
    /// Not change it, and not put another one in its place: `StrictModes` of `sshd`. It is ours or root's, and so are the
    /// directories in which it lies, up to our home or else the root.
    NotWrite,
    /// Not change it: what `ssh` asks of its configuration, wherever it lies.
    NotWriteItself,
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
        Access::NotWrite | Access::NotWriteItself if !metadata.is_file() => {
            Err(FileError::new(path, FileProblem::NotAFile))
        }
        Access::NotWrite | Access::NotWriteItself if mode & 0o022 != 0 => {
            Err(FileError::new(path, FileProblem::WritableByOthers))
        }
        Access::NotWriteItself => check_owner(path, metadata, rustix::process::geteuid().as_raw()),
        Access::NotWrite => {
            let user = rustix::process::geteuid().as_raw();
            check_owner(path, metadata, user)?;
            // Links are followed first: what counts is where the home really is.
            let home = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
            check_directories_of(path, home.as_deref(), user)
        }
    }
}

/// The owner may change a file whatever its mode is now.
fn check_owner(path: &Path, metadata: &Metadata, user: u32) -> Result<(), FileError> {
    match metadata.uid() {
        0 => Ok(()),
        owner if owner == user => Ok(()),
        _ => Err(FileError::new(path, FileProblem::OwnedByOther)),
    }
}

/// Who can write to a directory can put another one, or another file, in the place of what is in it, unless the directory
/// is sticky. Above the home it is for the system to keep users apart.
fn check_directories_of(path: &Path, home: Option<&Path>, user: u32) -> Result<(), FileError> {
    let path = fs::canonicalize(path).map_err(FileError::io(path))?;
    for directory in path.ancestors().skip(1) {
        let metadata = fs::metadata(directory).map_err(FileError::io(directory))?;
        check_owner(directory, &metadata, user)?;
        let mode = metadata.permissions().mode();
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(FileError::new(directory, FileProblem::WritableByOthers));
        }
        if home == Some(directory) {
            break;
        }
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
    fn what_others_own_proves_nothing_nor_what_lies_in_their_directories() {
        let directory = tempfile::tempdir().unwrap();
        let (home, inner) = (fs::canonicalize(directory.path()).unwrap(), directory.path().join("inner"));
        fs::create_dir(&inner).unwrap();
        let path = inner.join("file");
        fs::write(&path, "content").unwrap();
        // Root may give things away; everybody else looks at their own with the eyes of another user.
        let own = rustix::process::geteuid().as_raw();
        let user = if own == 0 { 4321 } else { own };
        let give = |path: &Path, user| {
            if own == 0 {
                std::os::unix::fs::chown(path, Some(user), None).unwrap();
            }
        };
        for path in [directory.path(), &inner, &path] {
            give(path, user);
        }
        let check = |user| {
            check_owner(&path, &fs::metadata(&path).unwrap(), user)
                .and_then(|()| check_directories_of(&path, Some(&home), user))
                .map_err(|error| (error.path, matches!(error.problem, FileProblem::OwnedByOther)))
        };
        check(user).unwrap();
        assert_eq!(check(user + 1), Err((path.clone(), true)));
        // The file alone is no help, nor is its directory.
        assert!(check_directories_of(&path, Some(&home), user + 1).is_err());
        if own == 0 {
            for (path, whose) in [(&path, 0), (&inner, user + 1)] {
                give(path, whose);
            }
            assert_eq!(check(user), Err((home.join("inner"), true)));
            give(&inner, 0);
            give(directory.path(), user + 1);
            assert_eq!(check(user), Err((home.clone(), true)));
            give(directory.path(), 0);
            check(user).unwrap();
        }
    }

    #[test]
    fn directories_count_up_to_the_home_and_without_one_up_to_the_root() {
        let (directory, _file) = file(0o600);
        let user = rustix::process::geteuid().as_raw();
        let top = fs::canonicalize(directory.path()).unwrap();
        let home = top.join("home");
        fs::create_dir_all(home.join("inner")).unwrap();
        let path = home.join("inner/file");
        fs::write(&path, "content").unwrap();
        check_directories_of(&path, None, user).unwrap();
        fs::set_permissions(&top, fs::Permissions::from_mode(0o777)).unwrap();
        check_directories_of(&path, Some(&home), user).unwrap();
        assert_eq!(check_directories_of(&path, None, user).unwrap_err().path, top);
        fs::set_permissions(&home, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(check_directories_of(&path, Some(&home), user).unwrap_err().path, home);
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
