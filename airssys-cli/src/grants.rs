//! `airssys grants`: the rights of components in a running app.

use airssys_wasm::control::{Give, ListGrants, Revoke};
use airssys_wasm::{Capability, ComponentGrants, GrantChange, GrantOrigin, GrantVerb};

use crate::args::{Grant, Grants, GrantsCommand, Target};
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::tables;

pub(crate) fn grants(args: Grants, output: &Output) -> Result<(), Failure> {
    let Grants { target, command } = args;
    match command {
        GrantsCommand::List { component } => {
            let answer = ask(&target, "the grants are not listed", ListGrants { component })?;
            if target.json {
                return output.json(&answer.components);
            }
            list(&answer.components, output);
            Ok(())
        }
        GrantsCommand::Give(grant) => {
            let refused = format!("{} is not given", described(&grant));
            let (capability, pattern) = (grant.right.into(), grant.pattern);
            let give = Give { component: grant.component, capability, pattern };
            changed(&target, &ask(&target, refused, give)?, output)
        }
        GrantsCommand::Revoke(grant) => {
            let refused = format!("{} is not revoked", described(&grant));
            let (capability, pattern) = (grant.right.into(), grant.pattern);
            let revoke = Revoke { component: grant.component, capability, pattern };
            changed(&target, &ask(&target, refused, revoke)?, output)
        }
    }
}

fn described(Grant { component, right, pattern }: &Grant) -> String {
    format!("{} = [{pattern:?}] of `{component}`", Capability::from(*right).key())
}

fn changed(target: &Target, change: &GrantChange, output: &Output) -> Result<(), Failure> {
    if target.json {
        return output.json(change);
    }
    for line in change_lines(change) {
        output.line(line);
    }
    Ok(())
}

fn list(components: &[ComponentGrants], output: &Output) {
    let mut table = tables::empty(["component", "right", "asks for", "granted", "by"]);
    for component in components {
        if component.grants.is_empty() {
            table.add_row([component.component.as_str(), "–", "nothing", "–", "–"]);
        }
        for kind in &component.grants {
            let asked = kind.asked.join(", ");
            let granted: Vec<&str> = kind.granted.iter().map(|granted| granted.pattern.as_str()).collect();
            let by: Vec<&str> = kind.granted.iter().map(|granted| origin(granted.from)).collect();
            let or_none =
                |texts: Vec<&str>| if texts.is_empty() { "–".to_owned() } else { texts.join(", ") };
            table.add_row([
                component.component.clone(),
                kind.capability.key().to_owned(),
                asked,
                or_none(granted),
                or_none(by),
            ]);
        }
    }
    tables::print(output, "Grants", table);
}

fn origin(from: GrantOrigin) -> &'static str {
    match from {
        GrantOrigin::App => "app.toml",
        _ => "run time",
    }
}

/// The effect of a change, in lines.
fn change_lines(change: &GrantChange) -> Vec<String> {
    let GrantChange { component, capability, pattern, .. } = change;
    let key = capability.key();
    let list = |patterns: &[String]| format!("{patterns:?}");
    let mut lines = vec![match (change.verb, change.changed) {
        (GrantVerb::Give, true) => {
            format!("{component} is granted {key} = [{pattern:?}], until the run ends")
        }
        (GrantVerb::Give, false) => {
            format!("nothing changed: {component} already has {key} = {}", list(&change.allowed_by))
        }
        (GrantVerb::Revoke, true) => format!("{component} lost {key} = {}", list(&change.removed)),
        (GrantVerb::Revoke, false) => {
            format!("nothing changed: {component} is not granted {key} = [{pattern:?}]")
        }
    }];
    if change.verb == GrantVerb::Revoke && !change.allowed_by.is_empty() {
        lines.push(format!("part of it is still allowed by {key} = {}", list(&change.allowed_by)));
    }
    if !change.ended.is_empty() {
        lines.push(format!("ended subscriptions: {}", change.ended.join(", ")));
    }
    if !change.restored.is_empty() {
        lines.push(format!("restored subscriptions: {}", change.restored.join(", ")));
    }
    lines
}
