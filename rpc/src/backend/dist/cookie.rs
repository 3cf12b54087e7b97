//! The secret that the nodes of a cluster share.

use core::fmt;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A cookie: the secret that the nodes of a cluster share. Whoever has it may do everything on each of them. It wipes itself,
/// and is never printed.
#[derive(Clone)]
pub struct Cookie(Zeroizing<Vec<u8>>);

impl Cookie {
    /// The longest: an atom's name.
    pub const MAX: usize = 255;

    /// This cookie.
    ///
    /// # Errors
    /// [`CookieError::Form`] unless it is 1 to [`Self::MAX`] visible US-ASCII characters.
    pub fn new(text: &[u8]) -> Result<Self, CookieError> {
        match (1..=Self::MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic) {
            true => Ok(Self(Zeroizing::new(text.to_vec()))),
            false => Err(CookieError::Form),
        }
    }

    /// The cookie in a file, which nobody but its owner may read; Erlang's is `~/.erlang.cookie`. Space and the end of the
    /// line behind the cookie do not count.
    ///
    /// # Errors
    /// [`CookieError`]
    pub fn from_file(path: &Path) -> Result<Self, CookieError> {
        let unreadable = |error| CookieError::Unreadable(path.to_owned(), error);
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(CookieError::Exposed(path.to_owned(), mode & 0o777));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(FILE));
        let most = u64::try_from(FILE).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut text).map_err(unreadable)?;
        Self::new(text.trim_ascii_end()).map_err(|_form| CookieError::NoCookie(path.to_owned()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Octets of a file that are looked at: the longest cookie, and some space behind it.
const FILE: usize = 2 * Cookie::MAX;

/// Says nothing about it.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie([redacted])")
    }
}

/// Why there is no cookie.
#[derive(Debug)]
#[non_exhaustive]
pub enum CookieError {
    /// It is no text of 1 to 255 visible US-ASCII characters.
    Form,
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Others than its owner may read or write the file, by its mode.
    Exposed(PathBuf, u32),
    /// The file has something else in it.
    NoCookie(PathBuf),
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("a cookie is 1 to 255 visible US-ASCII characters"),
            Self::Unreadable(path, error) => write!(f, "cannot read the cookie in {}: {error}", path.display()),
            Self::Exposed(path, mode) => {
                write!(f, "the cookie in {} is open to others than its owner (mode {mode:o})", path.display())
            }
            Self::NoCookie(path) => {
                write!(f, "{} has no cookie: 1 to 255 visible US-ASCII characters on one line", path.display())
            }
        }
    }
}

impl std::error::Error for CookieError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_visible_text_and_is_not_shown() {
        for form in [&b""[..], b"two words", b"line\n", &[b'x'; 256], "\u{e4}".as_bytes()] {
            assert!(matches!(Cookie::new(form), Err(CookieError::Form)), "{form:?}");
        }
        let cookie = Cookie::new(&[b'x'; 255]).expect("a cookie");
        assert_eq!(format!("{cookie:?}"), "Cookie([redacted])");
    }
}
