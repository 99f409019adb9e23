//! All hooks as a list: what runs, when, and what is wrong with it.

use std::path::Path;

use serde_json::json;
use wallwatch::text;
use wallwatch_helper::{
    config::Config,
    hook::Hook,
    runner::{self, account, check::check},
    sys::privilege,
};

use super::{Own, wants};
use crate::{error::Error, print::Printer};

/// Prints the user's hooks and, where they can be read, the system's.
pub(super) fn show(
    own: &Own,
    config: &Path,
    system: Result<&Config, &String>,
    printer: &mut Printer,
) -> Result<(), Error> {
    let mut list = List {
        printer,
        any: false,
    };
    if let Some(path) = &own.path {
        let head = format!(
            "Yours, run by Wallwatch in your desktop session ({}):",
            path.display()
        );
        list.part(
            "user",
            &head,
            &own.hooks.iter().collect::<Vec<_>>(),
            &own.troubles,
            privilege::user(),
        )?;
    }
    let (hooks, troubles) = match system {
        Ok(config) => (config.hooks.iter().collect(), Vec::new()),
        Err(error) => (Vec::new(), vec![error.clone()]),
    };
    let head = format!(
        "The system's, run as the user {} ({}):",
        runner::USER,
        config.display()
    );
    // Where nobody has the name, root's scripts are the only ones that could be right.
    let user = account::find(runner::USER).map_or(0, |account| account.uid);
    list.part("system", &head, &hooks, &troubles, user)?;
    if list.any {
        return Ok(());
    }
    printer.note("No hooks. Write a [[hook]] into your own configuration or the system's to have a script run on alerts.")
}

struct List<'a> {
    printer: &'a mut Printer,
    any: bool,
}

impl List<'_> {
    /// Prints the hooks of one side, which run as this user, and what is wrong with its file.
    fn part(
        &mut self,
        side: &str,
        head: &str,
        hooks: &[&Hook],
        troubles: &[String],
        user: u32,
    ) -> Result<(), Error> {
        if hooks.is_empty() && troubles.is_empty() {
            return Ok(());
        }
        self.any = true;
        if !self.printer.json() {
            self.printer.line(&text::sanitize(head))?;
        }
        for hook in hooks {
            let program = hook.run.first().map_or("", String::as_str);
            let trouble = check(Path::new(program), user)
                .err()
                .map(|refusal| refusal.0);
            self.hook(side, hook, trouble.as_deref())?;
        }
        for trouble in troubles {
            if self.printer.json() {
                self.printer
                    .line(&json!({"side": side, "trouble": trouble}).to_string())?;
            } else {
                self.wrong(trouble)?;
            }
        }
        Ok(())
    }

    fn hook(&mut self, side: &str, hook: &Hook, trouble: Option<&str>) -> Result<(), Error> {
        let waits_for = wants::words(hook);
        if self.printer.json() {
            let object = json!({
                "side": side, "name": hook.name, "on": hook.on().as_str(), "waits_for": waits_for, "run": hook.run,
                "per_minute": hook.per_minute, "timeout": hook.timeout.as_secs(), "at_once": hook.at_once, "trouble": trouble,
            });
            return self.printer.line(&text::escape_json(&object.to_string()));
        }
        self.printer.line(&text::sanitize_sentences(&format!(
            "  {}: {waits_for}",
            hook.name
        )))?;
        self.printer.line(&text::sanitize_sentences(&format!(
            "    {}",
            hook.run.join(" ")
        )))?;
        trouble.map_or(Ok(()), |trouble| self.wrong(trouble))
    }

    fn wrong(&mut self, trouble: &str) -> Result<(), Error> {
        let line = format!("    {}", text::sanitize_sentences(trouble));
        self.printer.line(&self.printer.painted("31", &line))
    }
}
