use std::fs;
use std::os::unix::fs::PermissionsExt;

use ssh_proto::client::MethodName;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    /// A home directory whose configuration is `text`.
    fn with(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.home().join(".ssh")).unwrap();
        folder.write("config", text);
        folder
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home().join(".ssh").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self) -> Result<SshConfig, ConfigError> {
        SshConfig::load_file(&self.home().join(".ssh/config"), self.home())
    }

    fn lookup(&self, host: &str) -> HostConfig {
        self.load().unwrap().lookup(&Query::new(host, "me", self.home())).unwrap()
    }

    fn error(&self) -> String {
        let error = self.load().and_then(|config| config.lookup(&Query::new("host", "me", self.home()))).unwrap_err();
        error.to_string().replace(&*self.home().to_string_lossy(), "~")
    }
}

#[test]
fn nothing_said_is_what_ssh_does_without_a_configuration() {
    let found = Folder::with("").lookup("Web");
    assert_eq!((&*found.host_name, found.port, found.user.as_deref()), ("web", 22, None));
    assert_eq!((found.proxy, found.identity_files), (Proxy::Direct, None));
    assert!(found.pubkey_authentication && found.password_authentication && !found.batch_mode);
}

#[test]
fn the_first_value_counts_and_key_files_add_up() {
    let folder = Folder::with(
        "Host web\n  Port 1\n  IdentityFile ~/.ssh/a\nHost w* !wiki\n  User al\n  Port 2\n  IdentityFile /b\n\
         Host *\n  User nobody\n  IdentityFile /b\n  Port=3\n",
    );
    let web = folder.lookup("web");
    assert_eq!((web.port, web.user.as_deref()), (1, Some("al")));
    assert_eq!(web.identity_files, Some(vec![folder.home().join(".ssh/a"), "/b".into()]));
    let wiki = folder.lookup("wiki");
    assert_eq!((wiki.port, wiki.user.as_deref()), (3, Some("nobody")));
}

#[test]
fn what_the_caller_names_counts_before_the_file() {
    let folder = Folder::with("User al\nPort 2\nIdentityFile /%r-%p\n");
    let home = folder.home().to_owned();
    let mut query = Query::new("web", "me", &home);
    (query.user, query.port) = (Some("root"), Some(2022));
    let found = folder.load().unwrap().lookup(&query).unwrap();
    assert_eq!((found.port, found.user.as_deref()), (2022, Some("root")));
    assert_eq!(found.identity_files, Some(vec!["/root-2022".into()]));
}

#[test]
fn match_looks_at_what_is_known_so_far() {
    let folder = Folder::with(
        "Host web\n  HostName %h.example.com\n\
         Match host *.example.com user me\n  Port 1\n\
         Match originalhost web !host *.org\n  User al\n\
         Match user al localuser me\n  HostKeyAlias found\n\
         Match exec \"test %n = web -a %r = al\"\n  Compression yes\n\
         Match exec \"false\"\n  BatchMode yes\n\
         Match final host web.example.com\n  ConnectTimeout 7\n\
         Match all\n  PasswordAuthentication no\n",
    );
    let web = folder.lookup("web");
    assert_eq!((&*web.host_name, web.port, web.user.as_deref()), ("web.example.com", 1, Some("al")));
    assert_eq!((web.host_key_alias.as_deref(), web.compression, web.batch_mode), (Some("found"), Some(true), false));
    assert_eq!((web.connect_timeout.map(|time| time.as_secs()), web.password_authentication), (Some(7), false));
    let other = folder.lookup("other");
    assert_eq!((other.port, other.compression, other.connect_timeout), (22, None, None));
    assert!(!other.password_authentication);
}

#[test]
fn methods_are_those_that_are_on_in_the_preferred_order() {
    let methods = |text: &str| {
        let methods = Folder::with(text).lookup("host").methods();
        methods.iter().map(MethodName::as_str).collect::<Vec<_>>().join(",")
    };
    assert_eq!(methods(""), "publickey,keyboard-interactive,password");
    assert_eq!(methods("PasswordAuthentication no\nPubkeyAuthentication no"), "keyboard-interactive");
    assert_eq!(methods("PreferredAuthentications hostbased,password,publickey"), "password,publickey");
    assert_eq!(methods("PreferredAuthentications hostbased"), "");
}

#[test]
fn a_tag_joins_options_of_many_hosts() {
    let folder = Folder::with("Host web\n Tag blue\nMatch tagged blue\n Port 5\nMatch tagged red\n Port 6\n");
    assert_eq!((folder.lookup("web").port, folder.lookup("db").port), (5, 22));
}

#[test]
fn commands_run_only_where_they_may() {
    let folder = Folder::with("Match exec true\n  Port 1\n");
    let home = folder.home().to_owned();
    let mut query = Query::new("web", "me", &home);
    query.exec = Exec::Never;
    assert_eq!(folder.load().unwrap().lookup(&query).unwrap().port, 22);
}

#[test]
fn included_files_count_where_they_are_included() {
    let folder = Folder::with("Include conf.d/*.conf\nHost web\n  Include web\n  Port 9\n");
    folder.write("conf.d/1.conf", "Host db\n  Port 5\n");
    folder.write("conf.d/2.conf", "Host *\n  User al\n");
    folder.write("conf.d/3.txt", "Nonsense\n");
    folder.write("web", "HostKeyAlias one\nHost *\n  Tag two\n");
    let (web, db) = (folder.lookup("web"), folder.lookup("db"));
    assert_eq!((web.port, web.user.as_deref(), web.host_key_alias.as_deref()), (9, Some("al"), Some("one")));
    assert_eq!((db.port, db.user.as_deref(), db.host_key_alias), (5, Some("al"), None));
    folder.write("web", "Include web\n");
    assert_eq!(folder.error(), "~/.ssh/web:1: files include each other more than 16 deep");
}

#[test]
fn what_files_include_together_is_bounded() {
    let folder = Folder::with("Include web\n");
    folder.write("web", &"Include [w]eb empty\n".repeat(1000));
    folder.write("empty", "");
    assert_eq!(folder.error(), "~/.ssh/web:1: files include each other more than 16 deep");
    folder.write("web", "Include one\n");
    for (file, next) in
        ["one", "two", "three", "four", "five"].into_iter().zip(["two", "three", "four", "five", "empty"])
    {
        folder.write(file, &format!("Include {next}\n").repeat(10));
    }
    assert_eq!(folder.error(), "~/.ssh/five:3: Include: more than 4 MiB or 4096 files are included");
}

#[test]
fn files_of_keys_are_as_many_as_for_ssh() {
    let files = |number: usize| -> String { (0..number).map(|file| format!("IdentityFile /{file}\n")).collect() };
    assert_eq!(Folder::with(&files(100)).lookup("web").identity_files.map(|files| files.len()), Some(100));
    assert_eq!(Folder::with(&files(101)).error(), "~/.ssh/config:101: IdentityFile: more than 100 files for one host");
}

#[test]
fn the_way_to_a_host() {
    let folder = Folder::with(
        "Host a\n  ProxyJump one,al@two:22022,ssh://[::1]:3\nHost b\n  ProxyCommand nc -X 5 %h %p # %%n\nHost c\n  ProxyJump none\n\
         Host *\n  ProxyCommand never\n  ProxyJump never\n",
    );
    let jump = |user: Option<&str>, host: &str, port| Jump { user: user.map(str::to_owned), host: host.into(), port };
    let jumps = vec![jump(None, "one", None), jump(Some("al"), "two", Some(22022)), jump(None, "::1", Some(3))];
    assert_eq!(folder.lookup("a").proxy, Proxy::Jump(jumps));
    assert_eq!(folder.lookup("b").proxy, Proxy::Command("nc -X 5 b 22 # %n".into()));
    // So does `ssh`.
    assert_eq!(folder.lookup("c").proxy, Proxy::Command("never".into()));
    let folder = Folder::with("Host a\n ProxyCommand none\nHost *\n ProxyJump never\n ProxyCommand never\n");
    assert_eq!(folder.lookup("a").proxy, Proxy::Direct);
    assert!(matches!(folder.lookup("b").proxy, Proxy::Jump(_)));
}

#[test]
fn files_and_the_agent_have_names_with_tokens() {
    let folder = Folder::with(
        "UserKnownHostsFile ~/one \"/two three\"\nGlobalKnownHostsFile none\nIdentityAgent ~/%n.sock\nIdentityFile none\n",
    );
    let found = folder.lookup("web");
    assert_eq!(found.user_known_hosts, Some(vec![folder.home().join("one"), "/two three".into()]));
    assert_eq!(found.global_known_hosts, Some(vec![]));
    assert_eq!(found.identity_agent, IdentityAgent::Socket(folder.home().join("web.sock")));
    assert_eq!(found.identity_files, Some(vec![]));
    let agent = |text| Folder::with(text).lookup("web").identity_agent;
    assert_eq!(agent("IdentityAgent none"), IdentityAgent::None);
    assert_eq!(agent("IdentityAgent SSH_AUTH_SOCK"), IdentityAgent::Session);
    assert_eq!(agent("IdentityAgent $HOME"), IdentityAgent::Socket(std::env::var("HOME").unwrap().into()));
}

#[test]
fn what_makes_no_sense_is_said_with_its_line() {
    for (text, message) in [
        ("\nPrt 22", "~/.ssh/config:2: there is no option \"Prt\""),
        ("Port", "~/.ssh/config:1: Port wants a value"),
        ("Port 1 2", "~/.ssh/config:1: Port takes one value"),
        ("Port x", "~/.ssh/config:1: Port is \"x\", and wants a port, 1 to 65535"),
        ("Host", "~/.ssh/config:1: Host wants a value"),
        ("User \"al", "~/.ssh/config:1: User: a quotation mark is never closed"),
        ("Match", "~/.ssh/config:1: Match wants a condition"),
        ("Match moon full", "~/.ssh/config:1: Match has no criterion \"moon\""),
        ("Match host", "~/.ssh/config:1: the criterion host wants a value"),
        ("Match all user x", "~/.ssh/config:1: `Match all` has no other conditions beside it than canonical or final"),
        ("IdentityFile /%x", "~/.ssh/config:1: %x means nothing here; write %% for a %"),
        ("ProxyCommand nc 50%", "~/.ssh/config:1: a % at the end means nothing; write %% for a %"),
        ("IdentityFile ${SSHRPC_NO}", "~/.ssh/config:1: the environment has no variable \"SSHRPC_NO\""),
        ("ProxyJump a,,b", "~/.ssh/config:1: ProxyJump is \"\", and wants [user@]host[:port], separated by commas"),
        ("Include [", "~/.ssh/config:1: Include: \"[\": Pattern syntax error near position"),
    ] {
        let error = Folder::with(text).error();
        assert!(error.starts_with(message), "{text:?}: {error}");
    }
    assert_eq!(Folder::with("IgnoreUnknown Pr*\nPrt 22\nPort 5\n").lookup("x").port, 5);
    assert!(Folder::with("").load().is_ok());
}

#[test]
fn a_configuration_that_others_can_change_is_refused() {
    let folder = Folder::with("Port 1\n");
    fs::set_permissions(folder.home().join(".ssh/config"), fs::Permissions::from_mode(0o666)).unwrap();
    let error = SshConfig::load(folder.home()).unwrap_err().to_string();
    assert!(error.contains("chmod go-w"), "{error}");
    // The directory is its owner's affair, for `ssh` too.
    fs::set_permissions(folder.home().join(".ssh/config"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.home().join(".ssh"), fs::Permissions::from_mode(0o775)).unwrap();
    assert!(SshConfig::load(folder.home()).is_ok());
    fs::set_permissions(folder.home().join(".ssh/config"), fs::Permissions::from_mode(0o666)).unwrap();
    // Named by its user, it is used as it is, as `ssh -F` does.
    assert_eq!(folder.lookup("x").port, 1);
    let error = SshConfig::load_file(Path::new("/nowhere/config"), folder.home()).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/config: "), "{error}");
}

#[test]
fn any_bytes_are_read_or_refused() {
    use proptest::prelude::*;
    let words = prop::sample::select(vec![
        "Host",
        "Match",
        "Include",
        "Port",
        "User",
        " ",
        "\n",
        "=",
        "\"",
        "'",
        "\\",
        "*",
        "!",
        "%h",
        "${HOME}",
        "all",
        "final",
        "host",
        "ProxyJump",
        "ProxyCommand",
        "~",
        ",",
        "[",
        "]",
        ":",
        "@",
        "22",
        "none",
        "#",
        "\u{fc}",
    ]);
    proptest!(|(parts in prop::collection::vec(words, 0..40))| {
        let folder = Folder::with(&parts.concat());
        let home = folder.home().to_owned();
        let mut query = Query::new("web", "me", &home);
        query.exec = Exec::Never;
        let _ = folder.load().and_then(|config| config.lookup(&query));
    });
}

#[test]
fn cve_2023_51385_names_with_a_shells_characters_are_refused() {
    let folder = Folder::with("Host *\n ProxyCommand nc %h %p\nMatch exec \"touch ~/%n\"\n Port 5\n");
    let config = folder.load().unwrap();
    let ask = |host: &str, user: Option<&str>| {
        let home = folder.home().to_owned();
        let mut query = Query::new(host, "me", &home);
        query.user = user;
        config.lookup(&query).map(|found| found.port)
    };
    for host in
        ["$({touch,x})", "a;{touch,x};", "`x`", "a|b", "a&b", "-oProxyCommand=x", "a b", "a\"", "a'", "a\\", "", "a\n"]
    {
        assert!(matches!(ask(host, None), Err(ConfigError::Name { what: "host", .. })), "{host:?}");
    }
    for user in ["$(x)", "`x`", "a;b", "-l", "a -l", "a\\", "a\nb", "a|b"] {
        assert!(matches!(ask("web", Some(user)), Err(ConfigError::Name { what: "user", .. })), "{user:?}");
    }
    for (host, user) in
        [("::1", None), ("fe80::1%eth0", None), ("a_b.example-1.com", Some("dom\\al")), ("x", Some("a b"))]
    {
        assert!(ask(host, user).is_ok(), "{host} {user:?}");
    }
}

#[test]
fn users_and_tags_have_upper_and_lower_case() {
    let folder = Folder::with(
        "User Al\nTag Blue\nMatch user al\n Port 1\nMatch tagged blue\n Port 2\nMatch user A? tagged Blue\n Port 3\n",
    );
    assert_eq!(folder.lookup("web").port, 3);
}

#[test]
fn a_proxy_jump_has_the_tokens_of_a_proxy_command() {
    let folder = Folder::with("Port 2222\nHost web\n ProxyJump %r@gate-%h:%p\n User al\n");
    assert_eq!(folder.lookup("web").proxy, Proxy::Jump(vec![Jump::new(Some("al".into()), "gate-web", Some(2222))]));
}

#[test]
fn a_command_that_passes_a_descriptor_is_refused() {
    let folder = Folder::with("Host host\n ProxyUseFdpass yes\n ProxyCommand pass\nHost *\n ProxyUseFdpass yes\n");
    let message = "~/.ssh/config:2: ProxyUseFdpass is \"yes\", and wants no: descriptors cannot be taken here";
    assert_eq!(folder.error(), message);
    assert_eq!(folder.lookup("other").proxy, Proxy::Direct);
}
