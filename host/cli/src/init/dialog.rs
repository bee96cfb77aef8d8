//! Somebody who answers questions.

use std::io::{self, BufRead, IsTerminal, Write};

use super::InitError;

/// Somebody who may be asked.
pub(crate) trait Dialog {
    /// Whether there is somebody.
    fn is_terminal(&self) -> bool;

    /// Shows a text.
    fn say(&mut self, text: &str) -> Result<(), InitError>;

    /// Asks, and returns the answer without blanks around it.
    ///
    /// # Errors
    ///
    /// There is no answer any more.
    fn ask(&mut self, prompt: &str) -> Result<String, InitError>;
}

/// The terminal of this process.
pub(crate) struct Terminal;

impl Dialog for Terminal {
    fn is_terminal(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn say(&mut self, text: &str) -> Result<(), InitError> {
        let mut stderr = io::stderr().lock();
        stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush())
            .map_err(|error| InitError::Io(format!("cannot write to the terminal: {error}")))
    }

    fn ask(&mut self, prompt: &str) -> Result<String, InitError> {
        self.say(prompt)?;
        let mut answer = String::new();
        match io::stdin().lock().read_line(&mut answer) {
            Ok(0) => Err(InitError::Io(
                "the input has ended, and nothing was written".to_owned(),
            )),
            Ok(_) => Ok(answer.trim().to_owned()),
            Err(error) => Err(InitError::Io(format!("cannot read from the terminal: {error}"))),
        }
    }
}
