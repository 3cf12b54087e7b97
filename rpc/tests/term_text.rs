//! Erlang's syntax, as typed into a shell: what is read, what is refused and where.

use sshrpc::term::{Expression, SyntaxErrorKind, Term, decode, parse_call, parse_expression, parse_term};

/// Pairs of what is typed and what Erlang/OTP 25 prints for it (`~0tp`).
#[test]
fn literals_read_as_erlang_reads_them() {
    for (typed, printed) in [
        ("$\\x{41}", "65"),
        ("$\\^a", "1"),
        ("$ ", "32"),
        ("$\\s", "32"),
        ("$é", "233"),
        ("\"\\^[\"", "\"\\e\""),
        ("16#FF.", "255"),
        ("1_000", "1000"),
        ("16#f_f", "255"),
        ("2#101", "5"),
        ("36#z", "35"),
        ("-16#ff", "-255"),
        ("99999999999999999999", "99999999999999999999"),
        ("1.0e5", "1.0e5"),
        ("1.0_1", "1.01"),
        ("1.0e1_0", "1.0e10"),
        ("1.5E-3", "0.0015"),
        ("- 1", "-1"),
        ("+1", "1"),
        ("-$a", "-97"),
        ("(1)", "1"),
        ("({a,(b)})", "{a,b}"),
        ("<<1:4>>", "<<1:4>>"),
        ("<<-1:3>>", "<<7:3>>"),
        ("<<257>>", "<<1>>"),
        ("<<\"あ\">>", "<<\"B\">>"),
        ("<<\"あ\"/utf8>>", "<<227,129,130>>"),
        ("<<\"é\"/utf16>>", "<<0,233>>"),
        ("<<16#1F600/utf16-little>>", "<<61,216,0,222>>"),
        ("<<\"a\"/utf32>>", "<<0,0,0,97>>"),
        ("<<1:16/little>>", "<<1,0>>"),
        ("<<1:12/little>>", "<<1,0:4>>"),
        ("<<16#abc:12/little>>", "<<188,10:4>>"),
        ("<<16#abc:12>>", "<<171,12:4>>"),
        ("<<1.5/float>>", "<<63,248,0,0,0,0,0,0>>"),
        ("<<1/float>>", "<<63,240,0,0,0,0,0,0>>"),
        ("<<1:32/float-little>>", "<<0,0,128,63>>"),
        ("<<\"ab\":16>>", "<<0,97,0,98>>"),
        ("<<1:2/unit:8>>", "<<0,1>>"),
        ("<<(<<1,2>>):1/binary>>", "<<1>>"),
        ("<<(<<1,2:3>>)/bits,1>>", "<<1,64,1:3>>"),
        ("<<3:2,(<<1,2:3>>)/bits,1:3>>", "<<\"ÀQ\">>"),
        ("<< <<1>>/binary >>", "<<1>>"),
        ("<<(1):4>>", "<<1:4>>"),
        ("<<(-1):4>>", "<<15:4>>"),
        ("<<1:(4)>>", "<<1:4>>"),
        ("<<$a>>", "<<\"a\">>"),
        ("<<1:0>>", "<<>>"),
        ("<<-18446744073709551616:72>>", "<<255,0,0,0,0,0,0,0,0>>"),
        ("<<1:8/signed-little-integer-unit:2>>", "<<1,0>>"),
        ("#{a=>1,a=>2}", "#{a => 2}"),
        ("#{}", "#{}"),
        ("#{<<\"k\">>=><<>>}", "#{<<\"k\">> => <<>>}"),
        ("fun lists:seq/2", "fun lists:seq/2"),
        ("fun 'a b':'+'/0", "fun 'a b':'+'/0"),
        ("'a\\x{41}b'", "aAb"),
        ("'end'", "'end'"),
        ("a@b_C1", "a@b_C1"),
        ("été", "été"),
        ("\"a\" \"b\"", "\"ab\""),
        ("\"a\"\n\"b\"", "\"ab\""),
        ("\"\\400\"", "[256]"),
        ("\"\\8\\x41\\101\"", "\"8AA\""),
        ("\"\\\n\"", "\"\\n\""),
        ("\"\"", "[]"),
        ("[a|\"b\"]", "[a,98]"),
        ("[1,2|[3|[]]]", "[1,2,3]"),
        ("[1,2|[3|x]]", "[1,2,3|x]"),
        ("%c\n1 % c", "1"),
        ("\u{a0}1\u{a0}.\u{a0}", "1"),
        ("{ mfa , { lists , seq , [ 1 , 5 ] } } . ", "{mfa,{lists,seq,[1,5]}}"),
    ] {
        match parse_term(typed) {
            Ok(term) => assert_eq!(term.to_string(), printed, "{typed}"),
            Err(error) => panic!("{typed}: {error}"),
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    use SyntaxErrorKind::*;
    for (typed, line, column, kind, says) in [
        ("", 1, 1, UnexpectedEnd, "a term is expected, and the text ends"),
        ("{1,2", 1, 5, UnexpectedEnd, "',' or '}' is expected, and the text ends"),
        ("[1,\n 2\n", 3, 1, UnexpectedEnd, "',', '|' or ']' is expected, and the text ends"),
        ("{a,b,}", 1, 6, Unexpected, "a term is expected, not '}'"),
        ("[a|b|c]", 1, 5, Unexpected, "']' is expected, not '|'"),
        ("[a|b,c]", 1, 5, Unexpected, "']' is expected, not ','"),
        ("[|a]", 1, 2, Unexpected, "a term is expected, not '|'"),
        ("a b", 1, 3, Trailing, "the atom b follows"),
        ("1.2.3.", 1, 4, Trailing, "'.' follows"),
        ("1. 2.", 1, 4, Trailing, "an integer follows"),
        ("1__0", 1, 2, Trailing, "the variable __0 follows"),
        ("1e5", 1, 2, Trailing, "the atom e5 follows"),
        ("{1;2}", 1, 3, Unexpected, "',' or '}' is expected, not ';'"),
        ("'", 1, 1, Unterminated, "a quoted atom starts here and has no closing '"),
        ("{a, \"abc", 1, 5, Unterminated, "a string starts here and has no closing \""),
        ("'\\", 1, 1, Unterminated, "no closing '"),
        ("$", 1, 1, UnexpectedEnd, "after $"),
        ("end", 1, 1, ReservedWord, "'end'"),
        ("{X}", 1, 2, NotALiteral, "X is a variable"),
        ("_", 1, 1, NotALiteral, "_ is a variable"),
        ("1+2", 1, 2, NotALiteral, "'+' is an operator"),
        ("{1 / 2}", 1, 4, NotALiteral, "'/' is an operator"),
        ("\"a\" ++ \"b\"", 1, 5, NotALiteral, "'++' is an operator"),
        ("#Ref<0.1.2>", 1, 2, NotALiteral, "cannot be written"),
        ("<0.1.2>", 1, 1, NotALiteral, "cannot be written"),
        ("#rec{a=1}", 1, 2, NotALiteral, "records"),
        ("fun(X) -> X end", 1, 4, NotALiteral, "fun Module:Function/Arity"),
        ("fun a:b/256", 1, 9, Number, "0 to 255"),
        ("3#4", 1, 3, Number, "base 3"),
        ("37#1", 1, 1, Number, "2 to 36"),
        ("1.0e", 1, 1, Number, "exponent"),
        ("1.5e400", 1, 1, Number, "too large"),
        ("\"\\x{110000}\"", 1, 2, Escape, "names no character"),
        ("\"\\xg\"", 1, 2, Escape, "hexadecimal"),
        ("あ", 1, 1, IllegalCharacter, "single quotes"),
        ("“a”", 1, 1, IllegalCharacter, "Erlang's quotes"),
        ("{ü, \u{7}\u{7f}}", 1, 6, IllegalCharacter, "illegal character"),
        ("<<1.5>>", 1, 6, Segment, "type float"),
        ("<<\"a\"/binary>>", 1, 6, Segment, "needs a binary"),
        ("<<(<<1>>):3/bits-unit:2>>", 1, 10, Segment, "the type bits"),
        ("<<1:16/float>>", 1, 4, Segment, "32 or 64 bits"),
        ("<<1/foo>>", 1, 5, Segment, "foo is no type"),
        ("<<1/integer-float>>", 1, 13, Segment, "one type"),
        ("<<1/integer-unit:8>>", 1, 4, Segment, "unit"),
        ("<<1:4/utf8>>", 1, 4, Segment, "neither size nor unit"),
        ("<<16#d800/utf8>>", 1, 10, Segment, "no Unicode character"),
        ("<<(<<1>>):9/bits>>", 1, 10, Segment, "shorter"),
        ("<<a>>", 1, 3, Unexpected, "a number, a string or a binary"),
        ("#{a}", 1, 4, Unexpected, "'=>'"),
        ("#{a:=1}", 1, 4, Unexpected, "'=>'"),
        ("{a, lists:max([1])}", 1, 10, NotALiteral, "a call within a call"),
        ("foo(1)", 1, 4, Unexpected, "Module:foo(Arguments)"),
    ] {
        let error = parse_term(typed).expect_err(typed);
        assert_eq!((error.line, error.column, error.kind), (line, column, kind), "{typed}: {error}");
        assert!(error.message.contains(says), "{typed}: {error}");
        assert!(error.to_string().starts_with(&format!("{line}:{column}: ")));
    }
}

#[test]
fn calls_are_read_with_their_literal_arguments() {
    for typed in ["lists:seq(1,5)", " lists : seq ( 1 , 5 ) . % done", "lists:\nseq(1,\n5).\n"] {
        let call = parse_call(typed).expect(typed);
        assert_eq!(call.to_string(), "lists:seq(1,5)");
        assert_eq!((call.module.as_str(), call.function.as_str()), ("lists", "seq"));
        assert_eq!(call.args, [Term::from(1), Term::from(5)]);
    }
    let call = parse_call("'my mod':'+'(\"ab\", [a|b], #{})").expect("a call");
    assert_eq!(call.to_string(), "'my mod':'+'(\"ab\",[a|b],#{})");
    assert_eq!(parse_call("erlang:node()").map(|call| call.args), Ok(vec![]));
    assert_eq!(parse_call("m:f([97,98])").map(|call| call.args), Ok(vec![Term::from("ab")]));
    assert_eq!(parse_call("m:f(97,98)").map(|call| call.args), Ok(vec![97.into(), 98.into()]));
}

#[test]
fn what_is_no_call_says_so() {
    use SyntaxErrorKind::*;
    for (typed, column, kind, says) in [
        ("", 1, UnexpectedEnd, "Module:Function(Arguments)"),
        ("{mfa,{a,b,[]}}", 1, Unexpected, "Module:Function(Arguments)"),
        ("foo(1)", 1, Unexpected, "Module:Function(Arguments)"),
        ("lists:seq", 10, UnexpectedEnd, "'(' and the arguments"),
        ("lists:seq/2", 10, Unexpected, "fun lists:seq/N"),
        ("lists:Seq(1)", 7, NotALiteral, "Seq is a variable"),
        ("lists:seq(1", 12, UnexpectedEnd, "',' or ')'"),
        ("lists:seq(1,)", 13, Unexpected, "a term is expected"),
        ("lists:seq(1) x", 14, Trailing, "the atom x"),
        ("lists:seq(1)+1", 13, NotALiteral, "operator"),
        ("lists:sum(lists:seq(1,2))", 16, NotALiteral, "a call within a call"),
        ("lists:sum(X)", 11, NotALiteral, "X is a variable"),
    ] {
        let error = parse_call(typed).expect_err(typed);
        assert_eq!((error.line, error.column, error.kind), (1, column, kind), "{typed}: {error}");
        assert!(error.message.contains(says), "{typed}: {error}");
    }
}

#[test]
fn an_expression_is_a_call_or_a_term() {
    assert!(matches!(parse_expression("a:b()."), Ok(Expression::Call(_))));
    assert!(matches!(parse_expression("{mfa,{a,b,[]}}."), Ok(Expression::Term(_))));
    assert!(matches!(parse_expression("a."), Ok(Expression::Term(_))));
    assert!(parse_expression("a:b").is_err());
}

#[test]
fn atoms_and_strings_print_with_quotes_and_escapes_where_erlang_has_them() {
    for printed in [
        "'after'",
        "maybe",
        "else",
        "'Abc'",
        "a@b",
        "'_a'",
        "a_b",
        "ñ",
        "'÷'",
        "'a÷'",
        "'É'",
        "aÉ",
        "'a×'",
        "ß",
        "'a\\000\\037\\d\\200\\237\u{a0}'",
        "'a\\n\\r\\t\\v\\b\\f\\e\\d'",
        "'a\\\\\"'",
        "'a\\''",
        "'1a'",
        "''",
        "\"a'b\\\"c\\\\\"",
        "[127]",
        "[128]",
        "\"\u{a0}\"",
        "\"a\\n\\r\\t\\v\\b\\f\\e\"",
        "<<\"a\\n\\r\\t\\v\\b\\f\\e'\\\"\">>",
        "<<97,98,99,1:1>>",
        "<<\"é\"/utf8>>",
        "<<\"é\">>",
        "<<198,161>>",
        "<<227,129,130>>",
        "<<\"Ã©ÿ\">>",
        "[97|b]",
        "[<<\"abc\">>,97,98,99]",
        "[97,97,97,256]",
    ] {
        assert_eq!(parse_term(printed).map(|term| term.to_string()).as_deref(), Ok(printed));
    }
}

/// What Erlang/OTP 25 printed for floats of every kind: `vectors/erlang/floats.txt`.
#[test]
fn floats_print_as_erlang_prints_them() {
    let floats = vectors::text("erlang/floats.txt");
    for line in floats.lines() {
        let (bits, printed) = line.split_once(' ').expect("two columns");
        let float = f64::from_bits(u64::from_str_radix(bits, 16).expect("hexadecimal"));
        let term = Term::try_from(float).expect("finite");
        assert_eq!(term.to_string(), printed, "{bits}");
        assert_eq!(parse_term(printed), Ok(term));
    }
    assert!(floats.lines().count() > 500);
}

/// As for Erlang/OTP 25: `binary_to_term` takes the fun, and `erlang:make_fun/3` does not make it.
#[test]
fn a_fun_of_more_than_255_arguments_travels_and_has_no_syntax() {
    let (head, tail) = (&b"\x83\x71\x64\0\x05list3\x64\0\x03seq\x62"[..], 2047_u32.to_be_bytes());
    let (fun, _) = decode(&[head, &tail].concat()).expect("a fun");
    assert_eq!(fun.to_string(), "fun list3:seq/2047");
    let error = parse_term("fun list3:seq/2047").expect_err("no syntax");
    assert_eq!((error.kind, &*error.message), (SyntaxErrorKind::Number, "an arity is 0 to 255"));
}
