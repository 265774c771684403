//! Runs the `git` program against a repository that somebody else configured: nothing in its configuration, in
//! the environment or in the user's own settings may run a program, reach the network or change what is printed.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use super::GitError;

/// What `git` may say about a failure at most, in bytes; the rest of its talk is dropped.
const COMPLAINT_BYTES: u64 = 4096;

/// Settings that win over those of the repository. An empty value of `core.fsmonitor` and a hooks path that is
/// no folder mean that no program is started; `safe.directory` because the person named this very folder.
const OVERRIDES: &[&str] = &[
    "safe.directory=*",
    "core.bare=true", // attributes of the work tree do not change what counts as binary
    "core.hooksPath=/dev/null",
    "core.fsmonitor=",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "diff.orderFile=/dev/null",
    "log.showSignature=false", // it would run gpg
    "log.mailmap=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// A `git` that is already pointed at one repository.
#[derive(Debug, Clone)]
pub(super) struct Git {
    git_dir: PathBuf,
}

impl Git {
    /// Finds the repository that `path` lies in.
    pub(super) fn discover(path: &Path) -> Result<Git, GitError> {
        if !path.is_dir() {
            return Err(GitError::UnknownPath { path: path.to_owned() });
        }
        let mut command = clean_git();
        // Bareness must not be overridden here: it would hide the .git folder of an ordinary repository.
        command.args(["-c", "safe.directory=*", "-C"]).arg(path).args(["rev-parse", "--absolute-git-dir"]);
        let output = run(command, "rev-parse", &[])?;
        if !output.status.success() {
            let said = complaint(&output.stderr);
            return Err(GitError::NotARepository { path: path.to_owned(), said });
        }
        Ok(Git { git_dir: path_of(&output.stdout) })
    }

    /// What a command prints; `step` names it in errors.
    pub(super) fn output(&self, step: &'static str, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        self.output_with_input(step, arguments, &[])
    }

    /// What a command prints when `input` is its standard input.
    pub(super) fn output_with_input(
        &self,
        step: &'static str,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, GitError> {
        let output = run(self.command(arguments), step, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(GitError::Failed { step, status: output.status.to_string(), said: complaint(&output.stderr) })
    }

    /// What a command prints, or nothing when it answers "there is none" with exit code 1.
    pub(super) fn output_if_any(
        &self,
        step: &'static str,
        arguments: &[&str],
    ) -> Result<Option<Vec<u8>>, GitError> {
        let output = run(self.command(arguments), step, &[])?;
        match output.status.code() {
            Some(0) => Ok(Some(output.stdout)),
            Some(1) => Ok(None),
            _ => Err(GitError::Failed {
                step,
                status: output.status.to_string(),
                said: complaint(&output.stderr),
            }),
        }
    }

    /// Starts a command whose output is too long to be held.
    pub(super) fn stream(&self, step: &'static str, arguments: &[&str]) -> Result<GitStream, GitError> {
        // The child's complaints go to a file, not to a pipe: nobody reads that pipe while the output streams.
        let complaints = tempfile::tempfile().map_err(|source| GitError::Talk { step, source })?;
        let stderr = complaints.try_clone().map_err(|source| GitError::Talk { step, source })?;
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(not_started)?;
        let stdout = child.stdout.take();
        Ok(GitStream { step, child, stdout, complaints })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean_git();
        command.arg("--git-dir").arg(&self.git_dir);
        for setting in OVERRIDES {
            command.args(["-c", setting]);
        }
        command.args(arguments);
        command
    }
}

/// A running `git` whose output is read piece by piece. Dropping it ends the child.
#[derive(Debug)]
pub(super) struct GitStream {
    step: &'static str,
    child: Child,
    stdout: Option<ChildStdout>,
    complaints: std::fs::File,
}

impl GitStream {
    /// Waits for the child after its output has ended; a failure is an error, however much was read before it.
    pub(super) fn finish(&mut self) -> Result<(), GitError> {
        self.stdout = None;
        let status = self.child.wait().map_err(|source| GitError::Talk { step: self.step, source })?;
        if status.success() {
            return Ok(());
        }
        Err(GitError::Failed { step: self.step, status: status.to_string(), said: self.complaint() })
    }

    fn complaint(&mut self) -> String {
        use std::io::{Seek, SeekFrom};
        let mut said = Vec::new();
        let read = self
            .complaints
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&mut self.complaints).take(COMPLAINT_BYTES).read_to_end(&mut said));
        match read {
            Ok(_) => complaint(&said),
            Err(error) => format!("its complaint could not be read: {error}"),
        }
    }
}

impl Read for GitStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stdout {
            Some(stdout) => stdout.read(buffer),
            None => Ok(0),
        }
    }
}

impl Drop for GitStream {
    fn drop(&mut self) {
        self.stdout = None;
        // Both fail only when the child has ended already, which is what is wanted.
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// A `git` that hears nothing from the environment: no `GIT_*`, no user's or system's settings, no prompts,
/// no transport, no replaced objects, messages in English.
fn clean_git() -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if is_gits_own(&name) {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "") // a partial clone must not fetch what is missing
        .env("LC_ALL", "C")
        .args(["--no-pager", "--literal-pathspecs"]);
    command
}

fn is_gits_own(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"GIT_")
}

fn run(mut command: Command, step: &'static str, input: &[u8]) -> Result<Output, GitError> {
    let talk = |source| GitError::Talk { step, source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_started)?;
    let stdin = child.stdin.take();
    // Input is written beside the reading of output: either pipe may be full while the other waits.
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.map_or(Ok(()), |mut pipe| pipe.write_all(input)));
        let output = child.wait_with_output();
        (writer.join(), output)
    });
    let output = output.map_err(talk)?;
    match written {
        // A child that failed has closed its input early; its exit status tells the story better.
        Ok(Err(error)) if output.status.success() => Err(talk(error)),
        Ok(_) => Ok(output),
        Err(_) => Err(talk(io::Error::other("the thread that writes its input panicked"))),
    }
}

fn not_started(source: io::Error) -> GitError {
    GitError::NoGit { source }
}

fn complaint(stderr: &[u8]) -> String {
    let bound = usize::try_from(COMPLAINT_BYTES).unwrap_or(usize::MAX).min(stderr.len());
    String::from_utf8_lossy(&stderr[..bound]).trim().replace('\n', "; ")
}

/// The path in a one-line answer, which may be no UTF-8.
fn path_of(answer: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let line = answer.strip_suffix(b"\n").unwrap_or(answer);
    PathBuf::from(OsStr::from_bytes(line))
}
