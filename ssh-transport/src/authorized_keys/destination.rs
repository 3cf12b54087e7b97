//! The values of `permitopen` and `permitlisten`.

/// `host:port`; `*` is any port. An IPv6 address stands in brackets. "No pattern matching or name lookup is performed on the
/// specified hostnames" (`sshd(8)`): a pattern would match nothing, and is an error.
pub(super) fn open(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = split(text)?;
    (!host.contains(['*', '?'])).then_some((host, port))
}

/// `[host:]port`; `*` is any host or any port. Other patterns are an error: who reads the line must see what it permits.
pub(super) fn listen(text: &str) -> Option<(Option<&str>, Option<u16>)> {
    if let Some(port) = parse_port(text) {
        return Some((None, port));
    }
    let (host, port) = split(text)?;
    match host {
        "*" => Some((None, port)),
        host => (!host.contains(['*', '?'])).then_some((Some(host), port)),
    }
}

fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let sound = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]".contains(c));
    Some((host, parse_port(port)?)).filter(|_| sound)
}

/// `None` inside is any port.
fn parse_port(text: &str) -> Option<Option<u16>> {
    if text == "*" {
        return Some(None);
    }
    let port = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    port.filter(|port| *port != 0).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permitopen_is_a_literal_host_and_a_port() {
        for (text, expected) in [
            ("db.example:5432", Some(("db.example", Some(5432)))),
            ("192.0.2.1:*", Some(("192.0.2.1", None))),
            ("[2001:db8::1]:22", Some(("2001:db8::1", Some(22)))),
            ("2001:db8::1:22", None),
            ("[2001:db8::1]", None),
            ("*:22", None),
            ("db.example", None),
            ("db.example:0", None),
            ("db.example:65536", None),
            ("db.example:+1", None),
            ("db.example:", None),
            (":22", None),
            ("a b:22", None),
            ("", None),
        ] {
            assert_eq!(open(text), expected, "{text}");
        }
    }

    #[test]
    fn permitlisten_may_leave_the_host_out() {
        for (text, expected) in [
            ("8080", Some((None, Some(8080)))),
            ("*", Some((None, None))),
            ("*:8080", Some((None, Some(8080)))),
            ("localhost:8080", Some((Some("localhost"), Some(8080)))),
            ("[::1]:*", Some((Some("::1"), None))),
            ("*.example:1", None),
            ("localhost", None),
            ("0", None),
        ] {
            assert_eq!(listen(text), expected, "{text}");
        }
    }
}
