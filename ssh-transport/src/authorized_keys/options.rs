use crate::files::LineProblem;

/// An option's name in lower case, and its value without the quotation marks.
type Options = Vec<(String, Option<String>)>;

/// The options at the beginning of a line and what follows them. `None` when the line does not begin with an option: its
/// first word has nothing that only options have, and does not name one either.
pub(super) fn split(line: &str) -> Option<Result<(Options, &str), LineProblem>> {
    let word = line.split([' ', '\t']).next().unwrap_or_default();
    let is_key_type = ["ssh-", "ecdsa-", "sk-", "rsa-"].iter().any(|prefix| word.starts_with(prefix));
    if is_key_type && !word.contains(['=', ',', '"']) {
        return None;
    }
    Some(parse(line))
}

/// ```text
/// options = option *("," option) blank
/// option = name ["=" DQUOTE *(character / "\" DQUOTE) DQUOTE]
/// ```
fn parse(line: &str) -> Result<(Options, &str), LineProblem> {
    let mut options = Vec::new();
    let mut rest = line;
    loop {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.@".contains(c)));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        if name.is_empty() {
            return Err(LineProblem::OptionSyntax);
        }
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => unquote(quoted).map(|(value, after)| (Some(value), after))?,
            None => (None, after),
        };
        options.push((name.to_ascii_lowercase(), value));
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.starts_with([' ', '\t']) => return Ok((options, after)),
            None => return Err(LineProblem::OptionSyntax),
        }
    }
}

/// The text up to the next quotation mark that no backslash precedes, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), LineProblem> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or(LineProblem::OptionSyntax)?;
        rest = after;
        match part.strip_suffix('\\') {
            Some(part) => value.extend([part, "\""]),
            None => {
                value.push_str(part);
                return Ok((value, rest));
            }
        }
    }
}
