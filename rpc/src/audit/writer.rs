//! The thread that writes, and the queue to it.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::entry::Record;

/// Where entries wait. Nobody waits for room in it.
#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Record(Box<Record>),
    Reopen,
    Flush(SyncSender<()>),
}

impl Queue {
    pub(super) fn start(destination: Destination, capacity: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { destination, lost: lost.clone() };
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, lost })
    }

    pub(super) fn push(&self, record: Record) {
        if self.sender.try_send(Message::Record(Box::new(record))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn reopen(&self) {
        match self.sender.try_send(Message::Reopen) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                tracing::error!("the audit log was not opened anew: its writer is behind. Try again");
            }
        }
    }

    pub(super) fn flush(&self) {
        let (sender, done) = sync_channel(1);
        if self.sender.send(Message::Flush(sender)).is_ok() {
            // An error says that the writer is gone.
            let _ = done.recv();
        }
    }
}

/// What is written to.
pub(super) struct Destination {
    out: Box<dyn Write + Send>,
    path: Option<PathBuf>,
}

impl Destination {
    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
        Ok(Self { out: Box::new(open(&path)?), path: Some(path) })
    }

    pub(super) fn writer(writer: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(writer), path: None }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

struct Writer {
    destination: Destination,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) {
        // Lines that have come together are written together.
        let mut lines = Vec::new();
        loop {
            let message = match receiver.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Empty) => {
                    self.write(&mut lines);
                    let Ok(message) = receiver.recv() else { return };
                    message
                }
                Err(TryRecvError::Disconnected) => return self.write(&mut lines),
            };
            self.handle(message, &mut lines);
            if lines.len() >= ENOUGH {
                self.write(&mut lines);
            }
        }
    }

    fn handle(&mut self, message: Message, lines: &mut Vec<u8>) {
        self.tell_loss(lines);
        match message {
            Message::Record(record) => line(&record.json(), lines),
            Message::Reopen => {
                self.write(lines);
                self.reopen();
            }
            Message::Flush(done) => {
                self.write(lines);
                // Who asked may have gone.
                let _ = done.send(());
            }
        }
    }

    fn tell_loss(&self, lines: &mut Vec<u8>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line(&json!({ "time": Timestamp::now().to_string(), "lost": lost }), lines);
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.destination.path else { return };
        match open(path) {
            Ok(file) => self.destination.out = Box::new(file),
            Err(error) => tracing::error!("the audit log {} is not opened anew: {error}", path.display()),
        }
    }

    fn write(&mut self, lines: &mut Vec<u8>) {
        let written = self.destination.out.write_all(lines).and_then(|()| self.destination.out.flush());
        if let Err(error) = written {
            let count = lines.iter().filter(|octet| **octet == b'\n').count();
            self.lost.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
            tracing::error!("the audit log cannot be written, {count} lines of it are lost: {error}");
        }
        lines.clear();
    }
}

/// Lines are written at the latest when they have so many octets.
const ENOUGH: usize = 64 * 1024;

fn line(value: &Value, lines: &mut Vec<u8>) {
    lines.extend_from_slice(value.to_string().as_bytes());
    lines.push(b'\n');
}
