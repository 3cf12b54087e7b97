//! What a configuration means for a host, asked of OpenSSH too: `ssh -G` prints what it came to.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use peers::{Failed, Peers, trial};
use ssh_transport::ssh_config::{HostConfig, Proxy, Query, SshConfig};

fn main() -> ExitCode {
    peers::run(vec![trial("ssh_dash_g_and_we_understand_the_same", &["ssh"], the_same_for_every_host)])
}

/// Each is a file, asked about each of [`HOSTS`].
const CONFIGS: &[&str] = &[
    "",
    "Host web\n Port 1\nHost w*\n Port 2\n User al\nHost *\n Port 3\n User nobody\n",
    "Host !web *\n Port 7\nHost web !web\n Port 8\nHost w?b db\n User x\n",
    "Host WEB\n Port 5\n",
    "HostName %h.example.com\nMatch host web.example.com\n Port 1\nMatch host *.example.com\n User all\nMatch originalhost db\n Port 2\n",
    "Host web\n HostName 10.0.0.1\nMatch host 10.0.*\n Port 99\nMatch !host 10.0.*\n Port 98\n",
    "Match user al\n Port 1\nMatch all\n Port 2\n User al\nMatch user al\n Compression yes\n",
    "User Al\nMatch user al\n Port 5\nMatch user A?\n Port 6\n",
    "User al\nMatch user al,bob\n Port 5\nMatch user !al,*\n Port 6\n",
    "Match final host web.example.com\n Port 44\nHost web\n HostName web.example.com\n",
    "Match canonical all\n Port 44\nMatch final all\n User late\nMatch all\n Port 4\n",
    "Match exec \"test %n = web\"\n Port 5\nMatch exec \"test %h = db\" originalhost db\n Port 6\n",
    "Port = 12\nUser=\"al bert\"\nCompression =yes\nBatchMode\tyes\n",
    "Host \"web\" 'db'\n Port 5\n",
    "ProxyJump a,b:22\nProxyCommand never\n",
    "ProxyCommand nc %h %p # not a comment\nProxyJump never\n",
    "ProxyJump none\nProxyCommand never\n",
    "Host web\n ProxyCommand none\nHost *\n ProxyJump gate\n",
    "HostKeyAlias alias\nConnectTimeout 1m30\nServerAliveInterval 2h\nServerAliveCountMax 9\n",
    "StrictHostKeyChecking accept-new\nIdentitiesOnly yes\nPreferredAuthentications publickey,password\n",
    "UserKnownHostsFile /a /b\nGlobalKnownHostsFile /c\n",
    "IdentityFile /a\nIdentityFile /b\nHost web\n IdentityFile /a\n IdentityFile /c\n",
    "PubkeyAuthentication no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
    "RequiredRSASize 3072\nHost web\n RequiredRSASize 4096\n",
    "  # comment\n\n\tPort 5 # another\n",
    "IgnoreUnknown Foo*\nFooBar baz\nPort 6\n",
    "Host a b web\nHost web\n Port 3\n",
    "host web\n pORT 3\nMATCH HOST db\n uSER x\n",
];

const HOSTS: &[&str] = &["web", "db", "wiki", "WEB", "10.0.0.1"];

fn the_same_for_every_host(_: &Peers) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (path, me) = (folder.path().join("config"), local_user()?);
    let (mut differences, mut compared) = (String::new(), 0);
    for text in CONFIGS {
        std::fs::write(&path, text)?;
        for host in HOSTS {
            let theirs = ask_ssh(&path, host)?;
            let ours = SshConfig::load_file(&path, folder.path())
                .and_then(|config| config.lookup(&Query::new(host, &me, folder.path())));
            let ours = match (ours, &theirs) {
                (Ok(ours), Ok(_)) => ours,
                (Err(_), Err(_)) => continue,
                (ours, theirs) => {
                    writeln!(differences, "{text:?} for {host}: ssh {theirs:?}, we {ours:?}")?;
                    continue;
                }
            };
            for (keyword, value) in told(&ours) {
                let found = values(theirs.as_deref().unwrap_or_default(), keyword);
                compared += 1;
                if found != value {
                    writeln!(differences, "{text:?} for {host}: {keyword}: ssh {found:?}, we {value:?}")?;
                }
            }
        }
    }
    if compared < 1000 {
        return Err(format!("only {compared} values were compared").into());
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.into()) }
}

/// What `ssh` prints, or what it says is wrong.
fn ask_ssh(config: &Path, host: &str) -> Result<Result<String, String>, Failed> {
    let output = Command::new("ssh").arg("-G").arg("-F").arg(config).arg(host).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(if output.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) })
}

/// `ssh` asks the system who runs it.
fn local_user() -> Result<String, Failed> {
    let id = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8_lossy(&id.stdout).trim().to_owned())
}

fn values(printed: &str, keyword: &str) -> Vec<String> {
    let lines = printed.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(word, _)| *word == keyword).map(|(_, value)| value.to_owned()).collect()
}

/// What we found, as `ssh -G` prints it. What nobody said has a default of its own on each side, and is left out.
fn told(found: &HostConfig) -> Vec<(&'static str, Vec<String>)> {
    let flag = |flag: bool| vec![if flag { "yes".to_owned() } else { "no".to_owned() }];
    let truth = |flag: bool| vec![if flag { "true".to_owned() } else { "false".to_owned() }];
    let list = |paths: &[PathBuf]| {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        vec![paths.join(" ")]
    };
    let mut told = vec![
        ("hostname", vec![found.host_name.clone()]),
        ("port", vec![found.port.to_string()]),
        ("batchmode", flag(found.batch_mode)),
        ("identitiesonly", flag(found.identities_only)),
        ("passwordauthentication", flag(found.password_authentication)),
        ("kbdinteractiveauthentication", flag(found.kbd_interactive_authentication)),
        ("compression", flag(found.compression.unwrap_or(false))),
        ("pubkeyauthentication", truth(found.pubkey_authentication)),
        ("hostkeyalias", found.host_key_alias.clone().into_iter().collect()),
        (
            "connecttimeout",
            found.connect_timeout.map_or_else(|| "none".into(), |time| time.as_secs().to_string()).into_one(),
        ),
        ("serveralivecountmax", found.server_alive_count_max.unwrap_or(3).to_string().into_one()),
    ];
    // `ssh -G` prints a command without expanding its tokens: only that there is one can be compared.
    if !matches!(found.proxy, Proxy::Command(_)) {
        told.push(("proxycommand", Vec::new()));
    }
    if !matches!(found.proxy, Proxy::Jump(_)) {
        told.push(("proxyjump", Vec::new()));
    }
    if let Proxy::Jump(jumps) = &found.proxy {
        let jumps: Vec<String> = jumps
            .iter()
            .map(|jump| match jump.port {
                Some(port) => format!("{}:{port}", jump.host),
                None => jump.host.clone(),
            })
            .collect();
        told.push(("proxyjump", jumps.join(",").into_one()));
    }
    // Debian's ssh has a default of its own.
    if let Some(interval) = found.server_alive_interval {
        told.push(("serveraliveinterval", interval.as_secs().to_string().into_one()));
    }
    if let Some(bits) = found.required_rsa_bits {
        told.push(("requiredrsasize", bits.to_string().into_one()));
    }
    if let Some(user) = &found.user {
        told.push(("user", vec![user.clone()]));
    }
    if let Some(files) = &found.identity_files {
        told.push(("identityfile", files.iter().map(|path| path.display().to_string()).collect()));
    }
    if let Some(files) = &found.user_known_hosts {
        told.push(("userknownhostsfile", list(files)));
    }
    if let Some(files) = &found.global_known_hosts {
        told.push(("globalknownhostsfile", list(files)));
    }
    if let Some(methods) = &found.preferred_authentications {
        told.push(("preferredauthentications", methods.join(",").into_one()));
    }
    told
}

trait IntoOne {
    fn into_one(self) -> Vec<String>;
}

impl IntoOne for String {
    fn into_one(self) -> Vec<String> {
        vec![self]
    }
}
