//! One line of `ssh_config`: a keyword and its arguments.

/// What is wrong with the quotes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// Splits a line into its keyword and the rest: `keyword argument`, `keyword=argument`, `keyword = argument`. `None` for
/// an empty line and for a comment.
pub(super) fn keyword(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_matches(BLANK);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|character| BLANK.contains(&character) || character == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANK);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((keyword, rest.trim_start_matches(BLANK)))
}

/// Splits what follows a keyword into arguments. Quotes of both kinds hold blanks together, a backslash takes the meaning
/// from a quote, a backslash, and outside of quotes from a space; `#` at the beginning of an argument begins a comment.
pub(super) fn arguments(text: &str) -> Result<Vec<String>, OpenQuote> {
    let mut arguments = Vec::new();
    let mut characters = text.chars().peekable();
    loop {
        while characters.next_if(|character| BLANK.contains(character)).is_some() {}
        match characters.peek() {
            None | Some('#') => return Ok(arguments),
            Some(_) => {}
        }
        let (mut argument, mut quote) = (String::new(), None);
        while let Some(character) = characters.next() {
            match (character, quote) {
                ('\\', _) => match characters.peek() {
                    Some(next @ ('"' | '\'' | '\\')) => {
                        argument.push(*next);
                        characters.next();
                    }
                    Some(' ') if quote.is_none() => {
                        argument.push(' ');
                        characters.next();
                    }
                    _ => argument.push('\\'),
                },
                ('"' | '\'', None) => quote = Some(character),
                (_, Some(open)) if character == open => quote = None,
                (_, None) if BLANK.contains(&character) => break,
                _ => argument.push(character),
            }
        }
        if quote.is_some() {
            return Err(OpenQuote);
        }
        arguments.push(argument);
    }
}

const BLANK: [char; 5] = [' ', '\t', '\r', '\n', '\x0c'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_followed_by_blanks_or_one_equals_sign() {
        for line in ["Port 22", "Port=22", " Port = 22 ", "Port\t22\r", "Port =22"] {
            assert_eq!(keyword(line), Some(("Port", "22")), "{line:?}");
        }
        assert_eq!(keyword("ProxyCommand = a =b"), Some(("ProxyCommand", "a =b")));
        assert_eq!(keyword("Port"), Some(("Port", "")));
        assert_eq!(keyword(""), None);
        assert_eq!(keyword("  # Port 22"), None);
    }

    #[test]
    fn arguments_are_held_together_by_quotes() {
        let split = |text| arguments(text).unwrap();
        assert_eq!(split("a  b\tc"), ["a", "b", "c"]);
        assert_eq!(split(r#""two words" 'and these' mi"xe d""#), ["two words", "and these", "mixe d"]);
        assert_eq!(split(r#"a\ b "c\"d" e\\f \x"#), ["a b", "c\"d", "e\\f", "\\x"]);
        assert_eq!(split("a # a comment"), ["a"]);
        assert_eq!(split("a#b"), ["a#b"]);
        assert_eq!(split(r#""""#), [""]);
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(arguments("\"open"), Err(OpenQuote));
    }
}
