use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/sshrpc/sshrpc.toml"), text)
}

/// What is wrong with a text, after the name of its file.
fn error(text: &str) -> String {
    let said = parse(text).unwrap_err().to_string();
    said.strip_prefix("/etc/sshrpc/sshrpc.toml:").unwrap_or(&said).to_owned()
}

#[test]
fn nothing_is_a_configuration() {
    let config = parse("").unwrap();
    assert_eq!(config.serve, Serve::default());
    assert_eq!(config.audit, AuditLog::Off);
    assert!(config.policy.rules().is_empty());
}

#[test]
fn the_example_has_every_key() {
    let text = include_str!("../../examples/sshrpc.toml");
    parse(text).unwrap();
    // What is commented out there makes sense, too: a line of comment that has an assignment in it is one.
    let lines = text.lines().map(|line| match line.strip_prefix("#") {
        Some(rest) if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
            rest
        }
        _ => line,
    });
    let config = parse(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    let Serve {
        listen,
        name,
        host_keys,
        authorized_keys,
        revoked_keys,
        allow_forwarding,
        tier,
        cipher,
        mac,
        kex,
        compress,
    } = config.serve;
    assert!(listen.is_some() && !host_keys.is_empty() && authorized_keys.is_some() && revoked_keys.is_some());
    assert!(allow_forwarding.is_some() && tier.is_some() && cipher.is_some() && mac.is_some() && kex.is_some());
    assert!(compress.is_some() && name.is_some());
    assert!(matches!(config.audit, AuditLog::File(_)));
    let keys =
        ["name", "key", "authority", "user", "principal", "from", "operation", "dangerous", "max_size", "rate", "deny"];
    for key in keys {
        assert!(text.contains(&format!("\n{key} = ")) || text.contains(&format!("\n#{key} = ")), "{key}");
    }
}

#[test]
fn relative_paths_begin_where_the_file_is() {
    let config =
        parse("[serve]\nauthorized_keys = \"keys\"\nhost_keys = [\"a\", \"/b\"]\n[audit]\nfile = \"log\"\n").unwrap();
    assert_eq!(config.serve.authorized_keys, Some("/etc/sshrpc/keys".into()));
    assert_eq!(config.serve.host_keys, [PathBuf::from("/etc/sshrpc/a"), "/b".into()]);
    assert_eq!(config.audit, AuditLog::File("/etc/sshrpc/log".into()));
    assert_eq!(parse("[audit]\nfile = \"-\"\n").unwrap().audit, AuditLog::StandardError);
}

#[test]
fn an_error_names_the_line_the_key_and_what_would_be_right() {
    for (text, said) in [
        ("[serve]\nlisen = \"x\"\n", "2:1: [serve] has no key \"lisen\": did you mean \"listen\"?"),
        ("[srve]\n", "1:2: the file has no key \"srve\": did you mean \"serve\"?"),
        ("x = 1\n", "1:1: the file has no key \"x\": there are serve, acl, rule, audit, nodes, groups"),
        ("[serve]\nlisten = 5\n", "2:10: [serve] listen: 5 is wrong: a text in quotes belongs there"),
        ("[serve]\ntier = \"old\"\n", "2:8: [serve] tier: \"old\" is wrong: there are default, compatible, legacy"),
        ("[acl]\ndefault = \"yes\"\n", "2:11: [acl] default: \"yes\" is wrong: there are builtin, deny, allow"),
        ("[audit]\n", "1:1: [audit] has no file: a path, or \"-\" for standard error"),
        ("[rule]\nallow = [\"*:*\"]\n", "1:1: rule: [rule] is wrong: this is a list: it begins with [[rule]]"),
        (
            "[[rule]]\nuser = \"a\"\n",
            "1:1: [[rule]] has no `allow` and no `deny`: a list of functions and processes, such as [\"lists:*\"]",
        ),
        (
            "[[rule]]\nallow = [\"a:*\"]\ndeny = [\"b:*\"]\n",
            "1:1: [[rule]]: it either allows or denies; the first rule that matches decides",
        ),
        (
            "[[rule]]\nallow = [\n  \"lists:*\",\n  \"lists:seq(1,2)\",\n]\n",
            "4:3: [[rule]] allow: \"lists:seq(1,2)\" is wrong: \
             this is written `lists:seq/2`, `lists:*`, `*:*`, or `counter` for a process",
        ),
        ("[[rule]]\nallow = [\"*:*\"]\nuser = []\n", "3:8: [[rule]] user: [] is wrong: at least one belongs there"),
        (
            "[[rule]]\nallow = \"*:*\"\nkey = \"MD5:00\"\n",
            "3:7: [[rule]] key: \"MD5:00\" is wrong: \
             a fingerprint is `SHA256:` and 43 characters, as `ssh-keygen -l -f KEY.pub` prints it",
        ),
        (
            "[[rule]]\nallow = \"*:*\"\nfrom = \"10.0.0.0/33\"\n",
            "3:8: [[rule]] from: \"10.0.0.0/33\" is wrong: \
             a network is written `10.0.0.0/8` or `2001:db8::/32`, an address without the slash",
        ),
        (
            "[[rule]]\nallow = \"*:*\"\nrate = \"9/day\"\n",
            "3:8: [[rule]] rate: \"9/day\" is wrong: a rate is written `100/s`, `10/min` or `5/h`, and at least 1",
        ),
        (
            "[[rule]]\ndeny = \"*:*\"\ndangerous = true\n",
            "3:13: [[rule]] dangerous: true is wrong: this is for rules that allow; one that denies does so anyway",
        ),
        (
            "[[rule]]\nallow = \"*:*\"\nmax_size = -1\n",
            "3:12: [[rule]] max_size: -1 is wrong: a whole number from 1 on belongs there",
        ),
        (
            "[[rule]]\nallow = \"*:*\"\noperation = [\"call\", \"spawn\"]\n",
            "3:22: [[rule]] operation: \"spawn\" is wrong: there are call, cast, send, monitor, link, exit",
        ),
    ] {
        assert_eq!(error(text), said, "{text}");
    }
    assert!(error("[serve\n").starts_with("1:7: this is no TOML: "), "{}", error("[serve\n"));
    let missing = Config::load(Path::new("/no/such/file")).unwrap_err();
    assert!(missing.to_string().starts_with("/no/such/file: "), "{missing}");
}

#[test]
fn nodes_and_groups_have_names() {
    let text = "[nodes]\nback = \"[::1]:2222\"\n[nodes.front]\naddress = \"alice@front.example:2222\"\n\
                [groups]\nall = [\"front\", \"back\", \"bob@other\"]\nweb = \"front\"\n";
    let nodes = parse(text).unwrap().nodes;
    let names: Vec<_> = nodes.iter().map(|(name, target)| format!("{name} {target}")).collect();
    assert_eq!(names, ["back [::1]:2222", "front alice@front.example:2222"]);
    assert_eq!(nodes.group("all").unwrap(), ["front", "back", "bob@other"]);
    assert_eq!(nodes.groups_of("front").collect::<Vec<_>>(), ["all", "web"]);
    assert!(nodes.target("front").is_some() && nodes.target("all").is_none() && nodes.group("front").is_none());
}

#[test]
fn names_of_nodes_that_make_no_sense_are_refused() {
    for (text, said) in [
        (
            "[nodes]\na = \"b c\"\n",
            "2:5: [nodes] a: \"b c\" is wrong: \"b c\" is no [user@]host[:port]: \
             it has characters that no host and no user has",
        ),
        ("[nodes.a]\nadress = \"b\"\n", "2:1: [nodes.a] has no key \"adress\": did you mean \"address\"?"),
        ("[nodes.a]\n", "1:1: [nodes.a] has no address: where the node is, as `alice@host:2222`"),
        (
            "[nodes]\n\"a@b\" = \"c\"\n",
            "2:9: [nodes] a@b: \"c\" is wrong: a name has no spaces, and none of the characters @ : , [ ]",
        ),
        ("[nodes]\na = \"b\"\n[groups]\na = [\"b\"]\n", "4:5: [groups] a: [\"b\"] is wrong: a node has this name"),
        (
            "[groups]\na = [\"x\"]\nb = [\"a\"]\n",
            "3:6: [groups] b: \"a\" is wrong: this is a group, and groups are of nodes",
        ),
        ("[groups]\na = []\n", "2:5: [groups] a: [] is wrong: at least one belongs there"),
    ] {
        assert_eq!(error(text), said, "{text}");
    }
}
