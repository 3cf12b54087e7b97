//! Keyboard-interactive, [RFC 4256](https://www.rfc-editor.org/rfc/rfc4256): questions and answers, in any number of rounds.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::notice::{printable, printable_up_to};
use crate::wire::{InvalidMessage, Problem, Put, Reader, number};

/// What a server asks at once. [RFC 4256 §3.2](https://www.rfc-editor.org/rfc/rfc4256#section-3.2)
///
/// What a client reads here is fit for a screen: control characters are removed. It still comes from the server, and whoever
/// shows it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Questions {
    /// A title; may be empty.
    pub name: String,
    /// What there is to know before one answers; may be empty, and may have several lines.
    pub instruction: String,
    /// The questions. There may be none: then there is something to be read.
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// What is asked: `Password: `.
    pub text: String,
    /// Whether the answer may be seen while it is typed.
    pub echo: Echo,
}

/// Whether an answer may be seen while it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a boolean of the wire, with names")]
pub enum Echo {
    /// Nobody may look over the shoulder.
    Hidden,
    /// It may be seen.
    Shown,
}

impl Questions {
    /// The most questions that are read at once.
    pub const MAXIMUM: usize = 128;

    /// No questions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a title.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The same with an instruction.
    #[must_use]
    pub fn instruction(self, instruction: &str) -> Self {
        Self { instruction: instruction.to_owned(), ..self }
    }

    /// The same with one more question, whose answer nobody may see.
    #[must_use]
    pub fn hidden(self, text: &str) -> Self {
        self.question(text, Echo::Hidden)
    }

    /// The same with one more question, whose answer may be seen.
    #[must_use]
    pub fn shown(self, text: &str) -> Self {
        self.question(text, Echo::Shown)
    }

    fn question(mut self, text: &str, echo: Echo) -> Self {
        self.questions.push(Question { text: text.to_owned(), echo });
        self
    }

    /// ```text
    /// byte SSH_MSG_USERAUTH_INFO_REQUEST (60) · string name · string instruction · string language tag
    /// int num-prompts · num-prompts times: string prompt, boolean echo
    /// ```
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(number::USERAUTH_INFO_REQUEST);
        out.put_string(self.name.as_bytes());
        out.put_string(self.instruction.as_bytes());
        out.put_string(b"");
        out.put_u32(u32::try_from(self.questions.len()).unwrap_or(u32::MAX));
        for question in &self.questions {
            out.put_string(question.text.as_bytes());
            out.put_bool(question.echo == Echo::Shown);
        }
    }

    /// "Clients SHOULD use control character filtering" (RFC 4256 §3.3).
    pub(super) fn decode(body: &[u8]) -> Result<Self, InvalidMessage> {
        /// In characters: an instruction may draw a picture.
        const INSTRUCTION: usize = 8192;
        let mut reader = Reader::new(body);
        let mut asked = Self {
            name: printable(reader.string("name")?),
            instruction: printable_up_to(reader.string("instruction")?, INSTRUCTION),
            questions: Vec::new(),
        };
        reader.string("language tag")?;
        // Nothing is allocated for questions that are not there (CVE-2026-48107).
        for _ in 0..count(&mut reader, "num-prompts")? {
            let text = printable(reader.string("prompt")?);
            let echo = if reader.boolean("echo")? { Echo::Shown } else { Echo::Hidden };
            asked.questions.push(Question { text, echo });
        }
        reader.finish("SSH_MSG_USERAUTH_INFO_REQUEST")?;
        Ok(asked)
    }
}

/// A number of questions or answers, at most [`Questions::MAXIMUM`].
fn count(reader: &mut Reader<'_>, field: &'static str) -> Result<u32, InvalidMessage> {
    let count = reader.u32(field)?;
    match usize::try_from(count) {
        Ok(small) if small <= Questions::MAXIMUM => Ok(count),
        _ => Err(InvalidMessage { field, problem: Problem::TooLong }),
    }
}

/// The answers to a round of questions.
#[derive(Clone, Default)]
pub(crate) struct Answers(pub(crate) Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [redacted]", self.0.len())
    }
}

impl Answers {
    /// [RFC 4256 §3.4](https://www.rfc-editor.org/rfc/rfc4256#section-3.4)
    ///
    /// ```text
    /// byte SSH_MSG_USERAUTH_INFO_RESPONSE (61) · int num-responses · num-responses times: string response
    /// ```
    pub(super) fn decode(body: &[u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let mut answers = Vec::new();
        for _ in 0..count(&mut reader, "num-responses")? {
            answers.push(Zeroizing::new(reader.string("response")?.to_vec()));
        }
        reader.finish("SSH_MSG_USERAUTH_INFO_RESPONSE")?;
        Ok(Self(answers))
    }
}

/// Writes a response: see [`Answers::decode`].
pub(super) fn put_answers(out: &mut Vec<u8>, answers: &[Zeroizing<Vec<u8>>]) {
    out.put_u8(number::USERAUTH_INFO_RESPONSE);
    out.put_u32(u32::try_from(answers.len()).unwrap_or(u32::MAX));
    for answer in answers {
        out.put_string(answer);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec as some;
    use proptest::prelude::{any, proptest};

    use super::*;

    fn asked(questions: &Questions) -> Vec<u8> {
        let mut out = Vec::new();
        questions.encode(&mut out);
        out
    }

    fn answered(answers: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        put_answers(&mut out, &answers.iter().map(|answer| answer.to_vec().into()).collect::<Vec<_>>());
        out
    }

    proptest! {
        #[test]
        fn questions_and_answers_round_trip(
            name in "\\PC{0,40}",
            texts in some("\\PC{0,40}", 0..9),
            data in some(some(any::<u8>(), 0..40), 0..9),
        ) {
            let mut questions = Questions::new().name(&name).instruction("read\nthis");
            for (index, text) in texts.iter().enumerate() {
                questions = if index % 2 == 0 { questions.hidden(text) } else { questions.shown(text) };
            }
            assert_eq!(Questions::decode(&asked(&questions)[1..]).unwrap(), questions);
            let answers: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            let read = Answers::decode(&answered(&answers)[1..]).unwrap();
            assert_eq!(read.0.iter().map(|answer| &answer[..]).collect::<Vec<_>>(), answers);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(body in some(any::<u8>(), 0..200)) {
            let _ = (Questions::decode(&body), Answers::decode(&body));
        }
    }

    #[test]
    fn rfc4256_s3_2_the_example_of_the_rfc_is_written_so() {
        // The request of RFC 4256 s4: a challenge whose answer is not shown.
        let questions = Questions::new().name("CRYPTOCard Authentication");
        let questions = questions.instruction("The challenge is '14315716'").shown("Response: ");
        let mut expected = b"\x3c\0\0\0\x19CRYPTOCard Authentication\0\0\0\x1bThe challenge is '14315716'".to_vec();
        expected.extend_from_slice(b"\0\0\0\0\0\0\0\x01\0\0\0\x0aResponse: \x01");
        assert_eq!(asked(&questions), expected);
        assert_eq!(answered(&[b"6d757575"]), b"\x3d\0\0\0\x01\0\0\0\x086d757575");
    }

    #[test]
    fn every_truncation_is_an_error_and_so_is_what_follows() {
        let (request, response) = (asked(&Questions::new().hidden("a").shown("b")), answered(&[b"1", b"2"]));
        for end in 1..request.len() {
            assert!(Questions::decode(&request[1..end]).is_err(), "{end}");
        }
        for end in 1..response.len() {
            assert!(Answers::decode(&response[1..end]).is_err(), "{end}");
        }
        assert!(Questions::decode(&[&request[1..], b"x"].concat()).is_err());
        assert!(Answers::decode(&[&response[1..], b"x"].concat()).is_err());
    }

    #[test]
    fn cve_2026_42189_a_count_is_bounded_before_anything_is_read() {
        for count in [129_u32, 0x1000_0000, u32::MAX] {
            let mut request = asked(&Questions::new());
            let at = request.len() - 4;
            request[at..].copy_from_slice(&count.to_be_bytes());
            assert_eq!(Questions::decode(&request[1..]).unwrap_err().problem, Problem::TooLong);
            assert_eq!(Answers::decode(&count.to_be_bytes()).unwrap_err().problem, Problem::TooLong);
        }
        assert_eq!(Answers::decode(&128_u32.to_be_bytes()).unwrap_err().problem, Problem::Truncated);
    }

    #[test]
    fn rfc4256_s3_2_what_is_shown_has_no_control_characters_and_an_end() {
        let evil = "\u{1b}]0;x\u{7}Pass\u{8}word\r: ";
        let long = "y".repeat(20_000);
        let questions = Questions::new().name(evil).instruction(&long).hidden(evil).shown(&long);
        let read = Questions::decode(&asked(&questions)[1..]).unwrap();
        assert_eq!((read.name.as_str(), read.questions[0].text.as_str()), ("]0;xPassword: ", "]0;xPassword: "));
        assert_eq!((read.instruction.len(), read.questions[1].text.len()), (8192, 1024));
    }

    #[test]
    fn answers_do_not_print() {
        assert_eq!(alloc::format!("{:?}", Answers(alloc::vec![b"secret".to_vec().into()])), "1 [redacted]");
    }
}
