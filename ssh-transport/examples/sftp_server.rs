//! A directory, served to `sftp` and `scp`: the crate `russh-sftp` speaks SFTP on a subsystem channel of ours.
//!
//! ```text
//! cargo run --example sftp_server -- DIRECTORY ~/.ssh/authorized_keys
//! sftp -P 2022 127.0.0.1
//! ```
//!
//! Whoever has a key in the file may read and write everything in the directory, and nothing outside it.

#![allow(missing_docs, unreachable_pub, reason = "an example, which a test includes")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use russh_sftp::protocol::{Attrs, Data, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode};
use ssh_proto::Algorithms;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::{PrivateKey, PublicKey};
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::identity::Identity;
use ssh_transport::server::{Attempt, Credential, Decision, Handler, Policy, Program, ProgramRequest};
use ssh_transport::{Channel, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(root), Some(keys)) = (arguments.next(), arguments.next()) else {
        return Err("usage: sftp_server DIRECTORY AUTHORIZED_KEYS".into());
    };
    let keys = AuthorizedKeys::load(&keys)?.entries().iter().map(|entry| entry.key.clone()).collect();
    let host_key = PrivateKey::generate_ed25519(&mut ssh_transport::rng::os_rng()?);
    println!("host key {}", host_key.public().fingerprint());
    let algorithms = Algorithms::up_to(Tier::Default, &PROVIDER);
    let policy = Policy::new(vec![Identity::from_key(host_key, "")], algorithms);
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = Server::bind("127.0.0.1:2022", policy, Directory::new(&root, keys)?).await?;
        println!("serving {} on {}", root.display(), server.local_addr()?);
        server.run(std::future::pending()).await;
        Ok(())
    })
}

/// A directory, and who may use it.
#[derive(Debug)]
pub struct Directory {
    root: Arc<Path>,
    keys: Vec<PublicKey>,
}

impl Directory {
    pub fn new(root: &Path, keys: Vec<PublicKey>) -> io::Result<Self> {
        Ok(Self { root: root.canonicalize()?.into(), keys })
    }
}

impl Handler for Directory {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(key) | Credential::Proven(key) if self.keys.contains(key) => Decision::Accept,
            _ => Decision::Refuse,
        }
    }

    fn program(&self, request: ProgramRequest) {
        if *request.program() != Program::Subsystem("sftp".to_owned()) {
            return request.reject();
        }
        if let Ok(channel) = request.accept() {
            let files = Files { root: self.root.clone(), open: BTreeMap::new(), next: 0 };
            tokio::spawn(russh_sftp::server::run(Session { channel }, files));
        }
    }
}

/// A channel to `russh-sftp`'s taste: whatever ends it is the end of the stream. When it is dropped, the program has
/// ended well.
struct Session {
    channel: Channel,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.channel.send_exit_status(0).and_then(|()| self.channel.eof());
        self.channel.close();
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.channel).poll_read(context, buffer).map(|_ended| Ok(()))
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.channel).poll_write(context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.channel).poll_shutdown(context)
    }
}

/// What one client has open. The disk is taken for fast enough to wait for.
struct Files {
    root: Arc<Path>,
    open: BTreeMap<String, Opened>,
    next: u64,
}

enum Opened {
    File(File),
    /// What is left of a listing.
    Listing(std::fs::ReadDir),
}

/// The most that a client may have open.
const MAXIMUM_OPEN: usize = 100;
/// The most bytes of one answer.
const MAXIMUM_READ: u32 = 256 * 1024 - 1024;
/// Entries of one answer about a directory.
const ENTRIES: usize = 100;

type Answer<T> = Result<T, StatusCode>;

impl Files {
    /// The file that a client means: inside the directory, whatever it writes, and wherever links lead.
    fn find(&self, path: &str) -> Answer<PathBuf> {
        let mut inside = PathBuf::new();
        for component in Path::new(path).components() {
            match component {
                Component::Normal(name) => inside.push(name),
                Component::ParentDir => drop(inside.pop()),
                _ => {}
            }
        }
        let found = self.root.join(inside);
        // A file to be made does not exist yet; where it will be does.
        let parent = if found == *self.root { &found } else { found.parent().ok_or(StatusCode::NoSuchFile)? };
        let real = parent.canonicalize().map_err(code)?;
        // A link to nothing may lead away too: who writes to it makes a file there.
        let leads_away = found.is_symlink() && !found.canonicalize().is_ok_and(|real| real.starts_with(&self.root));
        if leads_away || !real.starts_with(&self.root) { Err(StatusCode::PermissionDenied) } else { Ok(found) }
    }

    fn keep(&mut self, id: u32, opened: Opened) -> Answer<Handle> {
        if self.open.len() >= MAXIMUM_OPEN {
            return Err(StatusCode::Failure);
        }
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), opened);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Answer<&File> {
        match self.open.get(handle) {
            Some(Opened::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure),
        }
    }
}

fn done(id: u32, result: io::Result<()>) -> Answer<Status> {
    result.map_err(code)?;
    Ok(Status { id, status_code: StatusCode::Ok, error_message: "Ok".to_owned(), language_tag: "en-US".to_owned() })
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over")]
fn code(error: io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        io::ErrorKind::UnexpectedEof => StatusCode::Eof,
        _ => StatusCode::Failure,
    }
}

/// Sets what a client asks for and `sftp` and `scp` need: size and permissions.
fn set(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    match attributes.permissions {
        Some(mode) => file.set_permissions(Permissions::from_mode(mode & 0o777)),
        None => Ok(()),
    }
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn open(&mut self, id: u32, name: String, flags: OpenFlags, attributes: FileAttributes) -> Answer<Handle> {
        let mut options = OpenOptions::new();
        options.read(flags.contains(OpenFlags::READ)).write(flags.contains(OpenFlags::WRITE));
        options.append(flags.contains(OpenFlags::APPEND)).truncate(flags.contains(OpenFlags::TRUNCATE));
        options.create(flags.contains(OpenFlags::CREATE)).create_new(flags.contains(OpenFlags::EXCLUDE));
        let file = options.open(self.find(&name)?).map_err(code)?;
        if flags.contains(OpenFlags::CREATE) {
            set(&file, &attributes).map_err(code)?;
        }
        self.keep(id, Opened::File(file))
    }

    async fn close(&mut self, id: u32, handle: String) -> Answer<Status> {
        self.open.remove(&handle).ok_or(StatusCode::Failure)?;
        done(id, Ok(()))
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, length: u32) -> Answer<Data> {
        let mut data = vec![0; length.min(MAXIMUM_READ) as usize];
        let read = self.file(&handle)?.read_at(&mut data, offset).map_err(code)?;
        if read == 0 {
            return Err(StatusCode::Eof);
        }
        data.truncate(read);
        Ok(Data { id, data })
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Answer<Status> {
        done(id, self.file(&handle)?.write_all_at(&data, offset))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let metadata = self.find(&path)?.symlink_metadata().map_err(code)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn stat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let metadata = self.find(&path)?.metadata().map_err(code)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Answer<Attrs> {
        let metadata = self.file(&handle)?.metadata().map_err(code)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn setstat(&mut self, id: u32, path: String, attributes: FileAttributes) -> Answer<Status> {
        let file = OpenOptions::new().write(true).open(self.find(&path)?).map_err(code)?;
        done(id, set(&file, &attributes))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attributes: FileAttributes) -> Answer<Status> {
        done(id, set(self.file(&handle)?, &attributes))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Answer<Handle> {
        let listing = self.find(&path)?.read_dir().map_err(code)?;
        self.keep(id, Opened::Listing(listing))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Answer<Name> {
        let Some(Opened::Listing(listing)) = self.open.get_mut(&handle) else { return Err(StatusCode::Failure) };
        let entries = listing.by_ref().take(ENTRIES).collect::<io::Result<Vec<_>>>().map_err(code)?;
        if entries.is_empty() {
            return Err(StatusCode::Eof);
        }
        let file = |entry: &std::fs::DirEntry| {
            let attributes = entry.metadata().map(|metadata| (&metadata).into()).unwrap_or_default();
            russh_sftp::protocol::File::new(entry.file_name().to_string_lossy(), attributes)
        };
        Ok(Name { id, files: entries.iter().map(file).collect() })
    }

    async fn remove(&mut self, id: u32, name: String) -> Answer<Status> {
        done(id, std::fs::remove_file(self.find(&name)?))
    }

    async fn mkdir(&mut self, id: u32, path: String, _attributes: FileAttributes) -> Answer<Status> {
        done(id, std::fs::create_dir(self.find(&path)?))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Answer<Status> {
        done(id, std::fs::remove_dir(self.find(&path)?))
    }

    /// What a client calls a file: the directory is its `/`.
    async fn realpath(&mut self, id: u32, path: String) -> Answer<Name> {
        let found = self.find(&path)?;
        let inside = found.strip_prefix(&self.root).unwrap_or(&found);
        Ok(Name { id, files: vec![russh_sftp::protocol::File::dummy(format!("/{}", inside.display()))] })
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Answer<Status> {
        let to = self.find(&to)?;
        // "It is an error if there already exists a file with the name specified by newpath."
        if to.symlink_metadata().is_ok() {
            return Err(StatusCode::Failure);
        }
        done(id, std::fs::rename(self.find(&from)?, to))
    }
}
