use std::io::{self, Read};
use std::process::{self, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::Failed;

/// A running program whose output is kept. Dropping it kills the program, by its own id.
#[derive(Debug)]
pub struct Child {
    child: process::Child,
    name: String,
    output: Arc<Output>,
}

impl Child {
    /// Starts a program that reads nothing.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Self::start(command.stdin(Stdio::null()))
    }

    /// Starts a program, and gives what it reads from.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_with_input(command: &mut Command) -> io::Result<(Self, ChildStdin)> {
        let mut child = Self::start(command.stdin(Stdio::piped()))?;
        let stdin = child.child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((child, stdin))
    }

    /// Starts a program, and gives what it reads from and what it writes to, which then is not kept: there may be much
    /// of it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_with_pipes(command: &mut Command) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let child = Self::keep(child, name);
        Ok((child, stdin.ok_or(io::ErrorKind::BrokenPipe)?, stdout.ok_or(io::ErrorKind::BrokenPipe)?))
    }

    fn start(command: &mut Command) -> io::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        Ok(Self::keep(child, name))
    }

    fn keep(mut child: process::Child, name: String) -> Self {
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            output.keep(stdout, |kept| &mut kept.stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.keep(stderr, |kept| &mut kept.stderr);
        }
        Self { child, name, output }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its standard output so far; after [`Self::wait`], all of it.
    #[must_use]
    pub fn stdout(&self) -> Vec<u8> {
        self.output.lock().stdout.clone()
    }

    /// What it has written to its standard error so far; after [`Self::wait`], all of it.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().stderr).into_owned()
    }

    /// Waits until `text` stands in its standard output or error.
    ///
    /// # Errors
    /// When it ends without, or `limit` passes. The message shows what it wrote instead.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), Failed> {
        let shows = |kept: &Kept| {
            [&kept.stdout, &kept.stderr].iter().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
        };
        if shows(&self.output.wait(limit, |kept| shows(kept) || kept.open == 0)) {
            return Ok(());
        }
        Err(self.failed(&format!("did not write {text:?}")))
    }

    /// Waits until it ends and its output is complete.
    ///
    /// # Errors
    /// When `limit` passes. The message shows what it wrote.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Failed> {
        let child = &mut self.child;
        let mut status = None;
        let ended = wait_until(limit, || {
            status = child.try_wait().transpose();
            status.is_some()
        });
        match status {
            Some(status) if ended => {
                // A grandchild may hold the pipes open: then there is what there is.
                drop(self.output.wait(Duration::from_secs(1), |kept| kept.open == 0));
                Ok(status?)
            }
            _ => Err(self.failed("did not end")),
        }
    }

    /// As [`Self::wait`], for a program that has to succeed. Gives its standard output.
    ///
    /// # Errors
    /// When it fails, or `limit` passes. The message shows what it wrote.
    pub fn succeed(&mut self, limit: Duration) -> Result<Vec<u8>, Failed> {
        let status = self.wait(limit)?;
        if status.success() { Ok(self.stdout()) } else { Err(self.failed(&status.to_string())) }
    }

    /// A failure that shows what the program wrote.
    #[must_use]
    pub fn failed(&self, what: &str) -> Failed {
        let kept = self.output.lock();
        let [stdout, stderr] = [&kept.stdout, &kept.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        format!("{}: {what}\n--- standard output\n{stdout}\n--- standard error\n{stderr}", self.name).into()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only when it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks `done` again and again, until it says yes or `limit` has passed; says which.
#[must_use]
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let mut left = limit;
    loop {
        if done() {
            return true;
        }
        if left.is_zero() {
            return false;
        }
        let pause = left.min(Duration::from_millis(5));
        thread::sleep(pause);
        left -= pause;
    }
}

#[derive(Debug, Default)]
struct Output {
    kept: Mutex<Kept>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How many of the two may still grow.
    open: u8,
}

impl Output {
    fn keep(self: &Arc<Self>, mut from: impl Read + Send + 'static, to: fn(&mut Kept) -> &mut Vec<u8>) {
        self.lock().open += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                to(&mut output.lock()).extend_from_slice(&buffer[..length]);
                output.more.notify_all();
            }
            output.lock().open -= 1;
            output.more.notify_all();
        });
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics with the output locked")
    }

    fn wait(&self, limit: Duration, done: impl Fn(&Kept) -> bool) -> MutexGuard<'_, Kept> {
        let waited = self.more.wait_timeout_while(self.lock(), limit, |kept| !done(kept));
        waited.expect("nobody panics with the output locked").0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::LIMIT;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_kept_apart() {
        let mut child = Child::spawn(&mut shell("echo out; echo err >&2; exit 3")).unwrap();
        child.wait_for("err", LIMIT).unwrap();
        assert_eq!(child.wait(LIMIT).unwrap().code(), Some(3));
        assert_eq!((child.stdout(), child.stderr().as_str()), (b"out\n".to_vec(), "err\n"));
        let failed = child.succeed(LIMIT).unwrap_err();
        assert!(failed.message().unwrap().contains("err"), "{failed:?}");
    }

    #[test]
    fn input_arrives() {
        let (mut child, mut input) = Child::spawn_with_input(&mut shell("cat")).unwrap();
        input.write_all(b"hello").unwrap();
        drop(input);
        assert_eq!(child.succeed(LIMIT).unwrap(), b"hello");
    }

    #[test]
    fn output_through_a_pipe_is_not_kept() {
        let (mut child, mut input, mut output) = Child::spawn_with_pipes(&mut shell("cat; echo err >&2")).unwrap();
        input.write_all(b"hello").unwrap();
        drop(input);
        let mut read = String::new();
        output.read_to_string(&mut read).unwrap();
        assert_eq!(child.succeed(LIMIT).unwrap(), b"");
        assert_eq!((read.as_str(), child.stderr().as_str()), ("hello", "err\n"));
    }

    #[test]
    fn what_does_not_happen_in_time_is_a_failure() {
        let mut child = Child::spawn(&mut shell("echo ready; exec sleep 1000")).unwrap();
        child.wait_for("ready", LIMIT).unwrap();
        assert!(child.wait_for("something else", Duration::from_millis(20)).is_err());
        assert!(child.wait(Duration::from_millis(20)).is_err());
    }

    #[test]
    fn an_ended_program_is_not_waited_for() {
        let mut child = Child::spawn(&mut shell("echo something")).unwrap();
        assert!(child.wait_for("something else", LIMIT).is_err());
    }

    #[test]
    fn dropping_kills() {
        let child = Child::spawn(&mut shell("exec sleep 1000")).unwrap();
        let process = format!("/proc/{}", child.id());
        drop(child);
        assert!(!std::path::Path::new(&process).exists());
    }
}
