//! Programs that end with this process, however it ends.

pub(super) use platform::Group;

#[cfg(unix)]
mod platform {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// Waits for a line, and kills its process group if the pipe ends without one.
    const WATCH: &str = "read -r line || kill -KILL 0";

    /// A process group with a shell that kills it when this process ends.
    ///
    /// The shell waits at a pipe from this process. The system closes the pipe even if this process is
    /// killed, and then the whole group ends: the tool, and the programs that the tool has started. A
    /// group of its own also keeps the signals of the terminal from the shell.
    pub(in crate::process) struct Group {
        watcher: Option<Child>,
    }

    impl Group {
        /// Starts the shell. Without one, the programs of the group may outlive this process.
        pub(in crate::process) fn start() -> Group {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", WATCH]).process_group(0);
            let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            Group { watcher: shell.spawn().ok() }
        }

        /// Makes a command start its program in the group.
        pub(in crate::process) fn add(&self, command: &mut Command) {
            if let Some(id) = self.watcher.as_ref().and_then(|watcher| i32::try_from(watcher.id()).ok()) {
                command.process_group(id);
            }
        }
    }

    impl Drop for Group {
        /// Lets the programs go on that a tool has left behind, such as a compiler's cache server.
        fn drop(&mut self) {
            if let Some(watcher) = &mut self.watcher {
                let told = watcher.stdin.take().map(|mut pipe| pipe.write_all(b"\n"));
                // Both fail only if the shell has ended already.
                drop((told, watcher.wait()));
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::process::Command;

    /// Elsewhere, the programs of a build may outlive this process.
    pub(in crate::process) struct Group;

    impl Group {
        pub(in crate::process) fn start() -> Group {
            Group
        }

        pub(in crate::process) fn add(&self, _command: &mut Command) {}
    }
}
