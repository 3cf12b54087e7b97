//! What a client asks for.

use crate::term::{Call, Term};

/// What a term asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// `{mfa,{Module,Function,Args}}`, where `Args` is a proper list in any encoding.
    Call(Call),
    /// Any other term. It is answered `{answer,{{exec_error,Term},-1}}`, which newer clients use to find out what a
    /// node understands.
    Unknown(Term),
}

impl Request {
    /// The term that asks for this call.
    #[must_use]
    pub fn call_term(call: &Call) -> Term {
        let args = Term::list(call.args.iter().cloned());
        let call = Term::tuple([call.module.clone().into(), call.function.clone().into(), args]);
        Term::tuple([Term::atom("mfa"), call])
    }
}

impl From<Term> for Request {
    fn from(term: Term) -> Self {
        match as_call(&term) {
            Some(call) => Self::Call(call),
            None => Self::Unknown(term),
        }
    }
}

fn as_call(term: &Term) -> Option<Call> {
    let [tag, call] = term.as_tuple()? else { return None };
    let [module, function, args] = call.as_tuple()? else { return None };
    if !tag.is_atom("mfa") {
        return None;
    }
    let args = args.as_list()?.cloned().collect();
    Some(Call::new(module.as_atom()?.clone(), function.as_atom()?.clone(), args))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn request(text: &str) -> Request {
        Request::from(text.parse::<Term>().expect("a term"))
    }

    #[test]
    fn the_arguments_are_a_proper_list_of_octets_of_terms_or_none() {
        for (text, shown) in [
            ("{mfa,{erlang,now,[]}}", "erlang:now()"),
            ("{mfa,{lists,seq,[1,5]}}", "lists:seq(1,5)"),
            ("{mfa,{lists,seq,[1,500]}}", "lists:seq(1,500)"),
            ("{mfa,{'A b',c,[\"ab\",x]}}", "'A b':c(\"ab\",x)"),
        ] {
            let Request::Call(call) = request(text) else { panic!("{text}") };
            assert_eq!(call.to_string(), shown);
            assert_eq!(Request::call_term(&call).to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_unknown_and_kept() {
        for text in [
            "foo",
            "{mfa,{lists,seq}}",
            "{mfa,lists,seq,[1,5]}",
            "{mfa,{lists,seq,[1|5]}}",
            "{mfa,{lists,seq,{1,5}}}",
            "{mfa,{\"lists\",seq,[1,5]}}",
            "{mfa,{lists,1,[1,5]}}",
            "{call,{lists,seq,[1,5]}}",
        ] {
            assert_eq!(request(text), Request::Unknown(text.parse().expect("a term")));
        }
    }
}
