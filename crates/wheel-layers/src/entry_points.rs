//! Commands that a distribution asks for in entry_points.txt, and the scripts that start them.

use std::collections::BTreeMap;

/// A function to call: `package.module:object.method`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryPoint {
    module: String,
    object: String,
}

/// The commands of an entry_points.txt by name; the error is a line that is none.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, EntryPoint>, String> {
    let mut commands = BTreeMap::new();
    let mut in_scripts = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_scripts = matches!(section.trim(), "console_scripts" | "gui_scripts");
        } else if in_scripts {
            let (name, command) = command(line).ok_or(line)?;
            commands.insert(name.to_owned(), command);
        }
    }
    Ok(commands)
}

fn command(line: &str) -> Option<(&str, EntryPoint)> {
    let (name, value) = line.split_once('=')?;
    // What stands in brackets are extras; installers do not look at them.
    let value = match value.split_once('[') {
        Some((value, extras)) => extras.trim_end().ends_with(']').then_some(value)?,
        None => value,
    };
    let (module, object) = value.split_once(':')?;
    let (name, module, object) = (name.trim(), module.trim(), object.trim());
    let plain = !matches!(name, "" | "." | "..")
        && !name.contains(|c: char| c.is_control() || c == '/' || c == '\\');
    let command = EntryPoint { module: module.to_owned(), object: object.to_owned() };
    (plain && is_dotted(module) && is_dotted(object)).then_some((name, command))
}

/// Names with dots between; anything else would be code in the script.
fn is_dotted(text: &str) -> bool {
    text.split('.').all(|name| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

impl EntryPoint {
    /// The text of the script that calls it. `shebang`: the first line, with its end; `installer`: who made it.
    pub(crate) fn script(&self, shebang: &str, installer: &str) -> String {
        let EntryPoint { module, object } = self;
        let imported = object.split('.').next().unwrap_or(object);
        format!(
            "{shebang}# Made by {installer}: calls {module}:{object}.\n\
             from {module} import {imported}\n\n\
             if __name__ == \"__main__\":\n    raise SystemExit({object}())\n"
        )
    }
}

/// pip is also called `pip3` and `pip3.14`, whatever its own wheel lists.
pub(crate) fn name_pip(commands: &mut BTreeMap<String, EntryPoint>, python_minor: &str) {
    let Some(pip) = commands.get("pip").cloned() else { return };
    commands.retain(|name, _| {
        let version = name.strip_prefix("pip");
        !version.is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
    });
    let major = python_minor.split('.').next().unwrap_or(python_minor);
    for name in ["pip".to_owned(), format!("pip{major}"), format!("pip{python_minor}")] {
        commands.insert(name, pip.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_both_kinds_are_found_and_nothing_else() {
        let text = "# one\n[console_scripts]\nmarimo = marimo._cli.main:main\n\
                    x-y=x:App.run [fast, more]\n\n[pytest11]\nx = no function here\n\
                    [gui_scripts]\r\nwindow = x.gui : start\r\n";
        let commands = parse(text).unwrap();
        assert_eq!(commands.keys().collect::<Vec<_>>(), ["marimo", "window", "x-y"]);
        assert_eq!(
            commands["window"],
            EntryPoint { module: "x.gui".into(), object: "start".into() }
        );
        let script = commands["x-y"].script("#!/env/bin/python\n", "test");
        assert!(script.starts_with("#!/env/bin/python\n# Made by test: calls "), "{script}");
        assert!(script.contains("\nfrom x import App\n") && script.contains("(App.run())"));
    }

    #[test]
    fn lines_that_would_become_code_or_paths_are_refused() {
        for line in [
            "a = b",
            "a = b:",
            "a = :b",
            "../a = b:c",
            ".. = b:c",
            " = b:c",
            "a = b:c()",
            "a = os; import x:c",
            "a = b:c [x",
            "a = b.:c",
            "a = 1b:c",
            "a",
        ] {
            let refused = parse(&format!("[console_scripts]\n{line}"));
            assert_eq!(refused, Err(line.trim().to_owned()));
        }
    }

    #[test]
    fn pip_has_the_names_that_pip_gives_it() {
        let mut commands = parse("[console_scripts]\npip = p:m\npip3.9 = p:m\npipx = p:m").unwrap();
        name_pip(&mut commands, "3.14");
        assert_eq!(commands.keys().collect::<Vec<_>>(), ["pip", "pip3", "pip3.14", "pipx"]);
    }
}
