"""One foreign program: started with its log in the test's folder, ended with the test."""

import os
import signal
import subprocess


class Program:
    """A child process whose output goes to a file that a failing test keeps."""

    def __init__(self, name, command, folder, *, env=None, stdin=subprocess.DEVNULL, separate_errors=False):
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.error_path = folder / f"{name}.stderr" if separate_errors else self.log_path
        with open(self.log_path, "ab") as log, open(self.error_path, "ab") as errors:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                stdin=stdin,
                stdout=log,
                stderr=errors if separate_errors else subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )

    def alive(self):
        return self.child.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, timeout=60):
        """The exit status; a program that does not end in time is a failure."""
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout} s") from None

    def stop(self, sent=signal.SIGTERM, timeout=10):
        """Ends the program and returns its exit status; kills it when it does not listen."""
        if self.alive():
            self.child.send_signal(sent)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode
