//! `airssys explain`: why something is denied, and the lines that would allow it.

use std::path::Path;

use airssys_wasm::capability::{AllowedBy, Denied, allowed_by, give_command};
use airssys_wasm::control::ListDenials;
use airssys_wasm::manifest::{App, AppComponent, AppManifest, Disk, Files};
use airssys_wasm::{Capability, Denial, Origin, Subject};

use crate::args::Explain;
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::place;
use crate::plain::plain;
use crate::services::load_app;
use crate::tables;
use crate::units::{ago, thousands};

pub(crate) fn explain(args: &Explain, output: &Output) -> Result<(), Failure> {
    if let (Some(manifest), Some(component), Some(right), Some(object)) =
        (&args.manifest, &args.component, args.right, &args.object)
    {
        let found = Explanation::of(&place::app(manifest)?, component, right.into(), object)?;
        if args.target.json {
            return output.json(&found);
        }
        found.print(output);
        return Ok(());
    }
    let answer = ask(&args.target, "the denials are not listed", ListDenials { component: args.of.clone() })?;
    if args.target.json {
        return output.json(&answer.denials);
    }
    list(&answer.denials, output);
    Ok(())
}

fn list(denials: &[Denial], output: &Output) {
    if denials.is_empty() {
        output.line("nothing was denied");
        return;
    }
    let mut table = tables::empty(["component", "may not", "times", "last", "to allow it"]);
    for Row { denial, object, count } in rows(denials) {
        table.add_row([
            denial.component.clone(),
            plain(&format!("{} {object}", denial.capability.key())).into_owned(),
            thousands(count),
            ago(denial.last_ms),
            plain(&remedy(denial, object)).into_owned(),
        ]);
    }
    tables::align_right(&mut table, 2);
    tables::print(output, "Recent denials", table);
}

/// Denials with the same remedy.
struct Row<'a> {
    /// The latest of them.
    denial: &'a Denial,
    /// The revoked pattern, or the object that was denied.
    object: &'a str,
    count: u64,
}

/// One row for each object. Everything that one revocation denies is one row.
fn rows(denials: &[Denial]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for denial in denials {
        let revoked = denial.revoked.as_deref().filter(|_| !denial.allowed_now);
        let object = revoked.or(denial.object.as_deref()).unwrap_or_default();
        let is_same = |row: &&mut Row<'_>| {
            let same_right =
                (&row.denial.component, row.denial.capability) == (&denial.component, denial.capability);
            revoked.is_some() && same_right && row.denial.revoked.as_deref() == revoked
        };
        match rows.iter_mut().find(is_same) {
            Some(row) => row.count += denial.count,
            None => rows.push(Row { denial, object, count: denial.count }),
        }
    }
    rows
}

fn remedy(denial: &Denial, object: &str) -> String {
    let Denial { component, capability, component_line, grant_line, .. } = denial;
    match (denial.allowed_now, denial.asked, &denial.revoked) {
        (true, ..) => "allowed now".to_owned(),
        (false, true, Some(_)) => {
            format!("{} (it was revoked)", give_command(component, *capability, object))
        }
        (false, true, None) => give_command(component, *capability, object),
        (false, false, _) => {
            format!(
                "Component.toml, [capabilities]: {component_line}; app.toml, [grants.{component}]: {grant_line}"
            )
        }
    }
}

/// The answer to a question about the rights of a component, with its reasons.
#[derive(serde::Serialize)]
struct Explanation {
    allowed: bool,
    component: String,
    capability: Capability,
    object: String,
    /// True if the object is the component itself.
    itself: bool,
    lines: Vec<Line>,
    /// True if the app has the component or instance that the object names. Always true for topics,
    /// the resources of services, and servers.
    exists: bool,
}

/// A line of a manifest that is present, or that would be needed.
#[derive(serde::Serialize)]
struct Line {
    file: String,
    table: String,
    line: String,
    present: bool,
}

impl Explanation {
    fn of(file: &Path, component: &str, capability: Capability, object: &str) -> Result<Self, Failure> {
        let app = load_app(file)?;
        // Manifests name a server in one form. A text that names no server is refused below.
        let server = object.parse::<Origin>().ok().filter(|_| capability == Capability::HttpOutgoing);
        let server = server.map(|server| server.to_string());
        let object = server.as_deref().unwrap_or(object);
        let found = app.component(component).ok_or_else(|| {
            let names: Vec<&str> = app.components.iter().map(|component| component.name.as_str()).collect();
            Failure::usage(format!("the app has no component `{component}`; it has {}", names.join(", ")))
        })?;
        // The manifest was loaded from this file just before.
        let text = Disk.read(file).unwrap_or_default();
        let granted = AppManifest::parse(&text, file).granted(component);
        let subject = Subject::new(component, component);
        let by = |capabilities| {
            allowed_by(&subject, capabilities, capability, object)
                .map_err(|error| Failure::usage(error.to_string()))
        };
        let (allowed, asked, granted) =
            (by(&found.capabilities)?, by(&found.manifest.capabilities)?, by(&granted)?);
        let itself = allowed == Some(AllowedBy::Itself);
        let missing = Denied::new(subject.clone(), capability, object);
        let line = |file: &Path, table: String, by: &Option<AllowedBy>, missing: String| Line {
            file: file.display().to_string(),
            table,
            line: match by {
                Some(AllowedBy::Pattern(pattern)) => format!("{} = [{pattern:?}]", capability.key()),
                _ => missing,
            },
            present: by.is_some(),
        };
        let lines = match itself {
            true => Vec::new(),
            false => vec![
                line(&found.manifest_file, "[capabilities]".to_owned(), &asked, missing.component_line()),
                line(file, format!("[grants.{component}]"), &granted, missing.grant_line()),
            ],
        };
        let (allowed, exists) = (allowed.is_some(), exists(&app, capability, object));
        let (component, object) = (component.to_owned(), object.to_owned());
        Ok(Explanation { allowed, component, capability, object, itself, lines, exists })
    }

    fn print(&self, output: &Output) {
        let Explanation { component, capability, object, .. } = self;
        let (answer, may) = if self.allowed { ("yes", "may") } else { ("no", "may not") };
        output.line(format!("{answer}: {component} {may} {} {object}", capability.verb()));
        if self.itself {
            output.line("  a component may always send to itself");
        }
        for Line { file, table, line, present } in &self.lines {
            let is = if *present { "has" } else { "lacks" };
            output.line(format!("  {file} {is}, under {table}: {line}"));
        }
        if !self.exists {
            output.line(format!("  the app has no component or instance `{object}`"));
        }
    }
}

/// Returns true if the app has the component or instance. Topics, the resources of services
/// and servers are not listed anywhere, so all of them exist.
fn exists(app: &App, capability: Capability, object: &str) -> bool {
    let is_name = matches!(capability, Capability::Send | Capability::Request);
    let has = |component: &AppComponent| {
        component.name == object || component.instance_names().any(|instance| instance == object)
    };
    !is_name || app.components.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denials(of: &[(&str, Option<&str>, bool)]) -> Vec<Denial> {
        let denial = |(object, revoked, allowed_now): &(&str, Option<&str>, bool)| {
            serde_json::json!({
                "component": "feed", "instance": "feed", "capability": "publish", "object": object, "count": 2,
                "last_ms": 0, "asked": true, "allowed_now": allowed_now, "revoked": revoked,
                "component_line": "", "grant_line": "",
            })
        };
        of.iter().map(|of| serde_json::from_value(denial(of)).unwrap()).collect()
    }

    #[test]
    fn everything_that_one_revocation_denies_is_one_row() {
        let denials = denials(&[
            ("quakes.a", Some("quakes.*"), false),
            ("quakes.b", Some("quakes.*"), false),
            ("other", None, false),
            ("quakes.c", Some("quakes.*"), true),
        ]);
        let rows = rows(&denials);
        let told: Vec<_> =
            rows.iter().map(|row| (row.object, row.count, remedy(row.denial, row.object))).collect();
        let give = |pattern: &str| format!("airssys grants give feed publish {pattern}");
        assert_eq!(
            told,
            [
                ("quakes.*", 4, give("'quakes.*' (it was revoked)")),
                ("other", 2, give("other")),
                ("quakes.c", 2, "allowed now".to_owned()),
            ]
        );
    }
}
