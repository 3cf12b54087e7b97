//! The `%` tokens, `${VARIABLES}` and `~` of `ssh_config(5)`.

use std::fmt::Write;
use std::path::PathBuf;

use hmac::digest::Digest;

/// What a text of the configuration stands for, once the host is known.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    /// `%n`: as it was typed.
    pub(super) original: &'a str,
    /// `%h`: where to connect to.
    pub(super) host: &'a str,
    /// `%k`: the name under which the host's key is known.
    pub(super) alias: &'a str,
    /// `%p`
    pub(super) port: u16,
    /// `%r`: the user there.
    pub(super) user: &'a str,
    /// `%u`: the user here.
    pub(super) local_user: &'a str,
    /// `%d` and `~`
    pub(super) home: &'a str,
    /// `%l`: this machine.
    pub(super) local_host: &'a str,
    /// `%j`: what `ProxyJump` says.
    pub(super) jump: &'a str,
}

/// Why a text cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadToken {
    /// A `%` with something behind it that means nothing here.
    Unknown(char),
    /// A `%` at the end.
    Unfinished,
    /// A `${` without its `}`, or a variable that is not set.
    Variable(String),
    /// What comes of it is longer than any name and any command.
    TooLong,
}

/// An argument of a command has 128 KiB at most, on Linux. Tokens stand for texts that have tokens themselves, and a file
/// has many of them.
const MAXIMUM: usize = 1 << 16;

fn limited(expanded: &str) -> Result<(), BadToken> {
    if expanded.len() > MAXIMUM { Err(BadToken::TooLong) } else { Ok(()) }
}

impl Tokens<'_> {
    /// Replaces `%` tokens. `allowed` says which of them this option has, beside `%%`.
    pub(super) fn expand(&self, text: &str, allowed: &str) -> Result<String, BadToken> {
        let mut expanded = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            let token = characters.next().ok_or(BadToken::Unfinished)?;
            if token != '%' && !allowed.contains(token) {
                return Err(BadToken::Unknown(token));
            }
            self.put(token, &mut expanded).ok_or(BadToken::Unknown(token))?;
            limited(&expanded)?;
        }
        limited(&expanded)?;
        Ok(expanded)
    }

    fn put(&self, token: char, out: &mut String) -> Option<()> {
        match token {
            '%' => out.push('%'),
            'h' => out.push_str(self.host),
            'n' => out.push_str(self.original),
            'k' => out.push_str(self.alias),
            'r' => out.push_str(self.user),
            'u' => out.push_str(self.local_user),
            'd' => out.push_str(self.home),
            'l' => out.push_str(self.local_host),
            'L' => out.push_str(self.local_host.split('.').next().unwrap_or_default()),
            'j' => out.push_str(self.jump),
            'p' => write!(out, "{}", self.port).ok()?,
            // "Hash of %l%h%p%r%j."
            'C' => {
                let port = self.port.to_string();
                let parts = [self.local_host, self.host, &port, self.user, self.jump];
                let mut hash = sha1::Sha1::new();
                parts.iter().for_each(|part| hash.update(part));
                hash.finalize().iter().try_for_each(|byte| write!(out, "{byte:02x}")).ok()?;
            }
            _ => return None,
        }
        Some(())
    }

    /// A file's name: `~`, variables and the tokens that files have.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, BadToken> {
        let text = variables(text)?;
        let text = self.expand(&text, FILE_TOKENS)?;
        Ok(from_home(&text, self.home))
    }
}

/// `CertificateFile`, `IdentityFile`, `UserKnownHostsFile` and their like.
const FILE_TOKENS: &str = "CdhjkLlnpru";

/// `~` and `~/file`.
pub(super) fn from_home(text: &str, home: &str) -> PathBuf {
    match text.strip_prefix('~') {
        Some("") => PathBuf::from(home),
        Some(rest) if rest.starts_with('/') => PathBuf::from(home).join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    }
}

/// Replaces `${NAME}` by the variable of the environment.
pub(super) fn variables(text: &str) -> Result<String, BadToken> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or_else(|| BadToken::Variable(after.to_owned()))?;
        let value = std::env::var(name).map_err(|_unset| BadToken::Variable(name.to_owned()))?;
        expanded.push_str(before);
        expanded.push_str(&value);
        limited(&expanded)?;
        rest = behind;
    }
    expanded.push_str(rest);
    limited(&expanded)?;
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: Tokens<'_> = Tokens {
        original: "web",
        host: "web.example.com",
        alias: "alias",
        port: 2222,
        user: "alice",
        local_user: "al",
        home: "/home/al",
        local_host: "desk.example.net",
        jump: "",
    };

    #[test]
    fn tokens_stand_for_what_is_known_of_the_connection() {
        let all = TOKENS.expand("%%-%h-%n-%k-%r-%u-%d-%l-%L-%j-%p", FILE_TOKENS).unwrap();
        assert_eq!(all, "%-web.example.com-web-alias-alice-al-/home/al-desk.example.net-desk--2222");
        // echo -n desk.example.netweb.example.com2222alice | sha1sum
        assert_eq!(TOKENS.expand("%C", "C").unwrap(), "316118f71fdedb8368dc5a39fda3c225426ea5f8".to_owned());
    }

    #[test]
    fn what_stands_for_nothing_is_an_error() {
        assert_eq!(TOKENS.expand("%x", FILE_TOKENS), Err(BadToken::Unknown('x')));
        assert_eq!(TOKENS.expand("%d", "h"), Err(BadToken::Unknown('d')));
        assert_eq!(TOKENS.expand("50%", "h"), Err(BadToken::Unfinished));
        assert_eq!(variables("${SSHRPC_NO_SUCH}/x"), Err(BadToken::Variable("SSHRPC_NO_SUCH".into())));
        assert_eq!(variables("${OPEN"), Err(BadToken::Variable("OPEN".into())));
        let long = "%h".repeat(10_000);
        assert_eq!(TOKENS.expand(&long, "h"), Err(BadToken::TooLong));
        assert_eq!(variables(&"x".repeat(70_000)), Err(BadToken::TooLong));
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        assert_eq!(TOKENS.path("~/.ssh/%h").unwrap(), PathBuf::from("/home/al/.ssh/web.example.com"));
        assert_eq!(from_home("~", "/h"), PathBuf::from("/h"));
        assert_eq!(from_home("~other/x", "/h"), PathBuf::from("~other/x"));
    }
}
